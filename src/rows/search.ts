/** Exact search by cosine in banks of any size: block by block, the best of each merged. */
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { countFiniteRows, type FeatureRows, l2NormalizedRows, requireSameWidth } from './feature-rows.ts';
import { NeighborSearch } from './nearest-neighbors.ts';

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
  countFiniteRows(queries, 'The features of the queries');
  const search = new NeighborSearch(engine, l2NormalizedRows(queries), { k, engineOptions });
  // Copies of the rows that are among the best, so that a block need not stay in memory.
  let kept = new Map<number, Float32Array>();
  let searched = 0;
  for await (const { start, rows } of blocks) {
    const count = countFiniteRows(rows, `The bank's features from row ${start} on`);
    requireSameWidth(queries, rows, 'bank');
    await search.add(l2NormalizedRows(rows), start);
    const feature = (row: number): Float32Array =>
      kept.get(row) ?? rows.values.slice((row - start) * rows.dim, (row - start + 1) * rows.dim);
    kept = new Map(Array.from(new Set(search.found().rows), (row) => [row, feature(row)]));
    searched += count;
  }
  await search.dispose();
  if (searched === 0) throw new RangeError('The bank is empty: give one that holds images.');
  const found = search.found();
  return Array.from({ length: found.queries }, (_, query) =>
    Array.from(found.rows.subarray(query * found.k, (query + 1) * found.k), (row, i) => ({
      row,
      similarity: found.similarities[query * found.k + i]!,
      feature: kept.get(row)!,
    })),
  );
}
