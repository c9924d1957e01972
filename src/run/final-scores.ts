/** What runs ended with, and how far runs that differ in their seed alone lie apart. */
import { mean } from '../rows/mean.ts';
import type { LogLine } from './run-folder-node.ts';

/** What is compared, in the order of a table, by the keys of `log.txt`. */
export const finalScoreNames = {
  knn_top1: '20-NN top-1 %',
  knn_untrained: 'the same before training',
  knn_pixels: 'the same of raw pixels',
  linear_top1: 'linear top-1 %',
  cluster_nmi: 'clusters, NMI',
  feature_rank: 'rank of the features',
  feature_cosine: 'mean cosine',
  train_loss: 'loss',
  teacher_entropy: 'teacher entropy',
} as const;

export type FinalScores = Partial<Record<keyof typeof finalScoreNames, number>>;

export interface Spread {
  readonly mean: number;
  /** Standard deviation, n - 1 in the denominator; undefined for a single run. */
  readonly deviation: number | undefined;
  readonly runs: number;
}

/** Which of them are shares in percent. */
export const isPercent = (key: keyof FinalScores): boolean => key.startsWith('knn') || key.endsWith('_top1');

export const scoreKeys = Object.keys(finalScoreNames) as (keyof typeof finalScoreNames)[];

/** The latest value of each score in a run's log, and the k-NN accuracy of its first online evaluation. */
export function finalScores(log: readonly LogLine[]): FinalScores {
  const first = log.find((line) => typeof line.knn_top1 === 'number')?.knn_top1;
  const found = scoreKeys.flatMap((key) => {
    const value = log.findLast((line) => typeof line[key] === 'number')?.[key];
    return typeof value === 'number' ? [[key, value] as const] : [];
  });
  return { ...Object.fromEntries(found), ...(typeof first === 'number' ? { knn_untrained: first } : {}) };
}

/** Mean and standard deviation of each score that all runs have. */
export function spreadOf(runs: readonly FinalScores[]): Partial<Record<keyof FinalScores, Spread>> {
  const found = scoreKeys.flatMap((key) => {
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
