/** Fixtures schedules and trunc_normal: numbers made without a network. */
import { z } from 'zod';
import { truncNormal } from '../src/graph/index.ts';
import { blockRates } from '../src/model/drop-path.ts';
import { cosineSchedule, warmupSchedule } from '../src/optim/schedules.ts';
import { Random } from '../src/random/random.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';

const schedulesSchema = z.object({
  cosine: z.array(
    z.object({
      base_value: z.number(),
      final_value: z.number(),
      epochs: z.number(),
      niter_per_ep: z.number(),
      warmup_epochs: z.number().default(0),
      start_warmup_value: z.number().default(0),
    }),
  ),
  /** start, end, epochs of warm-up, epochs */
  teacher_temp: z.array(z.tuple([z.number(), z.number(), z.number(), z.number()])),
  /** rate, depth */
  drop_path: z.array(z.tuple([z.number(), z.number()])),
});

/** Float64 sequences, the same to a few units in the last place. */
export function schedules(fixture: Fixture, comparison: Comparison): void {
  const config = fixture.config(schedulesSchema);
  config.cosine.forEach((c, i) => {
    const values = cosineSchedule({
      base: c.base_value,
      final: c.final_value,
      steps: c.epochs * c.niter_per_ep,
      warmupSteps: c.warmup_epochs * c.niter_per_ep,
      warmupStart: c.start_warmup_value,
    });
    comparison.exact('cosine', `${i}`, values, fixture.numbers(`cosine${i}`));
  });
  config.teacher_temp.forEach(([start, base, warmup, count], i) => {
    const values = warmupSchedule({ start, base, warmup, count });
    comparison.exact('teacher temperature', `${i}`, values, fixture.numbers(`teacher_temp${i}`));
  });
  config.drop_path.forEach(([rate, depth], i) => {
    comparison.exact('drop probabilities', `${i}`, blockRates(rate, depth), fixture.numbers(`drop_path${i}`));
  });
}

const truncNormalSchema = z.object({
  cases: z.array(
    z.object({
      mean: z.number(),
      std: z.number(),
      a: z.number(),
      b: z.number(),
      draws: z.number(),
      seed: z.number(),
    }),
  ),
  quantiles: z.array(z.number()).default([0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999]),
});

/** Largest deviation between two samples that is still chance, in standard errors. */
export const SIGMAS = 5;
/** As many of our draws beyond the other sample's extreme happen by chance once in 2^30 times. */
const BEYOND_EXTREME = 30;

/** As many draws of our own, compared with the official sample's statistics: both have sampling errors. */
export function truncatedNormal(fixture: Fixture, comparison: Comparison): void {
  const config = fixture.config(truncNormalSchema);
  config.cases.forEach(({ mean, std, a, b, draws, seed }, i) => {
    const at = `case ${i}`;
    const values = truncNormal(std, { mean, low: a, high: b })(new Random(seed, 'trunc_normal', i), [
      draws,
    ]).sort();
    const [wantedMean = 0, wantedStd = 0, least = 0, most = 0] = fixture.numbers(`case${i}/stats`);
    const own = moments(values);
    const meanError = wantedStd * Math.sqrt(2 / draws);
    note('mean', own.mean - wantedMean, meanError);
    // The error of a standard deviation follows from the sample's own fourth moment.
    note(
      'standard deviation',
      own.std - wantedStd,
      Math.sqrt((2 * (own.fourth / own.std ** 4 - 1)) / (4 * draws)) * own.std,
    );
    const quantiles = fixture.numbers(`case${i}/quantiles`);
    comparison.identical('number of quantiles', at, [quantiles.length], [config.quantiles.length]);
    config.quantiles.forEach((p, q) => {
      const share = below(values, quantiles[q] ?? Number.NaN) / draws;
      note(`quantiles`, share - p, Math.sqrt((2 * p * (1 - p)) / draws), `${at}, ${p}`);
    });
    const outside = below(values, a) + (draws - below(values, b + 1e-6 * Math.abs(b)));
    comparison.note('draws outside the bounds', at, 'differing', outside, 0);
    const theirs = Number(least < a - 1e-6 * Math.abs(a)) + Number(most > b + 1e-6 * Math.abs(b));
    comparison.note('official extremes outside the bounds', at, 'differing', theirs, 0);
    const beyond = Math.max(below(values, least), draws - below(values, most));
    comparison.note('draws beyond the extremes', at, 'differing', beyond, BEYOND_EXTREME);
    function note(quantity: string, difference: number, error: number, where = at): void {
      comparison.note(quantity, where, 'standard errors', Math.abs(difference) / error, SIGMAS);
    }
  });
}

function moments(values: Float32Array): { mean: number; std: number; fourth: number } {
  let sum = 0;
  for (const x of values) sum += x;
  const mean = sum / values.length;
  let second = 0;
  let fourth = 0;
  for (const x of values) {
    const square = (x - mean) ** 2;
    second += square;
    fourth += square * square;
  }
  return { mean, std: Math.sqrt(second / (values.length - 1)), fourth: fourth / values.length };
}

/** How many of the sorted values lie below a bound. */
function below(sorted: Float32Array, bound: number): number {
  let low = 0;
  for (let high = sorted.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
