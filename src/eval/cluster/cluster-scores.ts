/**
 * How well clusters agree with classes: normalized mutual information, adjusted Rand index, accuracy under the best one-to-one
 * pairing (Hungarian), purity. The official code has no clustering; the definitions, degenerate cases included, are
 * scikit-learn's.
 */
import { largestMatching } from '../../rows/matching.ts';

/** How many samples of each class are in each cluster. */
export interface Contingency {
  /** Classes and clusters that occur, ascending. */
  readonly classes: readonly number[];
  readonly clusters: readonly number[];
  /** [classes, clusters] */
  readonly counts: Int32Array;
  readonly samples: number;
}

export interface ClusterScores {
  /** Mutual information over the mean of the two entropies, 0 to 1. */
  readonly nmi: number;
  /** Adjusted Rand index: 1 for the same partition, about 0 for a random one. */
  readonly ari: number;
  /** Largest share of samples matched by a one-to-one pairing of clusters and classes. */
  readonly hungarianAccuracy: number;
  /** Share of samples in the most frequent class of their cluster; never falls when clusters are split. */
  readonly purity: number;
}

/**
 * @param labels class of every sample, any integers
 * @param clusters cluster of every sample, any integers
 * @throws RangeError when there are no samples, or the lengths differ
 */
export function contingency(labels: ArrayLike<number>, clusters: ArrayLike<number>): Contingency {
  if (labels.length === 0 || labels.length !== clusters.length) {
    throw new RangeError(
      `${labels.length} labels cannot be compared with ${clusters.length} cluster assignments: give one of each for every sample.`,
    );
  }
  const rows = distinct(labels);
  const columns = distinct(clusters);
  const rowOf = new Map(rows.map((label, i) => [label, i]));
  const columnOf = new Map(columns.map((cluster, i) => [cluster, i]));
  const counts = new Int32Array(rows.length * columns.length);
  for (let i = 0; i < labels.length; i++)
    counts[(rowOf.get(labels[i]!) ?? 0) * columns.length + (columnOf.get(clusters[i]!) ?? 0)]!++;
  return { classes: rows, clusters: columns, counts, samples: labels.length };
}

function distinct(values: ArrayLike<number>): number[] {
  return [...new Set(Array.from(values))].sort((a, b) => a - b);
}

/**
 * All scores at once.
 *
 *     clusterScores([0, 0, 1, 1], [5, 5, 3, 3]) // { nmi: 1, ari: 1, hungarianAccuracy: 1, purity: 1 }
 */
export function clusterScores(labels: ArrayLike<number>, clusters: ArrayLike<number>): ClusterScores {
  const table = contingency(labels, clusters);
  return {
    nmi: normalizedMutualInformation(table),
    ari: adjustedRandIndex(table),
    hungarianAccuracy: hungarianAccuracy(table),
    purity: purity(table),
  };
}

/** Natural logarithms, arithmetic mean of the entropies; 1 if both sides are one group, 0 if only one of them is. */
function normalizedMutualInformation(table: Contingency): number {
  const { classes, clusters, counts, samples } = table;
  if (classes.length === 1 && clusters.length === 1) return 1;
  const { rows, columns } = margins(table);
  let information = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    if (count === 0) continue;
    const expected = rows[Math.floor(i / clusters.length)]! * columns[i % clusters.length]!;
    information += (count / samples) * Math.log((count * samples) / expected);
  }
  const entropies = entropy(rows, samples) + entropy(columns, samples);
  return Math.max(0, information) / (entropies / 2);
}

function entropy(sizes: Float64Array, samples: number): number {
  let sum = 0;
  for (const size of sizes) sum -= (size / samples) * Math.log(size / samples);
  return sum;
}

/** Hubert and Arabie 1985, over pairs of samples; 1 where no pair is together on one side and apart on the other. */
function adjustedRandIndex(table: Contingency): number {
  const { rows, columns } = margins(table);
  const squares = sumOfSquares(table.counts);
  const onlyColumn = sumOfSquares(columns) - squares;
  const onlyRow = sumOfSquares(rows) - squares;
  if (onlyColumn === 0 && onlyRow === 0) return 1;
  const together = squares - table.samples;
  const apart = table.samples ** 2 - onlyColumn - onlyRow - squares;
  return (
    (2 * (together * apart - onlyColumn * onlyRow)) /
    ((together + onlyColumn) * (onlyColumn + apart) + (together + onlyRow) * (onlyRow + apart))
  );
}

/** Samples of clusters or classes that are left over count as wrong. */
function hungarianAccuracy(table: Contingency): number {
  let matched = 0;
  for (const { samples } of pairClusters(table)) matched += samples;
  return matched / table.samples;
}

/** The one-to-one pairing of clusters and classes that matches most samples, by ascending class. */
export function pairClusters({
  classes,
  clusters,
  counts,
}: Contingency): { readonly class: number; readonly cluster: number; readonly samples: number }[] {
  const partners = largestMatching(counts, classes.length, clusters.length);
  return classes.flatMap((label, row) => {
    const column = partners[row]!;
    const cluster = clusters[column];
    if (cluster === undefined) return [];
    return [{ class: label, cluster, samples: counts[row * clusters.length + column]! }];
  });
}

function purity({ classes, clusters, counts, samples }: Contingency): number {
  let sum = 0;
  for (let column = 0; column < clusters.length; column++) {
    let most = 0;
    for (let row = 0; row < classes.length; row++)
      most = Math.max(most, counts[row * clusters.length + column]!);
    sum += most;
  }
  return sum / samples;
}

/** Sizes of the classes and of the clusters. */
function margins({ classes, clusters, counts }: Contingency) {
  const rows = new Float64Array(classes.length);
  const columns = new Float64Array(clusters.length);
  for (let i = 0; i < counts.length; i++) {
    rows[Math.floor(i / clusters.length)]! += counts[i]!;
    columns[i % clusters.length]! += counts[i]!;
  }
  return { rows, columns };
}

function sumOfSquares(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value ** 2;
  return sum;
}
