import { describe, expect, it } from 'vitest';
import { clusterScores } from '../../src/eval/cluster/cluster-scores.ts';
import { Random } from '../../src/random/random.ts';
import { bootstrap, bootstrapMeans, halfSampling, shareIntervals } from '../../src/rows/bootstrap.ts';

describe('bootstrap', () => {
  it('covers the true mean as often as its level says', () => {
    let covered = 0;
    for (let trial = 0; trial < 200; trial++) {
      const random = new Random(trial, 'bootstrap test');
      const values = Float64Array.from({ length: 60 }, () => 3 + random.normal());
      const [interval] = bootstrapMeans([values], { draws: 400, level: 0.9, seed: trial });
      if (interval!.low <= 3 && 3 <= interval!.high) covered++;
    }
    expect(covered / 200).toBeGreaterThan(0.82);
    expect(covered / 200).toBeLessThan(0.96);
  });

  it('is as wide as the normal approximation for a share of many', () => {
    const hits = Float64Array.from({ length: 2000 }, (_, i) => (i % 4 === 0 ? 1 : 0));
    const [interval] = bootstrapMeans([hits]);
    const deviation = Math.sqrt((0.25 * 0.75) / 2000);
    expect(interval!.low).toBeCloseTo(0.25 - 1.96 * deviation, 2);
    expect(interval!.high).toBeCloseTo(0.25 + 1.96 * deviation, 2);
  });

  it('takes all columns from the same draws, and leaves samples without a score out', () => {
    const values = Float64Array.from({ length: 50 }, (_, i) => i);
    const shifted = values.map((value) => value + 7);
    const [a, b, c] = bootstrapMeans([
      values,
      shifted,
      values.map((value, i) => (i < 10 ? Number.NaN : value)),
    ]);
    expect(b!.low - a!.low).toBeCloseTo(7, 9);
    expect(b!.high - a!.high).toBeCloseTo(7, 9);
    expect(c!.low).toBeGreaterThan(a!.low);
    expect(() => bootstrapMeans([values, values.subarray(1)])).toThrow('different numbers of samples');
  });

  it('says nothing of fewer than five samples', () => {
    expect(bootstrapMeans([[58.3], [Number.NaN]])).toEqual([
      { low: Number.NaN, high: Number.NaN },
      { low: Number.NaN, high: Number.NaN },
    ]);
    const [sparse] = bootstrapMeans([[1, 2, 3, 4, Number.NaN, Number.NaN]]);
    expect(sparse).toEqual({ low: Number.NaN, high: Number.NaN });
    expect(bootstrap(4, () => [1])).toEqual([{ low: Number.NaN, high: Number.NaN }]);
    expect(halfSampling(4, [1], () => [1])).toEqual([{ low: Number.NaN, high: Number.NaN }]);
  });

  it('of shares is the exact one where all samples are alike', () => {
    const [all, none, mixed] = shareIntervals(
      [
        new Float64Array(500).fill(100),
        new Float64Array(500),
        Array.from({ length: 500 }, (_, i) => 100 * (i % 2)),
      ],
      100,
    );
    // scipy.stats.binomtest(500, 500).proportion_ci(): 0.99265 to 1
    expect(all!.low).toBeCloseTo(99.265, 3);
    expect(all!.high).toBe(100);
    expect(none!.low).toBe(0);
    expect(none!.high).toBeCloseTo(0.735, 3);
    expect(mixed!.high - mixed!.low).toBeCloseTo((2 * 1.96 * 50) / Math.sqrt(500), 0);
  });

  it('is the same for any statistic', () => {
    const values = Float64Array.from({ length: 40 }, (_, i) => (i * 7) % 11);
    const [means] = bootstrapMeans([values], { seed: 4 });
    const [again, largest] = bootstrap(
      40,
      (rows) => [
        rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length,
        rows.reduce((most, row) => Math.max(most, values[row]!), 0),
      ],
      { seed: 4 },
    );
    expect(again!.low).toBeCloseTo(means!.low, 9);
    expect(again!.high).toBeCloseTo(means!.high, 9);
    expect(largest).toEqual({ low: 10, high: 10 });
  });
});

describe('random halves', () => {
  it('are as wide as the normal approximation for a share of many, for an odd number too', () => {
    for (const count of [2000, 2001]) {
      const hits = Float64Array.from({ length: count }, (_, i) => (i % 4 === 0 ? 1 : 0));
      const share = (rows: Uint32Array): number[] => [
        rows.reduce((sum, row) => sum + hits[row]!, 0) / rows.length,
      ];
      const [interval] = halfSampling(count, [0.25], share);
      const deviation = Math.sqrt((0.25 * 0.75) / count);
      expect(interval!.low).toBeCloseTo(0.25 - 1.96 * deviation, 2);
      expect(interval!.high).toBeCloseTo(0.25 + 1.96 * deviation, 2);
    }
  });

  it('hold the score where samples drawn twice would not: mutual information of unrelated labels', () => {
    const random = new Random(1, 'labels');
    const draw = (): Int32Array => Int32Array.from({ length: 200 }, () => random.integer(10));
    const [labels, clusters] = [draw(), draw()];
    const nmi = (rows: Uint32Array): number[] => [
      clusterScores(
        Int32Array.from(rows, (row) => labels[row]!),
        Int32Array.from(rows, (row) => clusters[row]!),
      ).nmi,
    ];
    const [score = 0] = nmi(Uint32Array.from(labels, (_, i) => i));
    const [halves] = halfSampling(200, [score], nmi);
    expect(halves!.low).toBeLessThan(score);
    expect(halves!.high).toBeGreaterThan(score);
    expect(bootstrap(200, nmi)[0]!.low).toBeGreaterThan(score);
  });
});
