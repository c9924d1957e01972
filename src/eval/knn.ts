/**
 * Weighted k-nearest-neighbor classification of frozen features, DINO's first evaluation (official `eval_knn.py`): each
 * of the k training images most similar by cosine votes `exp(similarity / T)` for its class; classes are ranked by votes,
 * equal ones by the lower class index.
 *
 * Finding neighbors is the heavy half and does not depend on k, T or the classes; it runs in an engine, over blocks of
 * queries and of the bank, so that memory stays bounded whatever their sizes. Voting is plain arithmetic. Leaving one
 * out is asked for when neighbors are searched: the bank is then searched with its own rows.
 */
import { runOnArrays } from '../engine/arrays.ts';
import type { Engine, EngineOptions, Program } from '../engine/engine.ts';
import { gemm, input, topK } from '../graph/index.ts';
import { countFiniteRows } from './finite-rows.ts';

/** Feature vectors, one a row. */
export interface FeatureRows {
  /** [rows, dim] */
  readonly values: Float32Array;
  readonly dim: number;
}

/** The nearest bank rows of every query, most similar first. */
export interface Neighbors {
  readonly queries: number;
  readonly k: number;
  /** Rows of the bank. [queries, k] */
  readonly rows: Int32Array;
  /** Their cosine similarities. [queries, k] */
  readonly similarities: Float32Array;
}

export interface NeighborOptions {
  /** How many neighbors; the largest k that will be voted with. */
  readonly k: number;
  /** Query i is row i of the bank and must not find itself (leave-one-out). */
  readonly leaveOneOut?: boolean;
  readonly engineOptions?: EngineOptions;
  /** Rows of a block; memory is 4 bytes times their product. The defaults were the fastest of those tried. */
  readonly queryBlock?: number;
  readonly bankBlock?: number;
}

const QUERY_BLOCK = 256;
const BANK_BLOCK = 16384;
/** The official floor of a norm, so that a zero vector stays zero. */
const MIN_NORM = 1e-12;

/** Rows divided by their L2 norms. */
export function l2NormalizedRows({ values, dim }: FeatureRows): FeatureRows {
  const normalized = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += dim) {
    let square = 0;
    for (let i = start; i < start + dim; i++) square += values[i]! * values[i]!;
    const norm = Math.max(Math.sqrt(square), MIN_NORM);
    for (let i = start; i < start + dim; i++) normalized[i] = values[i]! / norm;
  }
  return { values: normalized, dim };
}

/**
 * Finds the k most similar bank rows of every query.
 *
 * @param bank L2-normalized rows
 * @param queries L2-normalized rows of the same width
 * @throws RangeError when the bank has fewer than k rows (other than the query), the widths differ, or a value is NaN or infinite
 */
export async function nearestNeighbors(
  engine: Engine,
  bank: FeatureRows,
  queries: FeatureRows,
  options: NeighborOptions,
): Promise<Neighbors> {
  const { k, leaveOneOut = false, queryBlock = QUERY_BLOCK, bankBlock = BANK_BLOCK, engineOptions } = options;
  const { dim } = bank;
  if (queries.dim !== dim) {
    throw new RangeError(
      `The queries have ${queries.dim} numbers a row and the bank has ${dim}: take both from the same network.`,
    );
  }
  const bankRows = countFiniteRows(bank, 'The features of the bank');
  const count = countFiniteRows(queries, 'The features of the queries');
  const wanted = leaveOneOut ? k + 1 : k;
  if (!Number.isInteger(k) || k < 1 || wanted > bankRows) {
    throw new RangeError(
      `${k} neighbors cannot be found in a bank of ${bankRows} rows${leaveOneOut ? ' with one left out' : ''}: choose a smaller k.`,
    );
  }
  if (leaveOneOut && count !== bankRows) {
    throw new RangeError(`Leaving one out needs the bank itself as queries, not ${count} other rows.`);
  }
  const found = new CandidateLists(count, wanted);
  const height = Math.min(queryBlock, count);
  const rows = new Float32Array(height * dim);
  for (let bankStart = 0; bankStart < bankRows; ) {
    // Blocks of one size share a program; what remains at the end has its own.
    const width = Math.min(bankBlock, bankRows - bankStart);
    const same = Math.floor((bankRows - bankStart) / width);
    const program = await engine.load(
      blockProgram(height, width, dim, Math.min(wanted, width)),
      engineOptions,
    );
    for (let i = 0; i < same; i++, bankStart += width) {
      const block = bank.values.subarray(bankStart * dim, (bankStart + width) * dim);
      await searchBlock(program, block, queries, rows, height, found, bankStart);
    }
    await program.dispose();
  }
  return found.take(k, leaveOneOut);
}

/** similarity = queries bank', and the largest of each row. */
function blockProgram(height: number, width: number, dim: number, k: number) {
  const similarity = gemm(input('queries', [height, dim]), input('bank', [width, dim]), { transB: true });
  const { values, positions } = topK(similarity, k);
  return { values, positions };
}

async function searchBlock(
  program: Program,
  bank: Float32Array,
  queries: FeatureRows,
  rows: Float32Array,
  height: number,
  found: CandidateLists,
  bankStart: number,
): Promise<void> {
  const { dim } = queries;
  const count = queries.values.length / dim;
  const k = program.outputs.get('values')?.shape.at(-1) ?? 0;
  const values = new Float32Array(height * k);
  const positions = new BigInt64Array(height * k);
  for (let start = 0; start < count; start += height) {
    const size = Math.min(height, count - start);
    rows.set(queries.values.subarray(start * dim, (start + size) * dim)); // a short last block keeps old rows at its end
    await runOnArrays(program, { queries: rows, bank }, { values, positions });
    for (let i = 0; i < size; i++) found.merge(start + i, values, positions, i * k, k, bankStart);
  }
}

/** The best candidates so far of every query, in order. */
class CandidateLists {
  readonly #k: number;
  readonly #counts: Int32Array;
  readonly #rows: Int32Array;
  readonly #similarities: Float32Array;

  constructor(queries: number, k: number) {
    this.#k = k;
    this.#counts = new Int32Array(queries);
    this.#rows = new Int32Array(queries * k);
    this.#similarities = new Float32Array(queries * k);
  }

  /** Adds a sorted list of a later block of the bank; of equal similarities the earlier row stays first. */
  merge(
    query: number,
    values: Float32Array,
    positions: BigInt64Array,
    from: number,
    length: number,
    bankStart: number,
  ): void {
    const k = this.#k;
    const base = query * k;
    let count = this.#counts[query]!;
    for (let i = from; i < from + length; i++) {
      const similarity = values[i]!;
      if (count === k && similarity <= this.#similarities[base + k - 1]!) break; // the rest is smaller still
      let at = Math.min(count, k - 1);
      for (; at > 0 && this.#similarities[base + at - 1]! < similarity; at--) {
        this.#similarities[base + at] = this.#similarities[base + at - 1]!;
        this.#rows[base + at] = this.#rows[base + at - 1]!;
      }
      this.#similarities[base + at] = similarity;
      this.#rows[base + at] = bankStart + Number(positions[i]);
      if (count < k) count++;
    }
    this.#counts[query] = count;
  }

  /** The k best of each query; `withoutSelf` leaves out row i of query i, or the last where it is not among them. */
  take(k: number, withoutSelf: boolean): Neighbors {
    const queries = this.#counts.length;
    if (!withoutSelf) return { queries, k, rows: this.#rows, similarities: this.#similarities };
    const rows = new Int32Array(queries * k);
    const similarities = new Float32Array(queries * k);
    for (let query = 0; query < queries; query++) {
      for (let i = 0, from = query * this.#k; i < k; from++) {
        if (this.#rows[from] === query) continue;
        rows[query * k + i] = this.#rows[from]!;
        similarities[query * k + i++] = this.#similarities[from]!;
      }
    }
    return { queries, k, rows, similarities };
  }
}

export interface VoteOptions {
  /** How many of the neighbors vote. */
  readonly k: number;
  readonly temperature: number;
  readonly classes: number;
}

/**
 * Votes of the nearest neighbors for their classes.
 *
 * @param labels class of every bank row, 0 .. classes - 1
 * @returns [queries, classes]
 */
export function knnVotes(
  { queries, k: found, rows, similarities }: Neighbors,
  labels: ArrayLike<number>,
  { k, temperature, classes }: VoteOptions,
): Float32Array {
  if (k > found)
    throw new RangeError(`${found} neighbors were searched and ${k} shall vote: search for more.`);
  const votes = new Float32Array(queries * classes);
  for (let query = 0; query < queries; query++) {
    for (let i = query * found; i < query * found + k; i++) {
      const label = labels[rows[i]!]!;
      if (!(label >= 0 && label < classes)) {
        throw new RangeError(
          `Row ${rows[i]} of the bank has the class ${label}, there are ${classes} classes.`,
        );
      }
      votes[query * classes + label]! += Math.exp(similarities[i]! / temperature);
    }
  }
  return votes;
}

/**
 * Classes of every query by falling votes, equal ones by class index.
 *
 * @returns [queries, classes]; the first of each row is the prediction
 */
export function rankClasses(votes: Float32Array, classes: number): Int32Array {
  const ranking = new Int32Array(votes.length);
  const order = Array.from({ length: classes }, (_, i) => i);
  for (let start = 0; start < votes.length; start += classes) {
    order.sort((a, b) => votes[start + b]! - votes[start + a]! || a - b);
    ranking.set(order, start);
  }
  return ranking;
}

/**
 * Share of queries whose class is among the `width` best ranked, in percent.
 *
 * @param ranking from `rankClasses`
 */
export function topAccuracy(
  ranking: Int32Array,
  classes: number,
  labels: ArrayLike<number>,
  width: number,
): number {
  let hits = 0;
  for (let query = 0; query < labels.length; query++) {
    const start = query * classes;
    if (ranking.subarray(start, start + Math.min(width, classes)).includes(labels[query]!)) hits++;
  }
  return (100 * hits) / labels.length;
}

export interface KnnResult {
  readonly k: number;
  /** Percent. */
  readonly top1: number;
  /** Percent: among the min(5, k) best, as the official script counts. */
  readonly top5: number;
  /** Class of every query. */
  readonly predictions: Int32Array;
}

/**
 * The whole evaluation, for several k from one search.
 *
 *     const [result] = await knn(ortNode, train, trainLabels, test, testLabels, { ks: [20], temperature: 0.07, classes: 10 });
 *
 * With `leaveOneOut` the queries are the bank (pass the same features and labels twice).
 */
export async function knn(
  engine: Engine,
  bank: FeatureRows,
  bankLabels: ArrayLike<number>,
  queries: FeatureRows,
  queryLabels: ArrayLike<number>,
  {
    ks,
    temperature,
    classes,
    leaveOneOut = false,
  }: {
    readonly ks: readonly number[];
    readonly temperature: number;
    readonly classes: number;
    readonly leaveOneOut?: boolean;
  },
): Promise<KnnResult[]> {
  const neighbors = await nearestNeighbors(engine, l2NormalizedRows(bank), l2NormalizedRows(queries), {
    k: Math.max(...ks),
    leaveOneOut,
  });
  return ks.map((k) => {
    const ranking = rankClasses(knnVotes(neighbors, bankLabels, { k, temperature, classes }), classes);
    return {
      k,
      top1: topAccuracy(ranking, classes, queryLabels, 1),
      top5: topAccuracy(ranking, classes, queryLabels, Math.min(5, k)),
      predictions: Int32Array.from(queryLabels, (_, query) => ranking[query * classes]!),
    };
  });
}
