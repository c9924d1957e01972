/**
 * Evaluates a network while it trains: the scores that were asked for where there are labels (small versions of the
 * evaluations), how alike the features are, and attention maps of a few images.
 */
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { knn } from '../eval/classify/knn.ts';
import { ridgeProbe } from '../eval/classify/ridge-probe.ts';
import { clusterScores } from '../eval/cluster/cluster-scores.ts';
import { kMeans } from '../eval/cluster/kmeans.ts';
import { FrozenBackbone } from '../features/frozen-backbone.ts';
import { type Weights, weightsUnder } from '../features/network-weights.ts';
import { PIXEL_SIDE, pixelRow } from '../features/pixel-row.ts';
import type { Image } from '../image/image.ts';
import { normalizationTable, normalize, statisticsFor } from '../image/normalize.ts';
import { placesAlong } from '../model/places.ts';
import { type FeatureRows, joinRows, l2NormalizedRows } from '../rows/feature-rows.ts';
import { type FeatureSpread, featureSpread } from '../rows/feature-spread.ts';
import { backboneOf } from '../train/build.ts';
import { evalSizeOf, evalsOf, type OnlineEval, type TrainConfig } from '../train/config.ts';
import { proceed, type Watch } from './watch.ts';
import { readWatchedImages, type WatchedImages } from './watched-images.ts';

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

const BATCH = 100;

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
    {
      watched,
      config,
      classes,
    }: { readonly watched: WatchedImages; readonly config: TrainConfig; readonly classes: number },
    engine: Engine,
    watch: Watch,
  ) {
    this.#watch = watch;
    this.#evals = evalsOf(config).evals;
    this.#seed = config.seed;
    this.watched = watched;
    this.backbone = new FrozenBackbone(backboneOf(config), evalSizeOf(config), engine, {
      threads: config.threads,
      spinning: false,
    });
    this.#classes = classes;
    this.#engine = engine;
    this.#table = normalizationTable(statisticsFor(this.backbone.config.channels === 1 ? 1 : 3));
  }

  /** @throws Interrupted if the signal ends the reading of the images */
  static async create(
    source: Source,
    config: TrainConfig,
    engine: Engine,
    watch: Watch = {},
  ): Promise<Monitor> {
    const watched = await readWatchedImages(source, config, watch);
    return new Monitor({ watched, config, classes: source.classes.length }, engine, watch);
  }

  /**
   * @param teacher weights of the evaluated network by their names in it
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
    if (![values, bank.values].every((each) => each.every(Number.isFinite))) return scores;
    for (const name of this.#evals) {
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
    const [result] = await knn(
      this.#engine,
      { features: bank, labels: bankLabels },
      { features: queries, labels: queryLabels },
      { ks: [Math.min(20, bankLabels.length)], temperature: 0.07, classes: this.#classes },
    );
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
      { classes: this.#classes },
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
