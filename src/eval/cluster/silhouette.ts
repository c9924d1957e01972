/**
 * The silhouette of a clustering (Rousseeuw 1987): how much nearer a row is to its own cluster than to the next one. No labels
 * are needed, so it can choose the number of clusters.
 *
 * All pairwise distances are needed, n^2 of them; they are computed block by block in an engine, summed there over the
 * clusters (as a product with one-hot rows), and never stored.
 */
import { evaluate } from '../../engine/arrays.ts';
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import {
  add,
  gemm,
  greater,
  input,
  scalar,
  scale,
  sqrt,
  sub,
  sumOfSquares,
  transpose,
  where,
} from '../../graph/index.ts';
import { counted } from '../../numbers/counted.ts';
import { countFiniteRows, type FeatureRows, pickRows } from '../../rows/feature-rows.ts';
import { mean } from '../../rows/mean.ts';
import { rowBlocks } from '../../rows/row-blocks.ts';
import { productError } from '../../rows/row-products.ts';
import { columnMeans } from '../../rows/second-moment.ts';

const QUERY_BLOCK = 512;
const ROW_BLOCK = 2048;

export interface SilhouetteOptions {
  /** Score these rows, among themselves, as if there were no others: for large n, as the cost grows with its square. */
  readonly sample?: ArrayLike<number>;
  readonly engineOptions?: EngineOptions;
}

/**
 * Mean silhouette, Euclidean, -1 to 1.
 *
 * @param assignments cluster of every row, any numbers
 * @throws RangeError unless the rows are in at least two clusters and fewer clusters than rows
 */
export async function silhouette(
  engine: Engine,
  rows: FeatureRows,
  assignments: ArrayLike<number>,
  { sample, engineOptions }: SilhouetteOptions = {},
): Promise<number> {
  const chosen = sample === undefined ? { rows, assignments } : takeRows(rows, assignments, sample);
  const values = await silhouetteValues(engine, chosen.rows, chosen.assignments, engineOptions);
  return mean(values);
}

/**
 * Silhouette of every row: with a the mean distance to the others of its cluster and b the smallest mean distance to another
 * cluster, (b - a) / max(a, b); 0 for a row that is alone in its cluster.
 *
 * @returns [rows]
 */
export async function silhouetteValues(
  engine: Engine,
  rows: FeatureRows,
  assignments: ArrayLike<number>,
  engineOptions?: EngineOptions,
): Promise<Float64Array> {
  const count = countFiniteRows(rows, 'The clustered features');
  if (assignments.length !== count) {
    throw new RangeError(
      `${assignments.length} assignments do not fit ${count} rows: give one for each row.`,
    );
  }
  const clusters = [...new Set(Array.from(assignments))];
  if (clusters.length < 2 || clusters.length >= count) {
    throw new RangeError(
      `${count} rows in ${counted(clusters.length, 'cluster')} have no silhouette: there must be at least two clusters, and fewer than rows.`,
    );
  }
  const index = new Map(clusters.map((cluster, i) => [cluster, i]));
  const own = Int32Array.from(assignments, (cluster) => index.get(cluster) ?? 0);
  const sizes = new Int32Array(clusters.length);
  for (const cluster of own) sizes[cluster]!++;
  const sums = await distanceSums(engine, rows, own, clusters.length, engineOptions);
  return Float64Array.from(own, (cluster, row) => {
    if (sizes[cluster] === 1) return 0;
    const start = row * sizes.length;
    const a = sums[start + cluster]! / (sizes[cluster]! - 1);
    let b = Number.POSITIVE_INFINITY;
    for (let c = 0; c < sizes.length; c++) if (c !== cluster) b = Math.min(b, sums[start + c]! / sizes[c]!);
    const larger = Math.max(a, b);
    return larger === 0 ? 0 : (b - a) / larger;
  });
}

/** Sums of the distances of every row to the rows of every cluster, [rows, clusters]. */
async function distanceSums(
  engine: Engine,
  rows: FeatureRows,
  own: Int32Array,
  clusters: number,
  engineOptions?: EngineOptions,
): Promise<Float64Array> {
  const { dim } = rows;
  const count = own.length;
  const [height, width] = [Math.min(QUERY_BLOCK, count), Math.min(ROW_BLOCK, count)];
  const program = await engine.load(sumsProgram(height, width, dim, clusters), engineOptions);
  const centeredRows = centered(rows);
  const queryBlocks = rowBlocks(centeredRows, height);
  const sums = new Float64Array(count * clusters);
  const members = new Float32Array(width * clusters);
  for (const block of rowBlocks(centeredRows, width)) {
    members.fill(0); // filling is in no cluster
    for (let i = 0; i < block.count; i++) members[i * clusters + own[block.start + i]!] = 1;
    for (const asked of queryBlocks) {
      const { total } = await evaluate(program, { queries: asked.values, rows: block.values, members });
      for (let i = 0; i < asked.count * clusters; i++) sums[asked.start * clusters + i]! += total?.[i] ?? 0;
    }
  }
  await program.dispose();
  return sums;
}

/** total = sqrt(|q|^2 + |x|^2 - 2 q x') members, where a squared distance that could be rounding alone is 0. */
function sumsProgram(height: number, width: number, dim: number, clusters: number) {
  const queries = input('queries', [height, dim]);
  const rows = input('rows', [width, dim]);
  const norms = add(
    sumOfSquares(queries, { axes: [1], keep: true }),
    transpose(sumOfSquares(rows, { axes: [1], keep: true }), [1, 0]),
  );
  const squares = sub(norms, gemm(queries, rows, { transB: true, alpha: 2 }));
  // |q| |x| is at most half of |q|^2 + |x|^2, whose own rounding is about as large as that of 2 q x.
  const certain = greater(squares, scale(norms, productError(dim, 2)));
  const distances = where(certain, sqrt(where(certain, squares, scalar(1))), scalar(0));
  return { total: gemm(distances, input('members', [width, clusters])) };
}

/** Rows about their mean: distances stay, products get smaller. */
function centered(rows: FeatureRows): FeatureRows {
  const { values, dim } = rows;
  const means = columnMeans(rows);
  return { values: values.map((value, i) => value - means[i % dim]!), dim };
}

function takeRows(rows: FeatureRows, assignments: ArrayLike<number>, sample: ArrayLike<number>) {
  const clusters = Float64Array.from(sample, (row) => {
    const cluster = assignments[row];
    if (cluster !== undefined) return cluster;
    throw new RangeError(`Row ${row} of the sample is none of the ${assignments.length} rows: draw again.`);
  });
  return { rows: pickRows(rows, sample), assignments: clusters };
}
