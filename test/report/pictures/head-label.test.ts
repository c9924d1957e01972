import { expect, it } from 'vitest';
import { headLabel, headNumber } from '../../../src/report/pictures/head-label.ts';

it('counts heads from 1', () => {
  expect([0, 1, 11].map(headNumber)).toEqual([1, 2, 12]);
  expect(headLabel(0)).toBe('head 1');
});
