/** Features of the images of a source with their classes, as evaluations see them. */
import type { SkippedImage } from '../data/skipped-images.ts';
import type { Source } from '../data/source.ts';
import { counted } from '../numbers/counted.ts';
import { type DescribedImages, describeImages } from './describe-images.ts';
import { featureDescriptor, type NetworkFeature } from './descriptors.ts';
import type { FrozenBackbone } from './frozen-backbone.ts';
import type { Weights } from './network-weights.ts';
import { PIXEL_SIDE } from './pixel-row.ts';
import { shownImages, type ViewOf } from './shown-images.ts';
import { viewsOf } from './views.ts';

export interface Extracted extends DescribedImages {
  /** Class of every row, -1 where the image has none. */
  readonly labels: Int32Array;
  readonly skipped: readonly SkippedImage[];
}

export interface ExtractOptions {
  readonly backbone: FrozenBackbone;
  readonly weights: ReadonlyMap<string, Weights>;
  /** The class token or the pooled feature unless given. */
  readonly feature?: NetworkFeature | undefined;
  /** Which images, in order; all unless given. */
  readonly indices?: ArrayLike<number>;
  /** What is shown of an image, one view or several whose features are averaged; the official view unless given. */
  readonly view?: ViewOf;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

const BATCH = 128;

/**
 *     const { features, labels } = await extractFeatures(source, { backbone, weights: new Map([['teacher', weights]]) });
 *
 * @throws Error if no image can be read, or the features do not fit into the memory
 */
export async function extractFeatures(source: Source, options: ExtractOptions): Promise<Extracted> {
  const { backbone, weights, feature, indices, onProgress } = options;
  const { view = (image) => viewsOf(image, backbone.preprocessing, 1) } = options;
  const count = indices?.length ?? source.length;
  const skipped: SkippedImage[] = [];
  const images = shownImages(source, view, {
    ...(indices === undefined ? {} : { indices }),
    onSkip: (key, reason) => void skipped.push({ key, reason }),
  });
  const described = await describeImages(images, {
    weights,
    descriptor: featureDescriptor(backbone, feature),
    count,
    channels: source.channels,
    name: `${counted(count, 'image')} of ${source.name}`,
    skipped,
    statistics: backbone.preprocessing.statistics,
    batch: BATCH,
    pixelSide: Math.min(backbone.size, PIXEL_SIDE),
    onProgress: (done) => onProgress?.(done, count),
  });
  onProgress?.(count, count); // what could not be read is done with, too
  const labels = described.indices.map((index) => source.label(index) ?? -1);
  return { ...described, labels, skipped };
}
