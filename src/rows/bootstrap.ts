/**
 * How sure a score is: percentile intervals of the bootstrap (Efron 1979, Ann. Statist. 7), which draws the samples anew
 * with replacement and looks at how much the score varies.
 */
import { Random } from '../random/random.ts';
import { mean } from './mean.ts';

/** Both ends are NaN where there are too few samples to tell. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Fewer samples say nothing about how much they vary. */
const FEW = 5;
/** Of what there are too few samples for, or none. */
export const UNKNOWN: Interval = { low: Number.NaN, high: Number.NaN };

export interface BootstrapOptions {
  /** Default 1000. */
  readonly draws?: number;
  /** Default 0.95. */
  readonly level?: number;
  /** Default 0. */
  readonly seed?: number;
}

/**
 * The intervals of any statistics of samples, all from the same draws.
 *
 * @param count how many samples there are
 * @param statistics of samples that were drawn, some of them several times; draws for which one is NaN are left out
 */
export function bootstrap(
  count: number,
  statistics: (rows: Uint32Array) => readonly number[],
  { draws = 1000, level = 0.95, seed = 0 }: BootstrapOptions = {},
): Interval[] {
  const rows = new Uint32Array(count);
  if (count < FEW) return statistics(rows).map(() => UNKNOWN);
  const random = new Random(seed, 'bootstrap');
  const table = Array.from({ length: draws }, () => {
    for (let i = 0; i < count; i++) rows[i] = random.integer(count);
    return statistics(rows);
  });
  const names = table[0] ?? [];
  return names.map((_, i) =>
    percentiles(
      Float64Array.from(table, (values) => values[i]!),
      level,
    ),
  );
}

/**
 * Intervals of statistics that samples drawn twice would bias, such as the mutual information of labels: the statistic of
 * random halves varies as much as that of all samples would (the delete-half jackknife of Shao and Wu 1989, Ann. Statist.
 * 17), and how far the halves lie from their mean is laid around the score.
 *
 * @param count how many samples there are
 * @param scores the statistics of all samples
 * @param statistics of half of the samples, none of them twice
 */
export function halfSampling(
  count: number,
  scores: readonly number[],
  statistics: (rows: Uint32Array) => readonly number[],
  { draws = 1000, level = 0.95, seed = 0 }: BootstrapOptions = {},
): Interval[] {
  if (count < FEW) return scores.map(() => UNKNOWN);
  const random = new Random(seed, 'halves');
  const rows = Uint32Array.from({ length: count }, (_, i) => i);
  const half = count >> 1;
  const table = Array.from({ length: draws }, () => {
    for (let i = 0; i < half; i++) {
      const j = i + random.integer(count - i);
      [rows[i], rows[j]] = [rows[j]!, rows[i]!];
    }
    return statistics(rows.subarray(0, half));
  });
  return scores.map((score, i) => {
    const drawn = Float64Array.from(table, (values) => values[i]!).filter((value) => !Number.isNaN(value));
    const center = mean(drawn);
    const { low, high } = percentiles(drawn, level);
    return { low: score + low - center, high: score + high - center };
  });
}

/**
 * The intervals of the means of several scores of the same samples: of every column, from the same draws.
 *
 * @param columns a score for each sample, [columns][samples]; NaN where a sample has none
 */
export function bootstrapMeans(
  columns: readonly ArrayLike<number>[],
  { draws = 1000, level = 0.95, seed = 0 }: BootstrapOptions = {},
): Interval[] {
  const count = columns[0]?.length ?? 0;
  if (columns.some(({ length }) => length !== count)) {
    throw new RangeError(
      'The scores are of different numbers of samples: give one of each for every sample.',
    );
  }
  const random = new Random(seed, 'bootstrap');
  const drawn = new Uint32Array(count);
  const means = columns.map(() => new Float64Array(draws));
  for (let draw = 0; draw < draws; draw++) {
    drawn.fill(0);
    for (let i = 0; i < count; i++) drawn[random.integer(count)]!++;
    for (const [column, values] of columns.entries()) means[column]![draw] = weightedMean(values, drawn);
  }
  return means.map((values, column) =>
    known(columns[column]!) < FEW ? UNKNOWN : percentiles(values, level),
  );
}

/**
 * The intervals of shares: of the means of columns that hold only 0 and `whole`. Where all samples are alike, drawing them
 * again tells nothing, and the exact interval of the binomial distribution is taken (Clopper and Pearson 1934).
 *
 * @param columns as for `bootstrapMeans`
 */
export function shareIntervals(
  columns: readonly ArrayLike<number>[],
  whole: number,
  options: BootstrapOptions = {},
): Interval[] {
  const { level = 0.95 } = options;
  return bootstrapMeans(columns, options).map((interval, column) => {
    const farthest = whole * ((1 - level) / 2) ** (1 / known(columns[column]!));
    if (interval.low === whole) return { low: farthest, high: whole };
    return interval.high === 0 ? { low: 0, high: whole - farthest } : interval;
  });
}

/** How many samples have a score. */
function known(values: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (!Number.isNaN(values[i]!)) count++;
  return count;
}

/** @param weights how often each value counts */
function weightedMean(values: ArrayLike<number>, weights: Uint32Array): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    sum += weights[i]! * value;
    total += weights[i]!;
  }
  return sum / total;
}

function percentiles(values: Float64Array, level: number): Interval {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return { low: at((1 - level) / 2), high: at((1 + level) / 2) };
}
