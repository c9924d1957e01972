/** Features of a whole source under several sets of weights at once, so that images are read and decoded only once. */

import type { Source } from '../data/source.ts';
import type { Scope, Tensor } from '../graph/index.ts';
import type { Image } from '../image/image.ts';
import { evalImages } from './eval-images.ts';
import type { FrozenBackbone, Weights } from './frozen-backbone.ts';
import { checkMemory } from './memory-limit.ts';
import { PIXEL_SIDE, pixelRow } from './pixel-row.ts';
import type { SkippedImage } from './skipped-images.ts';
import { meanFeatures } from './views.ts';

export interface Extracted {
  /** [images, D] for each name of the given weights. */
  readonly features: ReadonlyMap<string, Float32Array>;
  /** The pixels themselves, normalized, at most 32 x 32: [images, pixelDim]. */
  readonly pixels: Float32Array;
  readonly pixelDim: number;
  /** Class of each image, -1 where it has none. */
  readonly labels: Int32Array;
  /** Numbers of the images in the source: those that could be read. */
  readonly indices: Int32Array;
  readonly skipped: readonly SkippedImage[];
}

/** What is taken of a network for each image. */
export interface NetworkFeature {
  /** What it is, in a few words; also names its program. */
  readonly title: string;
  readonly dim: number;
  /** [B, C, H, W] -> [B, dim] */
  trace(scope: Scope, images: Tensor): Tensor;
}

export interface ExtractOptions {
  /** The class token or the pooled feature unless given. */
  readonly feature?: NetworkFeature;
  /** Which images, in order; all unless given. */
  readonly indices?: ArrayLike<number>;
  /** What is shown of an image, one view or several whose features are averaged; the official view unless given. */
  readonly view?: (image: Image, index: number) => Image | readonly Image[];
}

const BATCH = 128;

/** @param wanted numbers of the images, in order; all unless given */
export async function extractFeatures(
  source: Source,
  backbone: FrozenBackbone,
  weights: ReadonlyMap<string, Weights>,
  onProgress?: (done: number, total: number) => void,
  { feature, indices: chosen, view }: ExtractOptions = {},
): Promise<Extracted> {
  const dim = feature?.dim ?? backbone.dim;
  const count = chosen?.length ?? source.length;
  const side = Math.min(backbone.size, PIXEL_SIDE);
  const pixelDim = side * side * source.channels;
  checkMemory(
    4 * count * (weights.size * dim + pixelDim),
    `The features of ${count} images of ${source.name}`,
  );
  const features = new Map([...weights.keys()].map((name) => [name, new Float32Array(count * dim)]));
  const pixels = new Float32Array(count * pixelDim);
  const labels = new Int32Array(count);
  const indices = new Int32Array(count);
  const skipped: SkippedImage[] = [];
  let done = 0;
  const onSkip = (key: string, reason: string): void => void skipped.push({ key, reason });
  const batches = evalImages(source, {
    size: backbone.size,
    batch: BATCH,
    preprocessing: backbone.preprocessing,
    onSkip,
    ...(chosen === undefined ? {} : { indices: chosen }),
    ...(view === undefined ? {} : { view }),
  });
  for await (const batch of batches) {
    for (const [name, set] of weights) {
      const of = (views: Float32Array) => featuresOf(backbone, set, views, feature);
      features.get(name)?.set(await meanFeatures(of, dim, batch.views), done * dim);
    }
    batch.images.forEach((image, i) => {
      pixels.set(pixelRow(image, side), (done + i) * pixelDim);
      labels[done + i] = source.label(batch.indices[i] ?? 0) ?? -1;
      indices[done + i] = batch.indices[i] ?? 0;
    });
    done += batch.images.length;
    onProgress?.(done, count);
  }
  if (done === 0)
    throw new Error(
      `${source.name}: none of its ${count} images can be read; the first: ${skipped[0]?.key} ${skipped[0]?.reason}`,
    );
  return {
    features: new Map([...features].map(([name, values]) => [name, values.subarray(0, done * dim)])),
    pixels: pixels.subarray(0, done * pixelDim),
    pixelDim,
    labels: labels.subarray(0, done),
    indices: indices.subarray(0, done),
    skipped,
  };
}

async function featuresOf(
  backbone: FrozenBackbone,
  weights: Weights,
  pixels: Float32Array,
  feature: NetworkFeature | undefined,
): Promise<Float32Array> {
  if (feature === undefined) return backbone.features(weights, pixels);
  const square = { pixels, height: backbone.size, width: backbone.size };
  const { features } = await backbone.compute(feature.title, weights, square, (scope, images) => ({
    features: feature.trace(scope, images),
  }));
  return features;
}
