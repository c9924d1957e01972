/**
 * The nearest rows of a bank for each of many queries, by cosine. It is the heavy half of what is made of neighbors, and runs in an
 * engine over blocks of queries and of the bank, so that memory stays bounded whatever their sizes. Leaving one out is asked for
 * here: the bank is then searched with its own rows.
 */
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { topK } from '../graph/index.ts';
import { CosineProduct } from './cosine-product.ts';
import { countFiniteRows, type FeatureRows, requireSameWidth } from './feature-rows.ts';
import { type RowBlock, rowBlocks } from './row-blocks.ts';

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
  { k, leaveOneOut = false, ...options }: NeighborOptions,
): Promise<Neighbors> {
  requireSameWidth(queries, bank, 'bank');
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
  const search = new NeighborSearch(engine, queries, { ...options, k: wanted });
  await search.add(bank, 0);
  await search.dispose();
  return leaveOneOut ? withoutSelf(search.found(), k) : search.found();
}

/** A search in a bank that comes piece by piece. */
export class NeighborSearch {
  readonly #blocks: readonly RowBlock[];
  readonly #candidates: CandidateLists;
  readonly #product: CosineProduct<{ readonly values: Float32Array; readonly positions: BigInt64Array }>;
  readonly #dim: number;
  readonly #bankBlock: number;

  /** @param queries L2-normalized rows */
  constructor(engine: Engine, queries: FeatureRows, options: Omit<NeighborOptions, 'leaveOneOut'>) {
    const { k, queryBlock = QUERY_BLOCK, bankBlock = BANK_BLOCK, engineOptions = {} } = options;
    const { dim } = queries;
    const count = queries.values.length / dim;
    const height = Math.min(queryBlock, count);
    this.#dim = dim;
    this.#bankBlock = bankBlock;
    this.#blocks = rowBlocks(queries, height);
    this.#candidates = new CandidateLists(count, k);
    this.#product = new CosineProduct(engine, {
      ...{ height, dim, engineOptions },
      trace: (cosines) => topK(cosines, Math.min(k, cosines.dim(1))),
      allocate: (_, width) => {
        const size = height * Math.min(k, width);
        return { values: new Float32Array(size), positions: new BigInt64Array(size) };
      },
    });
  }

  /**
   * @param rows of the bank, L2-normalized, of the queries' width
   * @param first number of the first of them
   */
  async add({ values: rows }: FeatureRows, first: number): Promise<void> {
    const dim = this.#dim;
    const count = rows.length / dim;
    for (let start = 0; start < count; start += this.#bankBlock) {
      const bank = rows.subarray(start * dim, Math.min(count, start + this.#bankBlock) * dim);
      for (const asked of this.#blocks) {
        const { values, positions } = await this.#product.of(asked.values, bank);
        const found = values.length / (asked.values.length / dim);
        for (let i = 0; i < asked.count; i++)
          this.#candidates.merge(
            asked.start + i,
            { values, positions, from: i * found, length: found },
            first + start,
          );
      }
    }
  }

  /** The nearest of the rows so far, k of each query: of fewer rows all. */
  found(): Neighbors {
    return this.#candidates.taken();
  }

  async dispose(): Promise<void> {
    await this.#product.dispose();
  }
}

/** A sorted list of cosines with their places in a block of the bank. */
interface BlockList {
  readonly values: Float32Array;
  readonly positions: BigInt64Array;
  readonly from: number;
  readonly length: number;
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

  /** Adds the list of a later block of the bank; of equal similarities the earlier row stays first. */
  merge(query: number, { values, positions, from, length }: BlockList, bankStart: number): void {
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

  /** What each query has: all have seen the same rows, and so have as many. */
  taken(): Neighbors {
    const queries = this.#counts.length;
    const k = this.#counts[0] ?? 0;
    if (k === this.#k) return { queries, k, rows: this.#rows, similarities: this.#similarities };
    const rows = new Int32Array(queries * k);
    const similarities = new Float32Array(queries * k);
    for (let query = 0; query < queries; query++) {
      const from = query * this.#k;
      rows.set(this.#rows.subarray(from, from + k), query * k);
      similarities.set(this.#similarities.subarray(from, from + k), query * k);
    }
    return { queries, k, rows, similarities };
  }
}

/** The k best of each query without row i of query i, or without the last where that is not among them. */
function withoutSelf(
  { queries, k: found, rows: all, similarities: values }: Neighbors,
  k: number,
): Neighbors {
  const rows = new Int32Array(queries * k);
  const similarities = new Float32Array(queries * k);
  for (let query = 0; query < queries; query++) {
    for (let i = 0, from = query * found; i < k; from++) {
      if (all[from] === query) continue;
      rows[query * k + i] = all[from]!;
      similarities[query * k + i++] = values[from]!;
    }
  }
  return { queries, k, rows, similarities };
}
