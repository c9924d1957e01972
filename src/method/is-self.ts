import { constant, equal, type Tensor } from '../graph/index.ts';
import { type Across, rowsAmongAll, wholeBatch } from './across.ts';

/** Of all pairs of a row and one of the rows of all processes, which are a row with itself: booleans [rows, ranks * rows] */
export function isSelf(rows: number, across: Across = wholeBatch): Tensor {
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const all = rows * across.ranks;
  return equal(rowsAmongAll(numbers(rows), across), constant(numbers(all), [1, all]));
}
