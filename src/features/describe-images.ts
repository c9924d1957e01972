/**
 * Rows of features of images in any view, under several sets of weights at once, so that images are read and decoded only once.
 * Everything that is measured of features comes through here: whole sources in the usual view (`extract.ts`), images of their own
 * aspect ratio or at several scales, squashed squares, and altered images that come from no file at all.
 */
import type { SkippedImage } from '../data/skipped-images.ts';
import type { ChannelStatistics } from '../image/normalize.ts';
import type { FeatureRows } from '../rows/feature-rows.ts';
import type { Descriptor } from './descriptors.ts';
import { checkMemory } from './memory-limit.ts';
import type { Weights } from './network-weights.ts';
import { pixelBatches } from './pixel-batches.ts';
import { PIXEL_SIDE, pixelRow } from './pixel-row.ts';
import type { ShownImage } from './shown-images.ts';
import { meanFeatures } from './views.ts';

export interface DescribeOptions {
  readonly weights: ReadonlyMap<string, Weights>;
  readonly descriptor: Descriptor;
  /** How many images there are, if all can be read, and their channels. */
  readonly count: number;
  readonly channels: number;
  /** What errors call them: `1000 images of photos`. */
  readonly name: string;
  /** Where those that cannot be read are listed meanwhile; the first is named if there are no others. */
  readonly skipped?: readonly SkippedImage[];
  /** What the views are normalized with; ImageNet's statistics unless given. */
  readonly statistics?: ChannelStatistics;
  /** Images of one size that are described at once. Default 32. */
  readonly batch?: number;
  /** Side to which views are squashed to have their pixels compared; 32 unless given. */
  readonly pixelSide?: number;
  /** Called with the number of images described so far. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

export interface DescribedImages {
  /** By name of the weights. */
  readonly features: ReadonlyMap<string, FeatureRows>;
  /** The views squashed to a small square, normalized: what networks are compared with. */
  readonly pixels: FeatureRows;
  /** Number of every row's image. */
  readonly indices: Int32Array;
}

/**
 * Describes images in their order.
 *
 * @throws Error if none can be read, or the rows do not fit into the memory
 */
export async function describeImages(
  images: AsyncIterable<ShownImage>,
  options: DescribeOptions,
): Promise<DescribedImages> {
  const { weights, descriptor, count, channels, name, batch = 32, pixelSide = PIXEL_SIDE } = options;
  const { skipped = [] } = options;
  const before = skipped.length;
  const { dim } = descriptor;
  const pixelDim = pixelSide * pixelSide * channels;
  checkMemory(4 * count * (weights.size * dim + pixelDim), `The features of ${name}`);
  const features = new Map([...weights.keys()].map((key) => [key, new Float32Array(count * dim)]));
  const pixels = new Float32Array(count * pixelDim);
  const indices = new Int32Array(count);
  let done = 0;
  for await (const part of pixelBatches(images, { batch, statistics: options.statistics })) {
    for (const [key, set] of weights) {
      const rows = await meanFeatures((view) => descriptor.describe(set, view), dim, part.views);
      for (const [i, place] of part.places.entries())
        features.get(key)!.set(rows.subarray(i * dim, (i + 1) * dim), place * dim);
    }
    for (const [i, place] of part.places.entries()) {
      const { index, views } = part.images[i]!;
      pixels.set(pixelRow(views[0]!, pixelSide), place * pixelDim);
      indices[place] = index;
    }
    done += part.images.length;
    options.onProgress?.(done);
  }
  if (done === 0) {
    const first = skipped[before];
    throw new Error(
      first === undefined
        ? `None of the ${name} can be read: check the files.`
        : `None of the ${name} can be read; the first: ${first.key} ${first.reason}`,
    );
  }
  return {
    features: new Map(
      [...features].map(([key, values]) => [key, { values: values.subarray(0, done * dim), dim }]),
    ),
    pixels: { values: pixels.subarray(0, done * pixelDim), dim: pixelDim },
    indices: indices.subarray(0, done),
  };
}
