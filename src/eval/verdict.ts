/** What the doctor says of an evaluation: whether the trained network is above all that stands beside it. */
import type { Finding } from '../report/finding.ts';
import type { Interval } from '../rows/bootstrap.ts';
import { examineScores, type ScoreComparison } from '../train/examine-scores.ts';

/** What the others are called in a sentence, in the order in which they are named. */
const baselines = {
  untrained: 'the untrained network',
  pixels: 'raw pixels',
  pca: 'PCA of pixels',
  largest: 'the largest class',
  box: 'a centered box',
  image: 'the whole image',
  kept: 'the first mask kept',
} as const;
type Baseline = keyof typeof baselines;
const names = Object.keys(baselines) as Baseline[];

export interface Evaluated extends Pick<ScoreComparison, 'what' | 'images' | 'of' | 'scale' | 'scope'> {
  /** By what is compared. */
  readonly scores: Readonly<Record<'trained', number>> & Readonly<Partial<Record<Baseline, number>>>;
  /** 95 % intervals of how much higher the trained network scores than each other one. */
  readonly gains: Readonly<Partial<Record<Baseline, Interval>>>;
}

export function verdict({ scores, gains, ...measured }: Evaluated): Finding | undefined {
  const named = <T>(values: Readonly<Partial<Record<Baseline, T>>>): Record<string, T | undefined> =>
    Object.fromEntries(names.flatMap((name) => (name in values ? [[baselines[name], values[name]]] : [])));
  return examineScores({ ...measured, trained: scores.trained, others: named(scores), gains: named(gains) });
}
