/** Rows of one width, one below the other. */
import type { FeatureRows } from '../eval/classify/knn.ts';

/** @param rows [dim] each; none give rows of width 0 */
export function joinRows(rows: readonly Float32Array[]): FeatureRows {
  const dim = rows[0]?.length ?? 0;
  const values = new Float32Array(rows.length * dim);
  for (const [i, row] of rows.entries()) values.set(row, i * dim);
  return { values, dim };
}
