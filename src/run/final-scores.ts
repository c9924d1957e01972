/** What runs ended with, and how far runs that differ in their seed alone lie apart. */
import type { Measure } from '../method/method.ts';
import { mean } from '../rows/mean.ts';
import type { LogLine } from './run-folder-node.ts';

/** What is compared of any run, in the order of a table, by the keys of `log.txt`. */
const common = {
  knn_top1: '20-NN top-1 %',
  knn_untrained: 'the same before training',
  knn_pixels: 'the same of raw pixels',
  linear_top1: 'linear top-1 %',
  cluster_nmi: 'clusters, NMI',
  feature_rank: 'rank of the features',
  feature_cosine: 'mean cosine',
  train_loss: 'loss',
} as const;

/** By the keys of `log.txt`. */
export type FinalScores = Readonly<Record<string, number>>;

/** Names of all scores by their keys, in the order of a table; the measures of the method come last. */
export function scoreNames(measures: readonly Pick<Measure, 'key' | 'name'>[]): ReadonlyMap<string, string> {
  return new Map([...Object.entries(common), ...measures.map(({ key, name }) => [key, name] as const)]);
}

export interface Spread {
  readonly mean: number;
  /** Standard deviation, n - 1 in the denominator; undefined for a single run. */
  readonly deviation: number | undefined;
  readonly runs: number;
}

/** Which of them are shares in percent. */
export const isPercent = (key: string): boolean => key.startsWith('knn') || key.endsWith('_top1');

/** The latest value of each score in a run's log, and the k-NN accuracy of its first online evaluation. */
export function finalScores(log: readonly LogLine[], names: ReadonlyMap<string, string>): FinalScores {
  const first = log.find((line) => typeof line.knn_top1 === 'number')?.knn_top1;
  const found = [...names.keys()].flatMap((key) => {
    const value = log.findLast((line) => typeof line[key] === 'number')?.[key];
    return typeof value === 'number' ? [[key, value] as const] : [];
  });
  return { ...Object.fromEntries(found), ...(typeof first === 'number' ? { knn_untrained: first } : {}) };
}

/** Mean and standard deviation of each score that all runs have. */
export function spreadOf(runs: readonly FinalScores[]): Readonly<Record<string, Spread>> {
  const found = Object.keys(runs[0] ?? {}).flatMap((key) => {
    const values = runs.flatMap((scores) => scores[key] ?? []);
    return values.length === runs.length && values.length > 0 ? [[key, spread(values)] as const] : [];
  });
  return Object.fromEntries(found);
}

function spread(values: readonly number[]): Spread {
  const runs = values.length;
  const center = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return { mean: center, deviation: runs < 2 ? undefined : Math.sqrt(squares / (runs - 1)), runs };
}
