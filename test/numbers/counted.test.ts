/** Numbers as they stand in sentences. */
import { expect, it } from 'vitest';
import { counted, fixed } from '../../src/numbers/counted.ts';

it('one of a thing is singular, all other numbers are plural', () => {
  expect([0, 1, 2].map((count) => counted(count, 'image'))).toEqual(['0 images', '1 image', '2 images']);
  expect([1, 3].map((count) => counted(count, 'copy', 'copies'))).toEqual(['1 copy', '3 copies']);
});

it('what rounds to zero has no sign', () => {
  expect([-0.0001, 0.0001, -0, -0.0005, -1.25].map((value) => fixed(value, 3))).toEqual([
    '0.000',
    '0.000',
    '0.000',
    '-0.001',
    '-1.250',
  ]);
  expect(fixed(-0.4, 0)).toBe('0');
  expect(fixed(Number.NaN, 1)).toBe('NaN');
});
