/** Masks as they are drawn in training; those from given draws are held to the official ones elsewhere. */
import { describe, expect, it } from 'vitest';
import { blockMask, drawMasks, hiddenList, mostHidden } from '../../src/method/block-masks.ts';
import { Random } from '../../src/random/random.ts';

const grid = { rows: 7, columns: 7 };
const shares = { probability: 0.5, ratio: [0.1, 0.5] } as const;
const hiddenIn = (mask: Uint8Array): number => mask.reduce((sum, hidden) => sum + hidden, 0);

describe('masks of a batch', () => {
  it('hide patches of half the views, never more than the bound, and mostly more than half of it', () => {
    const bound = mostHidden(10, 49, shares);
    expect(bound).toBe(8 + 12 + 16 + 20 + 24); // int(49 x) for x of 0.18, 0.26, 0.34, 0.42, 0.5
    let total = 0;
    for (let step = 0; step < 50; step++) {
      const masks = drawMasks(new Random(1, 'masks', step), 10, grid, shares);
      const counts = Array.from({ length: 10 }, (_, i) => hiddenIn(masks.subarray(i * 49, (i + 1) * 49)));
      expect(counts.filter((count) => count > 0)).toHaveLength(5);
      expect(hiddenIn(masks)).toBeLessThanOrEqual(bound);
      total += hiddenIn(masks);
    }
    expect(total / 50).toBeGreaterThan(0.6 * bound);
  });

  it('are the same for one name and others for another, in any order of views', () => {
    const masks = (step: number): Uint8Array => drawMasks(new Random(1, 'masks', step), 10, grid, shares);
    expect(masks(3)).toEqual(masks(3));
    expect(masks(3)).not.toEqual(masks(4));
    const first = Array.from({ length: 40 }, (_, step) => hiddenIn(masks(step).subarray(0, 49)) > 0);
    expect(new Set(first).size).toBe(2);
  });

  it('become a list of fixed length', () => {
    expect(hiddenList(Uint8Array.of(0, 1, 0, 0, 1, 1), 5)).toEqual(BigInt64Array.of(1n, 4n, 5n, 6n, 6n));
    expect(hiddenList(new Uint8Array(4), 2)).toEqual(BigInt64Array.of(4n, 4n));
  });
});

it.each([
  [1, 1],
  [1, 5],
  [2, 2],
  [3, 1],
])('a grid of %i by %i, too small for some rectangle, ends all the same', (rows, columns) => {
  for (let seed = 0; seed < 20; seed++) {
    const mask = blockMask(new Random(seed, 'mask'), { rows, columns }, rows * columns);
    expect(hiddenIn(mask)).toBeLessThanOrEqual(rows * columns);
  }
});
