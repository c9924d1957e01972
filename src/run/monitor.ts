/**
 * Evaluates the teacher while it trains: the scores that were asked for where there are labels (small versions of the
 * evaluations), how alike the features are, and attention maps of a few images. Runs of all seeds are evaluated on the same images, so that
 * their scores can be compared; they are read once and kept as 8-bit pixels.
 */
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { knn } from '../eval/classify/knn.ts';
import { ridgeProbe } from '../eval/classify/ridge-probe.ts';
import { clusterScores } from '../eval/cluster/cluster-scores.ts';
import { kMeans } from '../eval/cluster/kmeans.ts';
import { evalImages } from '../features/eval-images.ts';
import { FrozenBackbone } from '../features/frozen-backbone.ts';
import { type Weights, weightsUnder } from '../features/network-weights.ts';
import { PIXEL_SIDE, pixelRow } from '../features/pixel-row.ts';
import type { Image } from '../image/image.ts';
import { normalizationTable, normalize, statisticsFor } from '../image/normalize.ts';
import { forwardOperations } from '../model/backbone.ts';
import { placesAlong } from '../model/places.ts';
import { Random } from '../random/random.ts';
import { type FeatureRows, joinRows, l2NormalizedRows } from '../rows/feature-rows.ts';
import { backboneOf } from '../train/build.ts';
import { evalSizeOf, evalsOf, type OnlineEval, type TrainConfig } from '../train/config.ts';
import { type FeatureSpread, featureSpread } from '../train/doctor.ts';

export interface Observation {
  readonly step: number;
  /** Top-1 of 20-NN in percent, queries against other training images; absent without labels. */
  readonly knn?: number;
  /** The same of raw pixels; measured once, at the first evaluation. */
  readonly knnPixels?: number;
  /** Normalized mutual information, 0 to 1, of classes and k-means clusters of the queries, one for each class. */
  readonly cluster?: number;
  /** Top-1 in percent on the queries of a linear classifier fitted to the other images (ridge regression). */
  readonly linear?: number;
  /** How the features of different images are spread, and over how many images that was measured. */
  readonly spread: FeatureSpread;
  readonly images: number;
  /** [examples, heads, patches]; absent for networks without attention. */
  readonly attention?: Float32Array;
}

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

/** How an online evaluation is watched and ended. */
export interface Watch {
  /** Called as images are read or shown to the network. */
  readonly onProgress?: ((what: string, done: number, total: number) => void) | undefined;
  /** Ends it between two batches of images, with an `Interrupted`. */
  readonly signal?: AbortSignal | undefined;
}

/** An online evaluation was ended before it was done; nothing of it counts. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

export class Monitor {
  readonly watched: WatchedImages;
  readonly backbone: FrozenBackbone;
  readonly #classes: number;
  readonly #evals: readonly OnlineEval[];
  readonly #seed: number;
  readonly #engine: Engine;
  readonly #table: Float32Array;
  readonly #watch: Watch;

  private constructor(
    watched: WatchedImages,
    backbone: FrozenBackbone,
    classes: number,
    engine: Engine,
    config: TrainConfig,
    watch: Watch,
  ) {
    this.#watch = watch;
    this.#evals = evalsOf(config).evals;
    this.#seed = config.seed;
    this.watched = watched;
    this.backbone = backbone;
    this.#classes = classes;
    this.#engine = engine;
    this.#table = normalizationTable(statisticsFor(backbone.config.channels === 1 ? 1 : 3));
  }

  /** @throws Interrupted if the signal ends the reading of the images */
  static async create(
    source: Source,
    config: TrainConfig,
    engine: Engine,
    watch: Watch = {},
  ): Promise<Monitor> {
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
    const watched: WatchedImages = {
      bank: pick(bankIndices),
      bankIndices,
      bankLabels: labels(bankIndices),
      queries: pick(queryIndices),
      queryIndices,
      queryLabels: labels(queryIndices),
      examples,
      exampleImages,
    };
    const backbone = new FrozenBackbone(backboneOf(config), size, engine, {
      threads: config.threads,
      spinning: false,
    });
    return new Monitor(watched, backbone, source.classes.length, engine, config, watch);
  }

  /**
   * @param teacher weights of the teacher by their names in the network
   * @param withPixels also what raw pixels score, which training does not change
   * @throws Interrupted if the signal ends it
   */
  async observe(step: number, teacher: Weights, withPixels = false): Promise<Observation> {
    const weights = weightsUnder(teacher, 'backbone.');
    const queries = await this.features(weights, this.watched.queries);
    const spread = featureSpread(queries, this.backbone.dim);
    const attention = this.backbone.heads > 0 ? await this.#attention(weights) : undefined;
    return {
      step,
      spread,
      images: this.watched.queries.length,
      ...(this.#classes > 1 ? await this.#scores(queries, weights) : {}),
      ...(withPixels && this.#classes > 1 && this.#evals.includes('knn')
        ? { knnPixels: await this.#accuracy(...this.#pixelRows()) }
        : {}),
      ...(attention === undefined ? {} : { attention }),
    };
  }

  async #attention(weights: Weights): Promise<Float32Array> {
    const { exampleImages } = this.watched;
    const side = exampleImages[0]?.height ?? 0;
    const pixels = this.#pixels(exampleImages);
    return this.backbone.attention(weights, { pixels, height: side, width: side });
  }

  /** Features of kept images, [images, D]. */
  async features(weights: Weights, images: readonly Image[]): Promise<Float32Array> {
    const features = new Float32Array(images.length * this.backbone.dim);
    for (let start = 0; start < images.length; start += BATCH) {
      const part = await this.backbone.features(weights, this.#pixels(images.slice(start, start + BATCH)));
      features.set(part, start * this.backbone.dim);
      proceed(this.#watch, 'evaluating on images', Math.min(start + BATCH, images.length), images.length);
    }
    return features;
  }

  /** What was asked for; nothing can be said of features that are not finite. */
  async #scores(values: Float32Array, weights: Weights): Promise<Partial<Record<OnlineEval, number>>> {
    const { dim } = this.backbone;
    const queries = { values, dim };
    const scores: Partial<Record<OnlineEval, number>> = {};
    const usesBank = this.#evals.some((name) => name !== 'cluster');
    const bank = { values: usesBank ? await this.features(weights, this.watched.bank) : values, dim };
    const sound = values.every(Number.isFinite) && bank.values.every(Number.isFinite);
    for (const name of this.#evals) {
      if (!sound) continue;
      if (name === 'knn') scores.knn = await this.#accuracy(bank, queries);
      else if (name === 'cluster') scores.cluster = await this.#agreement(queries);
      else if (name === 'linear') scores.linear = await this.#separability(bank, queries);
    }
    return scores;
  }

  /** Pixels of the bank and of the queries, shrunk and normalized. */
  #pixelRows(): [bank: FeatureRows, queries: FeatureRows] {
    const side = Math.min(this.backbone.size, PIXEL_SIDE);
    const rows = (images: readonly Image[]): FeatureRows =>
      joinRows(images.map((image) => pixelRow(image, side)));
    return [rows(this.watched.bank), rows(this.watched.queries)];
  }

  async #accuracy(bank: FeatureRows, queries: FeatureRows): Promise<number> {
    const { bankLabels, queryLabels } = this.watched;
    const [result] = await knn(this.#engine, bank, bankLabels, queries, queryLabels, {
      ks: [Math.min(20, bankLabels.length)],
      temperature: 0.07,
      classes: this.#classes,
    });
    return result?.top1 ?? Number.NaN;
  }

  async #agreement(queries: FeatureRows): Promise<number> {
    const { queryLabels } = this.watched;
    const { assignments } = await kMeans(this.#engine, l2NormalizedRows(queries), {
      k: Math.min(this.#classes, queryLabels.length),
      restarts: 1,
      seed: this.#seed,
    });
    return clusterScores(queryLabels, assignments).nmi;
  }

  async #separability(bank: FeatureRows, queries: FeatureRows): Promise<number> {
    const { bankLabels, queryLabels } = this.watched;
    const predicted = await ridgeProbe(
      this.#engine,
      { features: l2NormalizedRows(bank), labels: bankLabels },
      l2NormalizedRows(queries),
      this.#classes,
    );
    return (100 * predicted.filter((label, i) => label === queryLabels[i]).length) / queryLabels.length;
  }

  /** Side of the attention maps of the examples, in places; 0 for a network without attention. */
  get attentionSide(): number {
    const side = this.watched.exampleImages[0]?.height ?? 0;
    return this.backbone.heads === 0 ? 0 : placesAlong(this.backbone.config, side);
  }

  /** Squares of one size, normalized, [images, C, side, side]. */
  #pixels(images: readonly Image[]): Float32Array {
    const each = this.backbone.config.channels * (images[0]?.height ?? 0) ** 2;
    const pixels = new Float32Array(images.length * each);
    images.forEach((image, i) => {
      normalize(image, this.#table, pixels, i * each);
    });
    return pixels;
  }

  async dispose(): Promise<void> {
    await this.backbone.dispose();
  }
}

function proceed({ onProgress, signal }: Watch, what: string, done: number, total: number): void {
  if (signal?.aborted === true) throw new Interrupted();
  onProgress?.(what, done, total);
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
