import { expect, it } from 'vitest';
import { headsByClarity } from '../../src/eval/clear-heads.ts';

const grid = { rows: 2, columns: 4 };
const whole = [1, 1, 0, 0, 1, 1, 0, 0];
const small = [1, 1, 0, 0, 0, 0, 0, 0];
const halves = [1, 0, 0, 1, 1, 0, 0, 1];
const nothing = [0, 0, 0, 0, 0, 0, 0, 0];

it('ranks heads by how much of their masks lies in one piece, the smaller first', () => {
  const rank = (...heads: number[][]) => headsByClarity([Uint8Array.from(heads.flat())], heads.length, grid);
  expect(rank(nothing, halves, whole, small)).toEqual([3, 2, 1, 0]);
  expect(rank(whole, whole)).toEqual([0, 1]);
  expect(
    rank(
      whole.map((value) => 255 * value),
      halves,
    ),
  ).toEqual([0, 1]);
});

it('judges by the mean over all images', () => {
  const images = [
    [halves, whole],
    [whole, whole],
  ].map((heads) => Uint8Array.from(heads.flat()));
  expect(headsByClarity(images, 2, grid)).toEqual([1, 0]);
});
