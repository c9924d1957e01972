/** How many elements a shape holds. */
import { expect, it } from 'vitest';
import { elementCount } from '../../src/format/element-count.ts';

it('is the product of the extents, and one for a scalar', () => {
  expect([[], [3], [2, 3, 4], [5, 0]].map(elementCount)).toEqual([1, 3, 24, 0]);
});
