/** Rows scattered around a few centers far apart, for tests of clustering. */
import { Random } from '../../src/random/random.ts';
import type { FeatureRows } from '../../src/rows/feature-rows.ts';

export interface Blobs {
  readonly rows: FeatureRows;
  /** Blob of every row. */
  readonly labels: Int32Array;
}

/**
 * @param spread deviation of a row from its center; centers deviate by 1 from `offset`
 * @param offset added to everything: a mean that all rows have in common
 */
export function blobs(count: number, dim: number, k: number, spread: number, offset = 0): Blobs {
  const random = new Random(11, 'blobs', count, dim);
  const centers = Array.from({ length: k * dim }, () => offset + random.normal());
  const labels = Int32Array.from({ length: count }, () => random.integer(k));
  const values = Float32Array.from(
    { length: count * dim },
    (_, i) => centers[labels[Math.floor(i / dim)]! * dim + (i % dim)]! + spread * random.normal(),
  );
  return { rows: { values, dim }, labels };
}
