/**
 * How alike rows are to t-SNE: Gaussian weights over the nearest neighbors, each row's width found so that its distribution has
 * the wanted perplexity (van der Maaten 2014, section 4.1), made symmetric. Exact neighbors, distances in float64.
 */
import type { Engine } from '../../engine/engine.ts';
import type { FeatureRows } from '../../rows/feature-rows.ts';
import { RowProducts } from '../../rows/row-products.ts';
import { squaredDistance } from '../../rows/squared-distance.ts';

/** A symmetric sparse matrix, row by row, that sums to 1. */
export interface Affinities {
  /** Where each row begins. [rows + 1] */
  readonly starts: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float64Array;
}

/** The nearest other rows of every row. */
export interface NearestRows {
  readonly k: number;
  /** [rows, k] */
  readonly rows: Int32Array;
  /** Squared Euclidean distances. [rows, k] */
  readonly squares: Float64Array;
}

const STEPS = 100;
/** Of the entropy, in nats. */
const TOLERANCE = 1e-5;
/** Products that are held at once: 16 MiB. */
const PRODUCTS = 2 ** 22;

/** @throws RangeError unless k is below the number of rows */
export async function nearestRows(engine: Engine, features: FeatureRows, k: number): Promise<NearestRows> {
  const { values, dim } = features;
  const count = values.length / dim;
  if (!(k >= 1 && k < count))
    throw new RangeError(`${count} rows do not have ${k} neighbors each: choose a smaller number.`);
  const products = new RowProducts(
    engine,
    features,
    {},
    Math.max(1, Math.min(1024, Math.floor(PRODUCTS / count))),
  );
  const { vectors, meanProducts, squares } = products.aboutMean(Float64Array.from(values));
  const offsets = Float32Array.from(squares, (square, i) => meanProducts[i]! + square / 2);
  const found = { k, rows: new Int32Array(count * k), squares: new Float64Array(count * k) };
  for await (const { start, count: rows, positions } of products.best(vectors, offsets, k + 1)) {
    for (let row = start; row < start + rows; row++) {
      for (let i = 0, from = (row - start) * (k + 1); i < k; from++) {
        const other = Number(positions[from]);
        if (other === row) continue; // among equal rows it may not be the first, or not be there
        found.rows[row * k + i] = other;
        found.squares[row * k + i++] = squaredDistance(values, row * dim, values, other * dim, dim);
      }
    }
  }
  await products.dispose();
  return found;
}

/**
 * The distribution of every row over its neighbors.
 *
 * @returns [rows, k], each row sums to 1
 */
export function calibrate({ squares, k }: NearestRows, perplexity: number): Float64Array {
  const wanted = Math.log(perplexity);
  const all = new Float64Array(squares.length);
  for (let start = 0; start < squares.length; start += k) {
    let nearest = Number.POSITIVE_INFINITY;
    for (let i = start; i < start + k; i++) nearest = Math.min(nearest, squares[i]!);
    let mean = 0;
    for (let i = start; i < start + k; i++) mean += (squares[i]! - nearest) / k;
    let [low, high, beta] = [0, Number.POSITIVE_INFINITY, mean > 0 ? 1 / mean : 1];
    for (let step = 0; step < STEPS; step++) {
      let [sum, weighted] = [0, 0];
      for (let i = start; i < start + k; i++) {
        const square = squares[i]! - nearest;
        const weight = Math.exp(-square * beta);
        all[i] = weight;
        sum += weight;
        weighted += weight * square;
      }
      for (let i = start; i < start + k; i++) all[i]! /= sum;
      const excess = Math.log(sum) + (beta * weighted) / sum - wanted;
      if (Math.abs(excess) <= TOLERANCE) break;
      if (excess > 0) low = beta;
      else high = beta;
      beta = high === Number.POSITIVE_INFINITY ? 2 * beta : (low + high) / 2;
    }
  }
  return all;
}

/** (P + P') / 2n of the rows' distributions. */
export function symmetrize({ rows, k }: NearestRows, distributions: Float64Array): Affinities {
  const count = rows.length / k;
  const sums = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    for (let i = row * k; i < (row + 1) * k; i++) {
      const other = rows[i]!;
      const key = row < other ? row * count + other : other * count + row;
      sums.set(key, (sums.get(key) ?? 0) + distributions[i]! / (2 * count));
    }
  }
  const starts = new Int32Array(count + 1);
  for (const key of sums.keys()) {
    starts[Math.floor(key / count) + 1]!++;
    starts[(key % count) + 1]!++;
  }
  for (let row = 0; row < count; row++) starts[row + 1]! += starts[row]!;
  const columns = new Int32Array(2 * sums.size);
  const values = new Float64Array(2 * sums.size);
  const ends = starts.slice(0, count);
  const put = (row: number, column: number, value: number): void => {
    const at = ends[row]!++;
    columns[at] = column;
    values[at] = value;
  };
  for (const [key, value] of sums) {
    const [row, column] = [Math.floor(key / count), key % count];
    put(row, column, value);
    put(column, row, value);
  }
  return { starts, columns, values };
}
