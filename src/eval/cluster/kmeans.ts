/**
 * k-means by Lloyd's algorithm (Lloyd 1982, IEEE Trans. Inf. Theory 28) from k-means++ seeds, several times, the run with
 * the smallest inertia kept. The official code has no clustering; iterations, stopping and the relocation of empty clusters
 * follow scikit-learn's KMeans, so that its numbers can be compared.
 */
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import { Random } from '../../random/random.ts';
import { countFiniteRows, countRows, type FeatureRows } from '../../rows/feature-rows.ts';
import { RowProducts } from '../../rows/row-products.ts';
import { squaredDistance } from '../../rows/squared-distance.ts';
import { ClusterMeans } from './cluster-means.ts';
import { kMeansPlusPlus } from './kmeans-plus-plus.ts';
import { nearestCenters } from './nearest-centers.ts';

export interface KMeansOptions {
  /** Clusters. */
  readonly k: number;
  /** Runs from different seeds; the one with the smallest inertia is returned. Default 3. */
  readonly restarts?: number;
  /** Names the random numbers of the seeds. Default 0. */
  readonly seed?: number;
  /** Start here instead, [k, dim]: one run without random numbers. */
  readonly initialCenters?: ArrayLike<number>;
  /** Default 300. */
  readonly maxIterations?: number;
  /**
   * Stop when the squared shift of all centers together is at most this times the mean variance of a column. 0 goes on until
   * assignments stop changing. Default 1e-4.
   */
  readonly tolerance?: number;
  readonly engineOptions?: EngineOptions;
}

export interface Clustering {
  readonly k: number;
  readonly dim: number;
  /** Cluster of every row: that of the nearest center. [rows] */
  readonly assignments: Int32Array;
  /** [k, dim] */
  readonly centers: Float64Array;
  /** Sum of the squared distances of the rows to their centers. */
  readonly inertia: number;
  /** Assignment passes, the one that found nothing to change included. */
  readonly iterations: number;
  /** False when `maxIterations` ended it. */
  readonly converged: boolean;
}

/**
 * Clusters rows by Euclidean distance; L2-normalize features first to cluster them by their cosine.
 *
 *     const { assignments } = await kMeans(ortNode, l2NormalizedRows(features), { k: 10 });
 *
 * @throws RangeError when there are fewer than k rows, a value is not finite, or the initial centers have another size
 */
export async function kMeans(engine: Engine, rows: FeatureRows, options: KMeansOptions): Promise<Clustering> {
  const { k, restarts = 3, seed = 0, initialCenters, engineOptions } = options;
  const what = 'The features to cluster';
  const count = countRows(rows, what);
  if (!Number.isInteger(k) || k < 1 || k > count) {
    throw new RangeError(
      `${count} rows cannot be put into ${k} clusters: choose a whole number from 1 to ${count}.`,
    );
  }
  if (initialCenters !== undefined && initialCenters.length !== k * rows.dim) {
    throw new RangeError(
      `${initialCenters.length} numbers are not ${k} centers of ${rows.dim}: give k rows as wide as the features.`,
    );
  }
  if (!Number.isInteger(restarts) || restarts < 1) {
    throw new RangeError(`K-means cannot run ${restarts} times: choose at least one restart.`);
  }
  const products = new RowProducts(engine, rows, engineOptions);
  // A length tells as much of a row as all its values.
  if (!products.norms.every(Number.isFinite)) countFiniteRows(rows, what);
  try {
    if (initialCenters !== undefined)
      return await lloyd(products, Float64Array.from(initialCenters), options);
    let best: Clustering | undefined;
    for (let run = 0; run < restarts; run++) {
      const centers = await kMeansPlusPlus(products, k, new Random(seed, 'kmeans', run));
      const found = await lloyd(products, centers, options);
      if (best === undefined || found.inertia < best.inertia) best = found;
    }
    if (best === undefined) throw new Error('Unreachable: there is at least one run.');
    return best;
  } finally {
    await products.dispose();
  }
}

/** Lloyd's iterations: assign every row to its nearest center, move every center to the mean of its rows, and again. */
async function lloyd(
  products: RowProducts,
  initial: Float64Array,
  { k, maxIterations = 300, tolerance = 1e-4 }: KMeansOptions,
): Promise<Clustering> {
  const { values, dim } = products.rows;
  const limit = tolerance * products.variance;
  const means = new ClusterMeans(products.rows, k);
  let changed = 0;
  const assign = (nearest: Int32Array, from: number, to: number): void => {
    changed += means.assign(nearest, from, to);
  };
  let inertia = 0;
  const addInertia = (nearest: Int32Array, from: number, to: number): void => {
    for (let row = from; row < to; row++)
      inertia += squaredDistance(values, row * dim, centers, nearest[row]! * dim, dim);
  };
  let centers = initial;
  let assignments = await nearestCenters(products, centers, assign);
  let iterations = 1;
  while (changed > 0) {
    const moved = means.centers(centers);
    const shift = squaredDistance(moved, 0, centers, 0, centers.length);
    centers = moved;
    const converged = shift <= limit;
    if (converged || iterations >= maxIterations) {
      // Where rows belong after the last move.
      assignments = await nearestCenters(products, centers, addInertia);
      return { k, dim, assignments, centers, inertia, iterations, converged };
    }
    changed = 0;
    assignments = await nearestCenters(products, centers, assign);
    iterations++;
  }
  addInertia(assignments, 0, products.count);
  return { k, dim, assignments, centers, inertia, iterations, converged: true };
}
