/**
 * Which centre is nearest to each of many rows: a float32 product in an engine, and wherever its rounding could have decided
 * between the two nearest, all distances of the row again in float64. The answer is that of float64 arithmetic.
 */
import { productError, type RowProducts, roundingError } from './row-products.ts';
import { squaredDistance } from './squared-distance.ts';

/**
 * The nearest centre of every row, of equally near ones the first.
 *
 * |x - c|^2 is smallest where x . d - (m . d + |d|^2 / 2) is largest, with m the mean of the rows and d = c - m.
 *
 * @param centres [k, dim]
 * @returns [rows]
 */
export async function nearestCentres(products: RowProducts, centres: Float64Array): Promise<Int32Array> {
  const { values, dim } = products.rows;
  const k = centres.length / dim;
  const { vectors, meanProducts, squares } = products.aboutMean(centres);
  const offsets = Float32Array.from(squares, (square, i) => meanProducts[i]! + square / 2);
  const longest = Math.sqrt(squares.reduce((a, b) => Math.max(a, b), 0));
  const largestOffset = offsets.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const kept = Math.min(3, k);
  const { values: scores, positions } = await products.best(vectors, offsets, kept);
  const nearest = new Int32Array(products.count);
  for (let row = 0, at = 0; row < products.count; row++, at += kept) {
    // Of each of two: the product, the rounded offset, and their difference.
    const scale = products.norms[row]! * longest;
    const error = productError(dim, scale) + 2 * roundingError(largestOffset) + roundingError(scale);
    const sure = scores[at]! - 2 * error;
    if (kept === 1 || scores[at + 1]! < sure) nearest[row] = Number(positions[at]);
    else if (kept === 2 || scores[at + 2]! < sure)
      nearest[row] = nearerOf(
        values,
        row * dim,
        centres,
        dim,
        Number(positions[at]),
        Number(positions[at + 1]),
      );
    else nearest[row] = exactlyNearest(values, row * dim, centres, dim);
  }
  return nearest;
}

/** Most rows that are in doubt are so between two centres: the exact distances of all others are not needed. */
function nearerOf(
  values: Float32Array,
  at: number,
  centres: Float64Array,
  dim: number,
  a: number,
  b: number,
): number {
  const toA = squaredDistance(values, at, centres, a * dim, dim);
  const toB = squaredDistance(values, at, centres, b * dim, dim);
  return toA < toB || (toA === toB && a < b) ? a : b;
}

function exactlyNearest(values: Float32Array, at: number, centres: Float64Array, dim: number): number {
  let [nearest, least] = [0, Number.POSITIVE_INFINITY];
  for (let start = 0; start < centres.length; start += dim) {
    const distance = squaredDistance(values, at, centres, start, dim);
    if (distance < least) [nearest, least] = [start / dim, distance];
  }
  return nearest;
}
