import { describe, expect, it } from 'vitest';
import {
  areGroupsOfFour,
  chanceAveragePrecision,
  chanceNsScore,
  chanceRecall,
  retrievalChance,
} from '../../../src/eval/retrieval/retrieval-chance.ts';
import { averagePrecision } from '../../../src/rows/average-precision.ts';

/** All sets of so many places among n, each as likely as the others. */
function placesOf(count: number, n: number, from = 0): number[][] {
  if (count === 0) return [[]];
  return Array.from({ length: n - from }, (_, i) => from + i).flatMap((place) =>
    placesOf(count - 1, n, place + 1).map((rest) => [place, ...rest]),
  );
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('retrieval by chance', () => {
  it('finds one of p among the first k of n as often as a draw does', () => {
    expect(chanceRecall(1, 4, 1)).toBe(0.25);
    // One of two among the first two of four: 1 - (2/4)(1/3).
    expect(chanceRecall(2, 4, 2)).toBeCloseTo(5 / 6, 12);
    // Nothing can be missed among three of four.
    expect(chanceRecall(2, 4, 3)).toBe(1);
    expect(chanceRecall(1, 4, 10)).toBe(1);
  });

  it('has the mean average precision of all rankings', () => {
    // Of two positives among three: 1, 19/24 and 10/24.
    expect(chanceAveragePrecision(2, 3)).toBeCloseTo(53 / 72, 12);
    for (const [positives, ranked] of [
      [1, 1],
      [1, 5],
      [3, 7],
      [6, 6],
    ] as const) {
      const all = placesOf(positives, ranked);
      expect(chanceAveragePrecision(positives, ranked)).toBeCloseTo(
        mean(all.map((places) => averagePrecision(places, positives))),
        12,
      );
      expect(chanceRecall(positives, ranked, 2)).toBeCloseTo(
        mean(all.map(([first = 0]) => Number(first < 2))),
        12,
      );
    }
  });

  it('is the mean over the queries that have something to find, each left out of its own ranking', () => {
    // Groups of 3, 2 and 1 image: three queries look for 2 of 5, two for 1 of 5, one for nothing.
    const labels = [0, 0, 0, 1, 1, 2];
    const { map, recallAt } = retrievalChance(labels, labels, { ks: [1, 5], leaveOneOut: true });
    expect(recallAt).toEqual({ 1: expect.closeTo((3 * 0.4 + 2 * 0.2) / 5, 12), 5: 1 });
    expect(map).toBeCloseTo((3 * chanceAveragePrecision(2, 5) + 2 * chanceAveragePrecision(1, 5)) / 5, 12);
    const others = retrievalChance(labels, [1, 7], { ks: [1], leaveOneOut: false });
    expect(others.recallAt['1']).toBeCloseTo(2 / 6, 12);
  });

  it('knows groups of four and their N-S score', () => {
    expect(areGroupsOfFour([0, 0, 1, 1, 0, 1, 1, 0])).toBe(true);
    expect(areGroupsOfFour([0, 0, 0, 0, 1, 1, 1])).toBe(false);
    // The query itself, and three places for three of seven others.
    expect(chanceNsScore(8)).toBeCloseTo(1 + 9 / 7, 12);
  });
});
