/**
 * Splits a large result into ranges of rows, each computed by itself: then what it is added up from exists only one range at
 * a time. For the prototypes of a large head (65536 x 256) each term of the gradient is 67 MB; in sixteen ranges it is 4.
 */
import { addOp } from '../ops/elementwise.ts';
import { concat, slice } from '../ops/layout.ts';
import { madeBy, type SliceRange, type Tensor } from '../tensor.ts';

/**
 * @param x a tensor of which no other node needs the terms
 * @param largest elements of a range
 * @returns the same tensor as a concatenation of row ranges; x itself where it is small, or a sum of fewer than two terms
 */
export function splitRows(x: Tensor, largest: number): Tensor {
  const { size } = x;
  if (size <= largest || madeBy(x, addOp) === undefined) return x;
  const rows = x.dim(0);
  const step = Math.max(1, Math.floor((largest / size) * rows));
  // Only terms as large as the result are taken apart: the smaller ones are kept whole, and read in ranges.
  const rangeThrough = (term: Tensor, range: SliceRange): Tensor =>
    (term.size === size ? term.node.op.slice?.(term.node, range, rangeThrough) : undefined) ??
    slice(term, range.axis, range.start, range.end);
  const ranges: Tensor[] = [];
  for (let start = 0; start < rows; start += step) {
    ranges.push(rangeThrough(x, { axis: 0, start, end: Math.min(start + step, rows) }));
  }
  return concat(ranges, 0);
}
