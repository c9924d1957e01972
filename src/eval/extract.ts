/** Features of a whole source under several sets of weights at once, so that images are read and decoded only once. */

import { statisticsFor } from '../data/assemble.ts';
import type { Source } from '../data/source.ts';
import { normalizationTable, normalize } from '../image/normalize.ts';
import { resize } from '../image/resize.ts';
import { evalImages } from './eval-images.ts';
import type { FrozenBackbone, Weights } from './frozen-backbone.ts';

export interface Extracted {
  /** [images, D] for each name of the given weights. */
  readonly features: ReadonlyMap<string, Float32Array>;
  /** The pixels themselves, normalised, at most 32 x 32: [images, pixelDim]. */
  readonly pixels: Float32Array;
  readonly pixelDim: number;
  /** -1 where the source has no classes. */
  readonly labels: Int32Array;
  /** Numbers of the images in the source: those that could be read. */
  readonly indices: Int32Array;
  readonly skipped: readonly { readonly key: string; readonly reason: string }[];
}

const BATCH = 128;
/** Larger images are shrunk to this side for the comparison with raw pixels: more pixels do not help it, and do not fit. */
const PIXEL_SIDE = 32;

/** @param wanted numbers of the images, in order; all unless given */
export async function extractFeatures(
  source: Source,
  backbone: FrozenBackbone,
  weights: ReadonlyMap<string, Weights>,
  onProgress?: (done: number, total: number) => void,
  wanted?: readonly number[],
): Promise<Extracted> {
  const count = wanted?.length ?? source.length;
  const side = Math.min(backbone.size, PIXEL_SIDE);
  const pixelDim = side * side * source.channels;
  const table = normalizationTable(statisticsFor(source.channels));
  const features = new Map([...weights.keys()].map((name) => [name, new Float32Array(count * backbone.dim)]));
  const pixels = new Float32Array(count * pixelDim);
  const labels = new Int32Array(count);
  const indices = new Int32Array(count);
  const skipped: { key: string; reason: string }[] = [];
  let done = 0;
  const onSkip = (key: string, reason: string): void => void skipped.push({ key, reason });
  const options = {
    size: backbone.size,
    batch: BATCH,
    onSkip,
    ...(wanted === undefined ? {} : { indices: wanted }),
  };
  for await (const batch of evalImages(source, options)) {
    for (const [name, set] of weights) {
      features.get(name)?.set(await backbone.features(set, batch.pixels), done * backbone.dim);
    }
    batch.images.forEach((image, i) => {
      normalize(resize(image, side, side, 'bicubic'), table, pixels, (done + i) * pixelDim);
      labels[done + i] = source.label(batch.indices[i] ?? 0) ?? -1;
      indices[done + i] = batch.indices[i] ?? 0;
    });
    done += batch.images.length;
    onProgress?.(done, count);
  }
  if (done === 0) throw new Error(`${source.name}: none of its ${count} images can be read.`);
  return {
    features: new Map([...features].map(([name, values]) => [name, values.subarray(0, done * backbone.dim)])),
    pixels: pixels.subarray(0, done * pixelDim),
    pixelDim,
    labels: labels.subarray(0, done),
    indices: indices.subarray(0, done),
    skipped,
  };
}
