/**
 * The images of online evaluations: chosen by the source alone, so that runs of all seeds are evaluated on the same ones and
 * their scores can be compared; read once and kept as 8-bit pixels.
 */
import type { Source } from '../data/source.ts';
import { evalImages } from '../features/eval-images.ts';
import type { Image } from '../image/image.ts';
import { forwardOperations } from '../model/backbone.ts';
import { placesAlong } from '../model/places.ts';
import { Random } from '../random/random.ts';
import { backboneOf } from '../train/build.ts';
import { evalSizeOf, type TrainConfig } from '../train/config.ts';
import { proceed, type Watch } from './watch.ts';

/** What online evaluations see. */
export interface WatchedImages {
  readonly bank: readonly Image[];
  /** Numbers of the bank's images in the source. */
  readonly bankIndices: readonly number[];
  readonly bankLabels: Int32Array;
  readonly queries: readonly Image[];
  readonly queryIndices: readonly number[];
  readonly queryLabels: Int32Array;
  /** Examples whose attention is shown: numbers in the source. */
  readonly examples: readonly number[];
  readonly exampleImages: readonly Image[];
}

const BANK = 4000;
const QUERIES = 1000;
const EXAMPLES = 6;
/** Places along a side of an attention map that shows something. */
const FINE = 16;
const BATCH = 100;
const MEMORY = 256 * 2 ** 20;
/** Operations of an online evaluation: half a minute or less on an ordinary machine. A large network is shown fewer images. */
const OPERATIONS = 8e12;

/** @throws Interrupted if the signal ends the reading of the images */
export async function readWatchedImages(
  source: Source,
  config: TrainConfig,
  watch: Watch = {},
): Promise<WatchedImages> {
  const size = evalSizeOf(config);
  const fits = Math.min(
    config.evalImages,
    Math.floor(MEMORY / (size * size * source.channels)),
    Math.floor(OPERATIONS / forwardOperations(backboneOf(config), size)),
  );
  // Where there are classes, only images that have one are taken.
  const order = new Random(0, 'watched images')
    .permutation(source.length)
    .filter((index) => source.classes.length < 2 || source.label(index) !== undefined);
  const queries = Math.max(1, Math.min(QUERIES, Math.floor(order.length / 5), Math.floor(fits / 5)));
  const bank = Math.min(BANK, order.length - queries, fits - queries);
  const wanted = Array.from(order.subarray(0, queries + bank));
  const images = new Map<number, Image>();
  for await (const batch of evalImages(source, { size, batch: BATCH, indices: wanted })) {
    batch.indices.forEach((index, i) => {
      const image = batch.images[i];
      if (image !== undefined) images.set(index, image);
    });
    proceed(watch, 'reading images to evaluate on', images.size, wanted.length);
  }
  const readable = wanted.filter((index) => images.has(index));
  const [queryIndices, bankIndices] = [readable.slice(0, queries), readable.slice(queries)];
  const pick = (indices: readonly number[]): Image[] => indices.flatMap((index) => images.get(index) ?? []);
  const labels = (indices: readonly number[]): Int32Array =>
    Int32Array.from(indices, (index) => source.label(index) ?? 0);
  const examples = exampleIndices(source, queryIndices);
  const exampleImages: Image[] = [];
  const shown = evalImages(source, { size: attentionSize(config), batch: EXAMPLES, indices: examples });
  for await (const batch of shown) exampleImages.push(...batch.images);
  return {
    bank: pick(bankIndices),
    bankIndices,
    bankLabels: labels(bankIndices),
    queries: pick(queryIndices),
    queryIndices,
    queryLabels: labels(queryIndices),
    examples,
    exampleImages,
  };
}

/** The side of the examples, pixels: a convolutional net takes any size, so that its maps can be made fine enough to see. */
function attentionSize(config: TrainConfig): number {
  const [size, backbone] = [evalSizeOf(config), backboneOf(config)];
  return backbone.kind === 'convnet' && placesAlong(backbone, size) < FINE ? 2 * size : size;
}

/** A few images to show, of different classes where there are any. */
function exampleIndices(source: Source, candidates: readonly number[]): number[] {
  const seen = new Set<number>();
  const chosen: number[] = [];
  for (const index of candidates) {
    const label = source.label(index);
    if (label !== undefined && seen.has(label) && seen.size < source.classes.length) continue;
    if (label !== undefined) seen.add(label);
    chosen.push(index);
    if (chosen.length === EXAMPLES) break;
  }
  return chosen;
}
