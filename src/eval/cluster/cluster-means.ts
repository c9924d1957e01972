/**
 * Means of the rows of every cluster, kept up to date from one assignment to the next: late iterations of k-means move few
 * rows. Sums are float64.
 */
import type { FeatureRows } from '../../rows/feature-rows.ts';
import { squaredDistance } from '../../rows/squared-distance.ts';

export class ClusterMeans {
  readonly #rows: FeatureRows;
  /** Cluster of every row, -1 before the first assignment. */
  readonly #clusters: Int32Array;
  /** [k, dim] */
  readonly #sums: Float64Array;
  readonly #sizes: Int32Array;

  constructor(rows: FeatureRows, k: number) {
    this.#rows = rows;
    this.#clusters = new Int32Array(rows.values.length / rows.dim).fill(-1);
    this.#sums = new Float64Array(k * rows.dim);
    this.#sizes = new Int32Array(k);
  }

  /** Takes over the new assignment of a range of rows; returns how many of them changed. */
  assign(assignments: Int32Array, start: number, end: number): number {
    let changed = 0;
    for (let row = start; row < end; row++) {
      const from = this.#clusters[row]!;
      const to = assignments[row]!;
      if (from === to) continue;
      if (from >= 0) this.#move(row, from, to);
      else addRow(this.#rows, row, this.#sums, this.#sizes, to, 1);
      this.#clusters[row] = to;
      changed++;
    }
    return changed;
  }

  /**
   * The means. Of each empty cluster the center becomes the row that is farthest from the center it was assigned to, which
   * counts no longer in its own cluster; rows that lie on their center and the last row of a cluster are not taken, and where
   * none is left the center stays where it was.
   *
   * @param previous centers of the assignment, [k, dim]
   * @returns [k, dim]
   */
  centers(previous: Float64Array): Float64Array {
    const { dim } = this.#rows;
    const [sums, sizes] = [this.#sums.slice(), this.#sizes.slice()];
    const empty = Array.from(sizes.keys()).filter((cluster) => sizes[cluster] === 0);
    const farthest = empty.length === 0 ? [] : this.#farthest(previous, empty.length);
    for (const [i, row] of farthest.entries()) {
      addRow(this.#rows, row, sums, sizes, this.#clusters[row]!, -1);
      sums.fill(0, empty[i]! * dim, (empty[i]! + 1) * dim); // may hold what rounding left of its former rows
      addRow(this.#rows, row, sums, sizes, empty[i]!, 1);
    }
    return sums.map((sum, i) => {
      const size = sizes[Math.floor(i / dim)]!;
      return size === 0 ? previous[i]! : sum / size;
    });
  }

  /** From one sum to another in one pass: with most rows moving, this is what an iteration costs beside its product. */
  #move(row: number, from: number, to: number): void {
    const { values, dim } = this.#rows;
    const sums = this.#sums;
    const [start, less, more] = [row * dim, from * dim, to * dim];
    for (let d = 0; d < dim; d++) {
      const value = values[start + d]!;
      sums[less + d]! -= value;
      sums[more + d]! += value;
    }
    this.#sizes[from]!--;
    this.#sizes[to]!++;
  }

  #farthest(centers: Float64Array, count: number): number[] {
    const { values, dim } = this.#rows;
    const distances = Float64Array.from(this.#clusters, (cluster, row) =>
      squaredDistance(values, row * dim, centers, cluster * dim, dim),
    );
    const left = this.#sizes.slice();
    const chosen: number[] = [];
    for (const row of Array.from(distances.keys()).sort((a, b) => distances[b]! - distances[a]! || a - b)) {
      if (chosen.length === count || distances[row] === 0) break;
      const cluster = this.#clusters[row]!;
      if (left[cluster]! < 2) continue;
      left[cluster]!--;
      chosen.push(row);
    }
    return chosen;
  }
}

/** Adds a row to the sum of a cluster, or takes it away where `sign` is -1. */
function addRow(
  { values, dim }: FeatureRows,
  row: number,
  sums: Float64Array,
  sizes: Int32Array,
  cluster: number,
  sign: 1 | -1,
): void {
  const [start, into] = [row * dim, cluster * dim];
  for (let d = 0; d < dim; d++) sums[into + d]! += sign * values[start + d]!;
  sizes[cluster]! += sign;
}
