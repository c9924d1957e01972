import { constant, equal, type Tensor } from '../graph/index.ts';

/** Of all pairs of rows, which are a row with itself: booleans [rows, rows] */
export function isSelf(rows: number): Tensor {
  const number = Array.from({ length: rows }, (_, i) => i);
  return equal(constant(number, [rows, 1]), constant(number, [1, rows]));
}
