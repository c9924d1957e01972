/** What whoever always answers the largest class gets right, which is much where classes are very unequal. */
import type { ScoreGrid } from '../../report/score-grid.ts';
import type { Interval } from '../../rows/bootstrap.ts';
import { pairedGains } from '../../rows/paired-gains.ts';

export interface LargestClass {
  /** Percent of the test images that are of the largest class. */
  readonly top1: number;
  /** 95 % interval of how many percent more the trained network tells right, image by image. */
  readonly gain: Interval;
}

export type LargestScore = Pick<LargestClass, 'top1'>;

/** How much larger than that of equal classes the share has to be for it to be shown. */
const UNEQUAL = 1.5;

/**
 * The share of the largest class among labels, in percent; undefined where classes are about equal.
 *
 * @param classes how many there are to tell apart
 */
export function largestShare(
  labels: ArrayLike<number>,
  classes: number,
): { readonly label: number; readonly top1: number } | undefined {
  const counts = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  const most = Math.max(...counts);
  return most / labels.length > UNEQUAL / classes
    ? { label: counts.indexOf(most), top1: (100 * most) / labels.length }
    : undefined;
}

/** @param hits of the trained network: 100 for each image that was told right, 0 for the others, or a mean of such */
export function largestClass(
  labels: ArrayLike<number>,
  classes: number,
  hits: Float64Array,
): LargestClass | undefined {
  const largest = largestShare(labels, classes);
  if (largest === undefined) return undefined;
  const constant = Float64Array.from(labels, (label) => (label === largest.label ? 100 : 0));
  return { top1: largest.top1, gain: pairedGains(hits, { constant }).constant };
}

/** The grid with a row for the largest class. @param columns how many of them are top-1 scores; all unless given */
export function withLargest(
  grid: ScoreGrid,
  largest: LargestScore | undefined,
  columns = grid.columns.length,
): ScoreGrid {
  if (largest === undefined) return grid;
  const cells = Array.from({ length: columns }, () => ({ value: largest.top1 }));
  return { ...grid, rows: [...grid.rows, { name: 'largest class', cells }] };
}

/** What the doctor compares with besides networks and pixels. */
export function againstLargest(largest: LargestClass | undefined): {
  readonly scores: { readonly largest?: number };
  readonly gains: { readonly largest?: Interval };
} {
  return largest === undefined
    ? { scores: {}, gains: {} }
    : { scores: { largest: largest.top1 }, gains: { largest: largest.gain } };
}

/** What records and `--json` hold of it. */
export function largestScore(largest: LargestClass | undefined): { readonly largestClass?: LargestScore } {
  return largest === undefined ? {} : { largestClass: { top1: largest.top1 } };
}
