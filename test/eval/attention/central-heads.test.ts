import { expect, it } from 'vitest';
import { headsByCenter } from '../../../src/eval/attention/central-heads.ts';

const grid = { rows: 3, columns: 4 };
const even = new Array<number>(12).fill(1 / 12);
const inside = [0, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0];
const half = [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0];
const outside = [0, 0, 0, 0, 0.5, 0, 0, 0.5, 0, 0, 0, 0];
const image = (...heads: readonly (readonly number[])[]) => Float32Array.from(heads.flat());

it('ranks heads by how little of their attention lies at the border', () => {
  expect(headsByCenter([image(outside, even, inside, half)], 4, grid)).toEqual([2, 3, 1, 0]);
  expect(headsByCenter([image(even, even)], 2, grid)).toEqual([0, 1]);
});

it('judges by the mean over all images', () => {
  expect(headsByCenter([image(outside, half), image(inside, inside)], 2, grid)).toEqual([1, 0]);
});

it('takes an eighth of a large map as its border', () => {
  const map = (row: number): number[] => Array.from({ length: 256 }, (_, i) => (i === row * 16 + 8 ? 1 : 0));
  expect(headsByCenter([image(map(1), map(2), map(14), map(13))], 4, { rows: 16, columns: 16 })).toEqual([
    1, 3, 0, 2,
  ]);
});
