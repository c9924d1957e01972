/** Cosine similarities of queries with a whole database, one query after another, in an engine, with bounded memory. */
import { runOnArrays } from '../engine/arrays.ts';
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { gemm, input } from '../graph/index.ts';
import { countFiniteRows } from './finite-rows.ts';
import { type FeatureRows, l2NormalizedRows } from './knn.ts';
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
  database: FeatureRows,
  queries: FeatureRows,
  engineOptions: EngineOptions,
  visit: (similarities: Float32Array, query: number) => void,
): Promise<void> {
  const columns = countFiniteRows(database, 'The database features');
  const count = countFiniteRows(queries, 'The query features');
  const { dim } = queries;
  if (database.dim !== dim) {
    throw new RangeError(
      `The queries have ${dim} numbers a row and the database has ${database.dim}: take both from the same network.`,
    );
  }
  const height = Math.min(QUERY_BLOCK, count, Math.max(1, Math.floor(HELD / columns)));
  const width = Math.min(DATABASE_BLOCK, columns);
  const blocks = rowBlocks(l2NormalizedRows(database), width);
  const product = gemm(input('queries', [height, dim]), input('database', [width, dim]), { transB: true });
  const program = await engine.load({ product }, engineOptions);
  const piece = new Float32Array(height * width);
  const held = new Float32Array(height * columns);
  for (const asked of rowBlocks(l2NormalizedRows(queries), height)) {
    for (const block of blocks) {
      await runOnArrays(program, { queries: asked.values, database: block.values }, { product: piece });
      for (let i = 0; i < asked.count; i++)
        held.set(piece.subarray(i * width, i * width + block.count), i * columns + block.start);
    }
    for (let i = 0; i < asked.count; i++)
      visit(held.subarray(i * columns, (i + 1) * columns), asked.start + i);
  }
  await program.dispose();
}
