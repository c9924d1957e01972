/** Squared Euclidean distance of two vectors, each somewhere in an array. */
export function squaredDistance(
  a: Float32Array | Float64Array,
  startA: number,
  b: Float32Array | Float64Array,
  startB: number,
  dim: number,
): number {
  let sum = 0;
  for (let d = 0; d < dim; d++) sum += (a[startA + d]! - b[startB + d]!) ** 2;
  return sum;
}
