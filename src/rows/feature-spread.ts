/** How much features of different images differ: a collapse shows here, whatever the loss says. */
import { l2NormalizedRows } from './feature-rows.ts';

/** How features of different images are spread. */
export interface FeatureSpread {
  /** Mean cosine similarity of different images' features: 1 means that they are all alike. */
  readonly meanCosine: number;
  /** In how many directions they differ: (sum of variances)^2 / sum of squared variances over the principal axes. */
  readonly rank: number;
}

/** @param features [images, dim] */
export function featureSpread(features: Float32Array, dim: number): FeatureSpread {
  const count = features.length / dim;
  const rows = l2NormalizedRows({ values: features, dim }).values;
  const sum = new Float64Array(dim);
  for (let i = 0; i < rows.length; i++) sum[i % dim]! += rows[i]!;
  // |sum|^2 = n + sum over pairs of their cosine
  const total = sum.reduce((acc, x) => acc + x * x, 0);
  const meanCosine = count > 1 ? (total - count) / (count * (count - 1)) : 1;
  return { meanCosine, rank: participation(rows, sum, dim) };
}

/** trace(C)^2 / |C|^2 of the covariance C: neither needs its eigenvalues. */
function participation(rows: Float32Array, sum: Float64Array, dim: number): number {
  const count = rows.length / dim;
  const centered = Float64Array.from(rows, (x, i) => x - sum[i % dim]! / count);
  let trace = 0;
  let square = 0;
  for (let a = 0; a < dim; a++) {
    for (let b = a; b < dim; b++) {
      let entry = 0;
      for (let i = 0; i < centered.length; i += dim) entry += centered[i + a]! * centered[i + b]!;
      if (a === b) trace += entry;
      square += (a === b ? 1 : 2) * entry * entry;
    }
  }
  return square > 0 ? trace ** 2 / square : 0;
}
