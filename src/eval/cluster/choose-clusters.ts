/** How many clusters there are, when nobody says: the number whose k-means clustering has the largest silhouette. */
import type { Engine } from '../../engine/engine.ts';
import { Random } from '../../random/random.ts';
import { countFiniteRows, type FeatureRows } from '../../rows/feature-rows.ts';
import { type Clustering, type KMeansOptions, kMeans } from './kmeans.ts';
import { silhouette } from './silhouette.ts';

/** Rows whose silhouette is taken, where there are more and the caller chose none. */
const SAMPLE = 5000;
/** Numbers of clusters that are tried, as far as there are more rows, where the caller names none. */
const CANDIDATES = [2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30];

export interface ChooseClustersOptions extends Omit<KMeansOptions, 'k' | 'initialCenters'> {
  /** Numbers of clusters to try, each at least 2 and below the number of rows. Default some from 2 to 30. */
  readonly candidates?: readonly number[];
  /** Rows to take silhouettes of; otherwise all, or 5000 drawn at random. */
  readonly sample?: ArrayLike<number>;
  /** Called before each number of clusters is tried. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ClusterChoice {
  /** The clustering with the largest silhouette; of equal ones the first tried. */
  readonly clustering: Clustering;
  /** As tried; the silhouette is NaN where the sample lies in one cluster, or each of its rows in its own. */
  readonly tried: readonly { readonly k: number; readonly silhouette: number; readonly inertia: number }[];
}

/**
 *     const { clustering } = await chooseClusters(ortNode, l2NormalizedRows(features));
 *
 * @throws RangeError when no candidate has a silhouette, or k-means refuses the rows or a candidate
 */
export async function chooseClusters(
  engine: Engine,
  rows: FeatureRows,
  { candidates: given, sample, onProgress, ...options }: ChooseClustersOptions = {},
): Promise<ClusterChoice> {
  const count = countFiniteRows(rows, 'The features to cluster');
  const candidates = given ?? CANDIDATES.filter((k) => k < count);
  const drawn = new Random(options.seed ?? 0, 'silhouette').permutation(count).subarray(0, SAMPLE);
  const scored = sample ?? drawn;
  const tried: { k: number; silhouette: number; inertia: number }[] = [];
  let best: { score: number; clustering: Clustering } | undefined;
  for (const [i, k] of candidates.entries()) {
    onProgress?.(i, candidates.length);
    const clustering = await kMeans(engine, rows, { ...options, k });
    const clusters = new Set(Array.from(scored, (row) => clustering.assignments[row])).size;
    const score =
      clusters < 2 || clusters >= scored.length
        ? Number.NaN
        : await silhouette(engine, rows, clustering.assignments, { ...options, sample: scored });
    tried.push({ k, silhouette: score, inertia: clustering.inertia });
    if (score > (best?.score ?? Number.NEGATIVE_INFINITY)) best = { score, clustering };
    onProgress?.(i + 1, candidates.length);
  }
  if (best === undefined) {
    throw new RangeError(
      scored.length < 3
        ? `Fewer than 3 images (${scored.length}) cannot be grouped: give more.`
        : `None of the numbers of clusters ${candidates.join(', ') || '(none given)'} has a silhouette for ${scored.length} rows: try numbers from 2 to ${scored.length - 1}.`,
    );
  }
  return { clustering: best.clustering, tried };
}
