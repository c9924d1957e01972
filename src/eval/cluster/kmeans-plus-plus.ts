/**
 * Seeds for k-means by greedy k-means++ (Arthur and Vassilvitskii 2007, sections 2.2 and 5): each next center is a row drawn
 * with probability proportional to its squared distance to the nearest center so far; of a few such candidates the one that
 * leaves the smallest sum of those distances is taken, 2 + log k of them as in scikit-learn.
 */
import type { Random } from '../../random/random.ts';
import type { RowProducts } from '../../rows/row-products.ts';

/**
 * @param k at most as many as there are rows
 * @returns [k, dim]; rows are repeated only where fewer than k are different
 */
export async function kMeansPlusPlus(
  products: RowProducts,
  k: number,
  random: Random,
): Promise<Float64Array> {
  const { count, rows } = products;
  const { values, dim } = rows;
  const centers = new Float64Array(k * dim);
  const row = (index: number): Float32Array => values.subarray(index * dim, (index + 1) * dim);
  const first = random.integer(count);
  centers.set(row(first));
  let nearest = await products.squaredDistances(centers.slice(0, dim));
  const candidates = 2 + Math.floor(Math.log(k));
  const points = new Float64Array(candidates * dim);
  for (let i = 1; i < k; i++) {
    const chosen = drawRows(nearest, candidates, random);
    for (const [j, index] of chosen.entries()) points.set(row(index), j * dim);
    const distances = await products.squaredDistances(points);
    let best = { potential: Number.POSITIVE_INFINITY, at: 0 };
    for (let j = 0; j < candidates; j++) {
      let potential = 0;
      for (let r = 0; r < count; r++) potential += Math.min(nearest[r]!, distances[j * count + r]!);
      if (potential < best.potential) best = { potential, at: j };
    }
    nearest = nearest.map((distance, r) => Math.min(distance, distances[best.at * count + r]!));
    centers.set(row(chosen[best.at]!), i * dim);
  }
  return centers;
}

/** Indices drawn with probability proportional to their weights; uniformly where all weights are 0. */
function drawRows(weights: Float64Array, count: number, random: Random): number[] {
  const sums = new Float64Array(weights.length);
  let total = 0;
  for (let i = 0; i < weights.length; i++) {
    total += weights[i]!;
    sums[i] = total;
  }
  return Array.from({ length: count }, () => {
    if (total === 0) return random.integer(weights.length);
    const mark = random.uniform() * total;
    let [low, high] = [0, weights.length - 1];
    // The first sum above the mark: a row of weight 0 is never it.
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > mark) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}
