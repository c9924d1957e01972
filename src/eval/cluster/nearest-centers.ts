/**
 * Which center is nearest to each of many rows: a float32 product in an engine, and wherever its rounding could have decided
 * between the two nearest, all distances of the row again in float64. The answer is that of float64 arithmetic.
 */
import { productError, type RowProducts, roundingError } from '../../rows/row-products.ts';
import { squaredDistance } from '../../rows/squared-distance.ts';

/**
 * The nearest center of every row, of equally near ones the first.
 *
 * |x - c|^2 is smallest where x . d - (m . d + |d|^2 / 2) is largest, with m the mean of the rows and d = c - m.
 *
 * @param centers [k, dim]
 * @param onRows called with ranges of rows whose centers are known, all of them in turn, while the engine works on the next
 * @returns [rows]
 */
export async function nearestCenters(
  products: RowProducts,
  centers: Float64Array,
  onRows?: (nearest: Int32Array, from: number, to: number) => void,
): Promise<Int32Array> {
  const { values, dim } = products.rows;
  const k = centers.length / dim;
  const { vectors, meanProducts, squares } = products.aboutMean(centers);
  const offsets = Float32Array.from(squares, (square, i) => meanProducts[i]! + square / 2);
  const longest = Math.sqrt(squares.reduce((a, b) => Math.max(a, b), 0));
  const largestOffset = offsets.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  // Of each of two scores: the product, the rounded offset, and their difference. The same once more for the comparison.
  const fixed = 6 * roundingError(largestOffset);
  const perLength = 2 * productError(dim, longest) + 4 * roundingError(longest);
  const nearest = new Int32Array(products.count);
  for await (const { start, count, scores, rivals } of products.largest(vectors, offsets, {
    perLength,
    fixed,
  })) {
    const height = rivals.length / 2;
    for (let i = 0; i < count; i++) {
      const row = start + i;
      if (rivals[i] === 1) nearest[row] = rivals[height + i]!;
      else {
        const margin = 2 * (products.norms[row]! * perLength + fixed);
        nearest[row] = nearestOfSome(
          values,
          row * dim,
          centers,
          dim,
          scores.subarray(i * k, (i + 1) * k),
          margin,
        );
      }
    }
    onRows?.(nearest, start, start + count);
  }
  return nearest;
}

/** The nearest by exact distance of those centers whose scores are at most `margin` below the largest. */
function nearestOfSome(
  values: Float32Array,
  at: number,
  centers: Float64Array,
  dim: number,
  scores: Float32Array,
  margin: number,
): number {
  const threshold = scores.reduce((a, b) => Math.max(a, b)) - margin;
  let [nearest, least] = [0, Number.POSITIVE_INFINITY];
  for (let center = 0; center < scores.length; center++) {
    if (scores[center]! < threshold) continue;
    const distance = squaredDistance(values, at, centers, center * dim, dim);
    if (distance < least) [nearest, least] = [center, distance];
  }
  return nearest;
}
