/** Exact search by cosine in banks of any size: block by block, the best of each merged. */
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { countFiniteRows } from './finite-rows.ts';
import { type FeatureRows, l2NormalizedRows, nearestNeighbors } from './knn.ts';

export interface FoundRow {
  /** Row of the bank. */
  readonly row: number;
  /** Cosine, -1 to 1. */
  readonly similarity: number;
  /** Of the bank, [D]. */
  readonly feature: Float32Array;
}

/** Consecutive rows of a bank. */
export interface SearchBlock {
  /** The first one's number. */
  readonly start: number;
  readonly rows: FeatureRows;
}

/**
 * The rows of a bank that are most similar to each query, the best first, of equal ones the earlier row.
 *
 * @param queries one row each
 * @param blocks of the bank in order; read once
 * @param k how many; all of a smaller bank
 * @returns what was found for each query
 * @throws RangeError if the bank is empty, widths differ, or a value is not finite
 */
export async function searchBlocks(
  engine: Engine,
  queries: FeatureRows,
  blocks: Iterable<SearchBlock> | AsyncIterable<SearchBlock>,
  k: number,
  engineOptions: EngineOptions = {},
): Promise<FoundRow[][]> {
  const asked = countFiniteRows(queries, 'The features of the queries');
  const normalized = l2NormalizedRows(queries);
  let best: FoundRow[][] = Array.from({ length: asked }, () => []);
  let searched = 0;
  for await (const { start, rows } of blocks) {
    const count = countFiniteRows(rows, `The bank's features from row ${start} on`);
    const near = await nearestNeighbors(engine, l2NormalizedRows(rows), normalized, {
      k: Math.min(k, count),
      engineOptions,
    });
    best = best.map((before, query) => {
      const found = Array.from({ length: near.k }, (_, i) => {
        const at = query * near.k + i;
        const row = near.rows[at]!;
        return {
          row: start + row,
          similarity: near.similarities[at]!,
          // A copy, so that the block need not stay in memory.
          feature: rows.values.slice(row * rows.dim, (row + 1) * rows.dim),
        };
      });
      return [...before, ...found].sort((a, b) => b.similarity - a.similarity || a.row - b.row).slice(0, k);
    });
    searched += count;
  }
  if (searched === 0) throw new RangeError('The bank is empty: give one that holds images.');
  return best;
}
