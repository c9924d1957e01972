/**
 * Near duplicates in a folder. How similar two images must be to count as copies depends on the network, and nobody labels
 * copies; so the threshold is measured: images are compared with copies of themselves that were changed a little (5 % of the
 * surface cut away, then JPEG at 50), and nearly all of these must count.
 */
import { inputView } from '../data/preprocessing.ts';
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { cropAway } from '../image/attacks.ts';
import { Random } from '../random/random.ts';
import type { Jpeg } from './copy-attacks.ts';
import { cosineRows } from './cosine-rows.ts';
import {
  describeImages,
  featureDescriptor,
  type NumberedImage,
  readImages,
  type SkippedImages,
} from './describe-images.ts';
import { type Duplicates, findDuplicates } from './duplicates.ts';
import { embedImages } from './embed-images.ts';
import type { FrozenBackbone, Weights } from './frozen-backbone.ts';
import type { FeatureRows } from './knn.ts';
import { checkMemory } from './memory-limit.ts';

export interface DedupeOptions {
  readonly source: Source;
  readonly backbone: FrozenBackbone;
  readonly weights: Weights;
  readonly engine: Engine;
  /** Least cosine of a pair; measured unless given. */
  readonly threshold?: number | undefined;
  /** Compresses a copy; only called where the threshold is measured. */
  readonly jpeg: Jpeg;
  readonly seed?: number;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** How the threshold was chosen. */
export interface MeasuredThreshold {
  /** Images that were compared with a changed copy of themselves. */
  readonly images: number;
  /** Their similarities, ascending. */
  readonly similarities: readonly number[];
  /** Of 20 changed copies 19 are at least so similar. */
  readonly threshold: number;
  /**
   * Share of the changed copies that some other image is so similar to as well: the folder is full of duplicates, or the
   * network does not tell these images apart.
   */
  readonly confused: number;
}

export interface DedupeReport extends Duplicates {
  readonly threshold: number;
  readonly measured?: MeasuredThreshold;
  /** Number of every row's image in the source. */
  readonly indices: Int32Array;
  /** Share of all pairs that count as duplicates: above a few percent the network does not tell images apart. */
  readonly share: number;
  readonly skipped: SkippedImages;
}

/** Images that are changed to measure. */
const SAMPLE = 200;
/** Of changed copies so many fall below the threshold. */
const MISSED = 0.05;
const REMOVED = 0.05;
const QUALITY = 50;

/** @throws Error if fewer than two images can be read, or a feature is not finite */
export async function dedupeReport(options: DedupeOptions): Promise<DedupeReport> {
  const { source, backbone, weights, engine, onProgress } = options;
  const skipped: SkippedImages = [];
  checkMemory(4 * source.length * backbone.dim, `The features of ${source.length} images of ${source.name}`);
  const values = new Float32Array(source.length * backbone.dim);
  const numbers: number[] = [];
  const batches = embedImages(source, backbone, weights, {
    onSkip: (key, reason) => void skipped.push({ key, reason }),
  });
  for await (const { indices, rows } of batches) {
    values.set(rows.values, numbers.length * rows.dim);
    numbers.push(...indices);
    onProgress?.(`features of ${source.name}`, numbers.length, source.length);
  }
  const count = numbers.length;
  if (count < 2) {
    throw new Error(
      `${source.name} holds ${count === 1 ? 'one image that can be read' : 'no image that can be read'}: duplicates need two.`,
    );
  }
  const rows = { values: values.subarray(0, count * backbone.dim), dim: backbone.dim };
  const measured = options.threshold === undefined ? await measure(options, rows, numbers) : undefined;
  const threshold = options.threshold ?? measured!.threshold;
  const duplicates = await findDuplicates(engine, rows, {
    threshold,
    onProgress: (done, total) => onProgress?.('comparing', done, total),
  });
  return {
    ...duplicates,
    threshold,
    ...(measured === undefined ? {} : { measured }),
    indices: Int32Array.from(numbers),
    share: duplicates.count / ((count * (count - 1)) / 2),
    skipped,
  };
}

/** Similarities of images with changed copies of themselves. */
async function measure(
  { source, backbone, weights, engine, jpeg, seed = 0, onProgress }: DedupeOptions,
  features: FeatureRows,
  numbers: readonly number[],
): Promise<MeasuredThreshold> {
  const images = Math.min(SAMPLE, numbers.length);
  const rows = Array.from({ length: images }, (_, i) => Math.floor((i * numbers.length) / images));
  async function* copies(): AsyncGenerator<NumberedImage> {
    for await (const { index, image } of readImages(source, { indices: rows.map((row) => numbers[row]!) })) {
      const cut = cropAway(image, REMOVED, new Random(seed, 'dedupe', index));
      yield { index, image: await jpeg(cut, QUALITY) };
    }
  }
  const changed = await describeImages(copies(), {
    weights: new Map([['trained', weights]]),
    descriptor: featureDescriptor(backbone),
    view: (image) => inputView(image, backbone.preprocessing),
    statistics: backbone.preprocessing.statistics,
    onProgress: (done) => onProgress?.('changed copies', done, images),
  });
  const own = new Float64Array(images);
  const nearestOther = new Float64Array(images);
  await cosineRows(engine, features, changed.descriptors.get('trained')!, {}, (similarities, copy) => {
    own[copy] = similarities[rows[copy]!]!;
    similarities[rows[copy]!] = Number.NEGATIVE_INFINITY;
    nearestOther[copy] = similarities.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  });
  const sorted = own.sort();
  const threshold = sorted[Math.floor(MISSED * images)]!;
  return {
    images,
    similarities: Array.from(sorted),
    threshold,
    confused: nearestOther.filter((value) => value >= threshold).length / images,
  };
}
