/** Clusters of features beside those of its baselines, and how well they agree with classes where there are any. */
import type { Source } from '../../data/source.ts';
import {
  type BaselineName,
  type ComparedName,
  type CompareOptions,
  comparedNames,
  compareFeatures,
  extractNamed,
  forBaselines,
} from '../../features/baselines.ts';
import type { Extracted } from '../../features/extract.ts';
import type { Known } from '../../features/known-baselines.ts';
import { halfSampling, type Interval } from '../../rows/bootstrap.ts';
import { countEach } from '../../rows/count-each.ts';
import { type FeatureRows, l2NormalizedRows } from '../../rows/feature-rows.ts';
import { recordOf } from '../../rows/record-of.ts';
import { squaredDistance } from '../../rows/squared-distance.ts';
import { chooseClusters } from './choose-clusters.ts';
import { type ClusterScores, clusterScores } from './cluster-scores.ts';
import { type Clustering, kMeans } from './kmeans.ts';

export type ClusterScoreName = keyof ClusterScores;

export const clusterScoreNames: readonly ClusterScoreName[] = ['nmi', 'ari', 'hungarianAccuracy', 'purity'];

export interface ScoredClusters {
  /** 0 to 1 (the Rand index: -1 to 1). */
  readonly scores: ClusterScores;
  /** 95 % intervals: over the images, for these clusters. */
  readonly intervals: Readonly<Record<ClusterScoreName, Interval>>;
}

export interface ClusterReport {
  readonly k: number;
  /** Where k was chosen: the numbers that were tried and their silhouettes. */
  readonly tried?: readonly { readonly k: number; readonly silhouette: number }[];
  /** Images that could not be read. */
  readonly skipped: Extracted['skipped'];
  /** Of the trained network's features, L2-normalized. */
  readonly clustering: Clustering;
  /** Number of every row's image in the source. */
  readonly indices: Int32Array;
  /** Images of every cluster, nearest to its center first: rows. */
  readonly members: readonly Int32Array[];
  /** By what is compared; absent without classes. */
  readonly scored?: Readonly<Record<ComparedName, ScoredClusters>>;
  /** 95 % intervals of how much higher the trained network's mutual information is; absent without classes. */
  readonly gains?: Readonly<Record<BaselineName, Interval>>;
  /** The most frequent class of every cluster and its share; absent without classes. */
  readonly majorities?: readonly { readonly label: number; readonly share: number }[];
}

export interface ClusterReportOptions extends CompareOptions {
  readonly source: Source;
  /** How many clusters; as many as classes unless given, and without classes the best silhouette of some numbers. */
  readonly k?: number;
  readonly restarts?: number;
  readonly seed?: number;
  /** The groups of baselines that were measured before, and where they are kept. */
  readonly known?: Known<Int32Array> | undefined;
}

const DRAWS = 200;

/** @throws RangeError if there are fewer images than clusters */
export async function clusterReport(options: ClusterReportOptions): Promise<ClusterReport> {
  const { source, engine, known, onProgress, restarts = 3, seed = 0 } = options;
  const classes = source.classes.length;
  // Without classes there are no scores to compare.
  const names = comparedNames.filter((name) => known?.get(name) === undefined);
  const comparison = classes < 2 ? undefined : await compareFeatures([source], { ...options, names });
  const { labels, indices, skipped, features } =
    comparison?.sets[0] ?? (await extractNamed(source, new Map([['trained', options.trained]]), options));
  const trained = l2NormalizedRows(features.get('trained')!);
  const watch = (name: ComparedName, done: number): void =>
    onProgress?.(`k-means, ${name}`, done, labels.length);
  const clusterInto = async (k: number): Promise<Clustering> => {
    watch('trained', 0);
    const clustering = await kMeans(engine, trained, { k, restarts, seed });
    watch('trained', labels.length);
    return clustering;
  };
  const wanted = options.k ?? (classes >= 2 ? classes : undefined);
  const chosen =
    wanted === undefined
      ? await chooseClusters(engine, trained, {
          restarts,
          seed,
          onProgress: (done, total) => onProgress?.('numbers of groups tried', done, total),
        })
      : { clustering: await clusterInto(wanted), tried: undefined };
  const { clustering, tried } = chosen;
  const report = {
    k: clustering.k,
    ...(tried === undefined ? {} : { tried: tried.map(({ k, silhouette }) => ({ k, silhouette })) }),
    skipped,
    clustering,
    indices,
    members: nearestFirst(trained, clustering),
  };
  if (comparison === undefined) return report;
  const assigned = new Map<ComparedName, Int32Array>([['trained', clustering.assignments]]);
  for (const { name, sets } of comparison.compared) {
    if (name === 'trained') continue;
    watch(name, 0);
    const rows = l2NormalizedRows(sets[0]!);
    const { assignments } = await kMeans(engine, rows, { k: clustering.k, restarts, seed });
    assigned.set(name, assignments);
    known?.keep(name, assignments);
    watch(name, labels.length);
  }
  return {
    ...report,
    ...scoreAll(labels, (name) => assigned.get(name) ?? known!.get(name)!),
    majorities: report.members.map((rows) => majority(rows, labels)),
  };
}

/** Scores of all that is compared, and how much better the trained network is: from the same random halves of the images. */
function scoreAll(
  labels: Int32Array,
  assignmentsOf: (name: ComparedName) => Int32Array,
): Required<Pick<ClusterReport, 'scored' | 'gains'>> {
  const statistics = (rows?: Uint32Array): number[] => {
    const part = (values: Int32Array): Int32Array =>
      rows === undefined ? values : Int32Array.from(rows, (row) => values[row]!);
    const scores = comparedNames.map((name) => clusterScores(part(labels), part(assignmentsOf(name))));
    const trained = scores[0]!.nmi;
    return [
      ...scores.flatMap((each) => clusterScoreNames.map((score) => each[score])),
      ...scores.slice(1).map(({ nmi }) => trained - nmi),
    ];
  };
  const whole = statistics();
  const drawn = halfSampling(labels.length, whole, statistics, { draws: DRAWS });
  const scored = comparedNames.map((name, place): [ComparedName, ScoredClusters] => {
    const at = (score: number): number => place * clusterScoreNames.length + score;
    const scores = clusterScoreNames.map((score, i) => [score, whole[at(i)]!] as const);
    const intervals = clusterScoreNames.map((score, i) => [score, inRange(drawn[at(i)]!, score)] as const);
    return [name, { scores: recordOf(scores), intervals: recordOf(intervals) }];
  });
  const differences = drawn.slice(comparedNames.length * clusterScoreNames.length);
  return {
    scored: recordOf(scored),
    gains: forBaselines((name) => differences[comparedNames.indexOf(name) - 1]!),
  };
}

/** Laid around a score, an interval may reach beyond what the score can be. */
function inRange({ low, high }: Interval, name: ClusterScoreName): Interval {
  const within = (value: number): number => Math.min(1, Math.max(name === 'ari' ? -1 : 0, value));
  return { low: within(low), high: within(high) };
}

/** Rows of every cluster by distance to its center. */
function nearestFirst({ values, dim }: FeatureRows, { assignments, centers, k }: Clustering): Int32Array[] {
  const members = Array.from({ length: k }, (): { row: number; distance: number }[] => []);
  assignments.forEach((cluster, row) => {
    members[cluster]?.push({
      row,
      distance: squaredDistance(values, row * dim, centers, cluster * dim, dim),
    });
  });
  return members.map((list) =>
    Int32Array.from(
      list.sort((a, b) => a.distance - b.distance || a.row - b.row),
      ({ row }) => row,
    ),
  );
}

function majority(rows: Int32Array, labels: Int32Array): { label: number; share: number } {
  const counts = countEach(rows.map((row) => labels[row]!));
  const [best = [-1, 0]] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return { label: best[0], share: best[1] / Math.max(1, rows.length) };
}
