/**
 * Looks at the teacher while it trains: k-NN accuracy where there are labels, how alike the features are, and attention
 * maps of a few images. Which images is a function of the seed; they are read once and kept as 8-bit pixels.
 */
import { statisticsFor } from '../data/assemble.ts';
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { evalImages } from '../eval/eval-images.ts';
import { FrozenBackbone, type Weights, weightsUnder } from '../eval/frozen-backbone.ts';
import { knn } from '../eval/knn.ts';
import type { Image } from '../image/image.ts';
import { normalizationTable, normalize } from '../image/normalize.ts';
import { forwardOperations } from '../model/backbone.ts';
import { Random } from '../random/random.ts';
import { backboneOf } from './build.ts';
import type { TrainConfig } from './config.ts';
import { type FeatureSpread, featureSpread } from './doctor.ts';

export interface Observation {
  readonly step: number;
  /** Top-1 of 20-NN in percent, queries against other training images; absent without labels. */
  readonly knn?: number;
  /** How the features of different images are spread, and over how many images that was measured. */
  readonly spread: FeatureSpread;
  readonly images: number;
  /** [examples, heads, patches]; absent for networks without attention. */
  readonly attention?: Float32Array;
}

/** What is looked at. */
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
const BATCH = 100;
const MEMORY = 256 * 2 ** 20;
/** Operations of a look: half a minute or less on an ordinary machine. A large network looks at fewer images. */
const OPERATIONS = 8e12;

export class Monitor {
  readonly watched: WatchedImages;
  readonly backbone: FrozenBackbone;
  readonly #classes: number;
  readonly #engine: Engine;
  readonly #table: Float32Array;

  private constructor(watched: WatchedImages, backbone: FrozenBackbone, classes: number, engine: Engine) {
    this.watched = watched;
    this.backbone = backbone;
    this.#classes = classes;
    this.#engine = engine;
    this.#table = normalizationTable(statisticsFor(backbone.config.channels === 1 ? 1 : 3));
  }

  static async create(source: Source, config: TrainConfig, engine: Engine): Promise<Monitor> {
    const size = config.globalCropsSize;
    const fits = Math.min(
      Math.floor(MEMORY / (size * size * source.channels)),
      Math.floor(OPERATIONS / forwardOperations(backboneOf(config), size)),
    );
    const queries = Math.max(1, Math.min(QUERIES, Math.floor(source.length / 5), Math.floor(fits / 5)));
    const bank = Math.min(BANK, source.length - queries, fits - queries);
    const order = new Random(config.seed, 'watched images').permutation(source.length);
    const wanted = Array.from(order.subarray(0, queries + bank));
    const images = new Map<number, Image>();
    for await (const batch of evalImages(source, { size, batch: BATCH, indices: wanted })) {
      batch.indices.forEach((index, i) => {
        const image = batch.images[i];
        if (image !== undefined) images.set(index, image);
      });
    }
    const readable = wanted.filter((index) => images.has(index));
    const [queryIndices, bankIndices] = [readable.slice(0, queries), readable.slice(queries)];
    const pick = (indices: readonly number[]): Image[] => indices.flatMap((index) => images.get(index) ?? []);
    const labels = (indices: readonly number[]): Int32Array =>
      Int32Array.from(indices, (index) => source.label(index) ?? 0);
    const examples = exampleIndices(source, queryIndices);
    const watched: WatchedImages = {
      bank: pick(bankIndices),
      bankIndices,
      bankLabels: labels(bankIndices),
      queries: pick(queryIndices),
      queryIndices,
      queryLabels: labels(queryIndices),
      examples,
      exampleImages: pick(examples),
    };
    const backbone = new FrozenBackbone(backboneOf(config), size, engine, {
      threads: config.threads,
      spinning: false,
    });
    return new Monitor(watched, backbone, source.classes.length, engine);
  }

  /** @param teacher weights of the teacher by their names in the network */
  async observe(step: number, teacher: Weights): Promise<Observation> {
    const weights = weightsUnder(teacher, 'backbone.');
    const queries = await this.features(weights, this.watched.queries);
    const spread = featureSpread(queries, this.backbone.dim);
    const attention =
      this.backbone.config.kind === 'vit'
        ? await this.backbone.attention(weights, this.#pixels(this.watched.exampleImages))
        : undefined;
    const knn = this.#classes > 1 ? await this.#accuracy(queries, weights) : undefined;
    return {
      step,
      spread,
      images: this.watched.queries.length,
      ...(knn === undefined ? {} : { knn }),
      ...(attention === undefined ? {} : { attention }),
    };
  }

  /** Features of kept images, [images, D]. */
  async features(weights: Weights, images: readonly Image[]): Promise<Float32Array> {
    const features = new Float32Array(images.length * this.backbone.dim);
    for (let start = 0; start < images.length; start += BATCH) {
      const part = await this.backbone.features(weights, this.#pixels(images.slice(start, start + BATCH)));
      features.set(part, start * this.backbone.dim);
    }
    return features;
  }

  async #accuracy(queries: Float32Array, weights: Weights): Promise<number> {
    const { bankLabels, queryLabels, bank } = this.watched;
    const { dim } = this.backbone;
    const [result] = await knn(
      this.#engine,
      { values: await this.features(weights, bank), dim },
      bankLabels,
      { values: queries, dim },
      queryLabels,
      { ks: [Math.min(20, bankLabels.length)], temperature: 0.07, classes: this.#classes },
    );
    return result?.top1 ?? Number.NaN;
  }

  #pixels(images: readonly Image[]): Float32Array {
    const each = this.backbone.config.channels * this.backbone.size ** 2;
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
