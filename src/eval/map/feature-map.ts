/**
 * Maps of the features of a folder of images, trained beside untrained: the first two principal components, and t-SNE of the
 * first 30 (as the paper made its map: PCA to 30 dimensions, perplexity 20).
 */
import type { Source } from '../../data/source.ts';
import type { Engine } from '../../engine/engine.ts';
import { comparedWeights } from '../../features/baselines.ts';
import { type Extracted, extractFeatures } from '../../features/extract.ts';
import type { FrozenBackbone } from '../../features/frozen-backbone.ts';
import type { Weights } from '../../features/network-weights.ts';
import type { OnProgress } from '../../features/on-progress.ts';
import { Random } from '../../random/random.ts';
import { type Interval, shareIntervals, UNKNOWN } from '../../rows/bootstrap.ts';
import { countEach } from '../../rows/count-each.ts';
import { type FeatureRows, l2NormalizedRows } from '../../rows/feature-rows.ts';
import { mean } from '../../rows/mean.ts';
import { fitPca, projectPca } from '../../rows/pca.ts';
import { chooseClusters } from '../cluster/choose-clusters.ts';
import { tsne } from './tsne.ts';

export type MapMethod = 'tsne' | 'pca';
export type MappedNetwork = 'trained' | 'untrained';

export interface PlaneMap {
  /** [images, 2] */
  readonly positions: Float64Array;
  /** Percent of images whose class most of their nearest neighbors in the plane have; absent without classes. */
  readonly accuracy?: { readonly value: number; readonly interval: Interval };
}

export interface FeatureMaps {
  /** Images that could not be read. */
  readonly skipped: Extracted['skipped'];
  /** Numbers of the images in the source. */
  readonly indices: Int32Array;
  /** -1 where there are no classes. */
  readonly labels: Int32Array;
  /** Where there are no classes, the cluster of every image by the trained network; absent where features form none. */
  readonly clusters?: Int32Array;
  readonly maps: Readonly<Record<MappedNetwork, Readonly<Record<MapMethod, PlaneMap>>>>;
  /** As it was used: too few images lower it. */
  readonly perplexity: number;
  /** Principal components that t-SNE saw. */
  readonly components: number;
  /** KL(P || Q) of the trained network's t-SNE, nats. */
  readonly divergence: number;
}

export interface FeatureMapOptions {
  readonly source: Source;
  readonly backbone: FrozenBackbone;
  readonly trained: Weights;
  readonly untrained: Weights;
  readonly engine: Engine;
  /** Default 20. */
  readonly perplexity?: number;
  /** Default 30. */
  readonly components?: number;
  /** Default 1000. */
  readonly iterations?: number;
  /** Most images; a random choice of them where there are more. Default 5000. */
  readonly limit?: number;
  /** Of that choice. Default 0. */
  readonly seed?: number;
  readonly onProgress?: OnProgress;
}

/** Neighbors in the plane that vote. */
export const MAP_NEIGHBORS = 10;

/** @throws Error if no image can be read; RangeError if an option is out of range */
export async function featureMaps(options: FeatureMapOptions): Promise<FeatureMaps> {
  const { source, backbone, engine, onProgress, perplexity = 20, iterations = 1000 } = options;
  const { components = 30, limit = 5000, seed = 0 } = options;
  const chosen =
    source.length > limit
      ? new Random(seed, 'mapped images').permutation(source.length).slice(0, limit).sort()
      : undefined;
  const extracted = await extractFeatures(source, {
    backbone,
    weights: comparedWeights(options),
    ...(chosen === undefined ? {} : { indices: chosen }),
    onProgress: (done, total) => onProgress?.(`features of ${source.name}`, done, total),
  });
  const { labels, indices, skipped } = extracted;
  const labeled =
    source.classes.length < 2 ? [] : Array.from(labels.keys()).filter((row) => labels[row]! >= 0);
  const network = async (name: MappedNetwork) => {
    const rows = l2NormalizedRows(extracted.features.get(name)!);
    const reduced = await projectPca(engine, await fitPca(engine, rows, components), rows);
    const map = await tsne(engine, reduced, {
      perplexity,
      iterations,
      seed,
      onProgress: (done, total) => onProgress?.(`t-SNE, ${name}`, done, total),
    });
    const scored = (positions: Float64Array): PlaneMap => ({
      positions,
      ...(labeled.length < 2 ? {} : { accuracy: score(positions, labels, labeled) }),
    });
    return {
      maps: { tsne: scored(map.positions), pca: scored(firstTwo(reduced)) },
      map,
      rows,
      components: reduced.dim,
    };
  };
  const trained = await network('trained');
  const untrained = await network('untrained');
  const clusters = source.classes.length < 2 ? await clustersOf(engine, trained.rows, options) : undefined;
  return {
    skipped,
    indices,
    labels,
    ...(clusters === undefined ? {} : { clusters }),
    maps: { trained: trained.maps, untrained: untrained.maps },
    perplexity: trained.map.perplexity,
    components: trained.components,
    divergence: trained.map.divergence,
  };
}

/** The groups that the cluster evaluation finds; undefined where no number of clusters has a silhouette, such as for equal features. */
async function clustersOf(
  engine: Engine,
  rows: FeatureRows,
  { seed = 0, onProgress }: FeatureMapOptions,
): Promise<Int32Array | undefined> {
  const watch = (done: number, total: number): void => onProgress?.('numbers of groups tried', done, total);
  try {
    return (await chooseClusters(engine, rows, { seed, onProgress: watch })).clustering.assignments;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The first two columns, [rows, 2]; a missing one is 0. */
function firstTwo({ values, dim }: FeatureRows): Float64Array {
  const count = values.length / dim;
  return Float64Array.from({ length: 2 * count }, (_, i) =>
    i % 2 < dim ? values[(i >> 1) * dim + (i % 2)]! : 0,
  );
}

/** @param rows those with a class */
function score(
  positions: Float64Array,
  labels: Int32Array,
  rows: readonly number[],
): { value: number; interval: Interval } {
  const places = Float64Array.from(rows.flatMap((row) => [positions[2 * row]!, positions[2 * row + 1]!]));
  const hits = mapHits(
    places,
    Int32Array.from(rows, (row) => labels[row]!),
    MAP_NEIGHBORS,
  );
  const [interval = UNKNOWN] = shareIntervals([hits], 100);
  return { value: mean(hits), interval };
}

/**
 * Percent of points of a map whose class most of their k nearest other points have; of equally frequent classes the lower
 * number counts.
 *
 * @param positions [points, 2]
 */
export function mapAccuracy(positions: Float64Array, labels: ArrayLike<number>, k = MAP_NEIGHBORS): number {
  const hits = mapHits(positions, labels, k);
  return hits.reduce((a, b) => a + b, 0) / Math.max(1, hits.length);
}

/** 100 for each point whose neighbors tell its class, 0 for the others. */
function mapHits(positions: Float64Array, labels: ArrayLike<number>, k: number): number[] {
  const count = labels.length;
  const kept = Math.min(k, count - 1);
  const squares = new Float64Array(kept);
  const rows = new Int32Array(kept);
  return Array.from({ length: count }, (_, point) => {
    squares.fill(Number.POSITIVE_INFINITY);
    for (let other = 0; other < count; other++) {
      if (other === point) continue;
      const square =
        (positions[2 * other]! - positions[2 * point]!) ** 2 +
        (positions[2 * other + 1]! - positions[2 * point + 1]!) ** 2;
      if (square >= squares[kept - 1]!) continue;
      let at = kept - 1;
      for (; at > 0 && squares[at - 1]! > square; at--) {
        squares[at] = squares[at - 1]!;
        rows[at] = rows[at - 1]!;
      }
      squares[at] = square;
      rows[at] = other;
    }
    const votes = countEach(Array.from(rows, (row) => labels[row]!));
    const [winner] = [...votes].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    return winner?.[0] === labels[point] ? 100 : 0;
  });
}
