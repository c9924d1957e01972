/** Rounding as Python does it: CPython's `round` gave the numbers. */
import { expect, it } from 'vitest';
import { roundHalfEven } from '../../src/numbers/round-half-even.ts';

it('halves go to the even number, all else to the nearest', () => {
  expect([0.5, 1.5, 2.5, 2.4999, 2.5001, 7].map(roundHalfEven)).toEqual([0, 2, 2, 2, 3, 7]);
  expect([-1.5, -2.5, -2.4, -2.6].map(roundHalfEven)).toEqual([-2, -2, -2, -3]);
});
