/** Cosine similarities of queries with a whole database, one query after another, with bounded memory. */
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { CosineProduct } from './cosine-product.ts';
import { countFiniteRows, type FeatureRows, l2NormalizedRows, requireSameWidth } from './feature-rows.ts';
import { rowBlocks } from './row-blocks.ts';

const QUERY_BLOCK = 256;
const DATABASE_BLOCK = 16384;
/** Similarities held at a time; 64 MiB. */
const HELD = 2 ** 24;

/**
 * Calls `visit` with the similarities of every query in order. Rows are L2-normalized here; a zero row has similarity 0.
 *
 * @param visit gets [database] similarities, which are only valid during the call, and the query's row
 * @throws RangeError on values that are not finite or rows of different widths
 */
export async function cosineRows(
  engine: Engine,
  { database, queries }: { readonly database: FeatureRows; readonly queries: FeatureRows },
  visit: (similarities: Float32Array, query: number) => void,
  engineOptions: EngineOptions = {},
): Promise<void> {
  const columns = countFiniteRows(database, 'The database features');
  const count = countFiniteRows(queries, 'The query features');
  const { dim } = queries;
  requireSameWidth(queries, database, 'database');
  const height = Math.min(QUERY_BLOCK, count, Math.max(1, Math.floor(HELD / columns)));
  const { values } = l2NormalizedRows(database);
  const product = new CosineProduct(engine, {
    ...{ height, dim, engineOptions },
    trace: (cosines) => ({ cosines }),
    allocate: (_, width) => ({ cosines: new Float32Array(height * width) }),
  });
  const held = new Float32Array(height * columns);
  for (const asked of rowBlocks(l2NormalizedRows(queries), height)) {
    for (let start = 0; start < columns; start += DATABASE_BLOCK) {
      const width = Math.min(DATABASE_BLOCK, columns - start);
      const { cosines } = await product.of(asked.values, values.subarray(start * dim, (start + width) * dim));
      for (let i = 0; i < asked.count; i++)
        held.set(cosines.subarray(i * width, (i + 1) * width), i * columns + start);
    }
    for (let i = 0; i < asked.count; i++)
      visit(held.subarray(i * columns, (i + 1) * columns), asked.start + i);
  }
  await product.dispose();
}
