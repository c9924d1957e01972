/** The k-NN evaluation of a trained network beside what it must beat: itself untrained, the raw pixels, and their principal components. */
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { type Extracted, extractFeatures } from './extract.ts';
import type { FrozenBackbone, Weights } from './frozen-backbone.ts';
import { type FeatureRows, knn } from './knn.ts';
import { fitPca, projectPca } from './pca.ts';

/** Principal components of the pixels that are compared with. */
const COMPONENTS = 128;

/** Percent correct by k. */
export interface Accuracy {
  readonly top1: Readonly<Record<string, number>>;
  readonly top5: Readonly<Record<string, number>>;
}

export interface KnnReport {
  readonly trained: Accuracy;
  readonly untrained: Accuracy;
  readonly pixels: Accuracy;
  /** The pixels' first principal components, fitted on the bank. */
  readonly pca: Accuracy;
  readonly bankImages: number;
  readonly testImages: number;
}

export interface KnnReportOptions {
  readonly train: Source;
  readonly test: Source;
  readonly backbone: FrozenBackbone;
  readonly trained: Weights;
  readonly untrained: Weights;
  readonly ks: readonly number[];
  readonly temperature: number;
  readonly engine: Engine;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** @throws Error if a source has no classes, or a class of the test set is unknown to the bank */
export async function knnReport(options: KnnReportOptions): Promise<KnnReport> {
  const { train, test, backbone, ks, temperature, engine, onProgress } = options;
  for (const source of [train, test]) {
    if (source.classes.length < 2) {
      throw new Error(
        `${source.name} has no class folders, and k-NN needs labels: put the images of each class into a folder of their own.`,
      );
    }
  }
  const toBank = test.classes.map((name) => {
    const label = train.classes.indexOf(name);
    if (label < 0)
      throw new Error(
        `the class "${name}" of ${test.name} does not occur in ${train.name}: evaluate on the same classes.`,
      );
    return label;
  });
  const weights = new Map([
    ['trained', options.trained],
    ['untrained', options.untrained],
  ]);
  const watch = (what: string) => (done: number, total: number) => onProgress?.(what, done, total);
  const bank = await extractFeatures(train, backbone, weights, watch('bank'));
  const queries = await extractFeatures(test, backbone, weights, watch('test'));
  const usable = ks.filter((k) => k <= bank.labels.length);
  if (usable.length === 0)
    throw new Error(`the bank has ${bank.labels.length} images, fewer than every k of ${ks.join(', ')}.`);
  const queryLabels = queries.labels.map((label) => toBank[label] ?? -1);
  const accuracy = async (pick: (set: Extracted) => Float32Array, dim: number): Promise<Accuracy> => {
    onProgress?.('neighbours', 0, queryLabels.length);
    const results = await knn(
      engine,
      { values: pick(bank), dim },
      bank.labels,
      { values: pick(queries), dim },
      queryLabels,
      { ks: usable, temperature, classes: train.classes.length },
    );
    return {
      top1: Object.fromEntries(results.map(({ k, top1 }) => [k, top1])),
      top5: Object.fromEntries(results.map(({ k, top5 }) => [k, top5])),
    };
  };
  const pca = await fitPca(engine, { values: bank.pixels, dim: bank.pixelDim }, COMPONENTS);
  const along = async (set: Extracted): Promise<FeatureRows> =>
    projectPca(engine, pca, { values: set.pixels, dim: set.pixelDim });
  const [bankAlong, queriesAlong] = [await along(bank), await along(queries)];
  const of = (name: string) => (set: Extracted) => set.features.get(name) ?? new Float32Array();
  return {
    trained: await accuracy(of('trained'), backbone.dim),
    untrained: await accuracy(of('untrained'), backbone.dim),
    pixels: await accuracy((set) => set.pixels, bank.pixelDim),
    pca: await accuracy((set) => (set === bank ? bankAlong : queriesAlong).values, bankAlong.dim),
    bankImages: bank.labels.length,
    testImages: queries.labels.length,
  };
}
