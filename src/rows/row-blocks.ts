/** Many rows as blocks of one size, so that one program serves them all. */
import type { FeatureRows } from './feature-rows.ts';

export interface RowBlock {
  /** The row it starts with. */
  readonly start: number;
  /** How many rows are real; the rest of the last block is filling. */
  readonly count: number;
  /** [size, dim]; a view where the block is full */
  readonly values: Float32Array;
}

/**
 * @param size rows of a block
 * @param filling what the missing rows of the last block are, [dim]; zeros if not given
 */
export function rowBlocks({ values, dim }: FeatureRows, size: number, filling?: Float32Array): RowBlock[] {
  const rows = values.length / dim;
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) => {
    const start = i * size;
    const count = Math.min(size, rows - start);
    const block = values.subarray(start * dim, (start + count) * dim);
    if (count === size) return { start, count, values: block };
    const filled = new Float32Array(size * dim);
    filled.set(block);
    if (filling !== undefined) for (let row = count; row < size; row++) filled.set(filling, row * dim);
    return { start, count, values: filled };
  });
}
