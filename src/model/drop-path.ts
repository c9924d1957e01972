/**
 * Stochastic depth (Huang et al. 2016): the factors a training step feeds to `vit`, drawn outside the graph.
 */
import type { Random } from '../random/random.ts';

/** Drop probability of every block: float32 `linspace(0, rate, depth)`, as PyTorch rounds it. */
export function blockRates(rate: number, depth: number): number[] {
  const step = Math.fround(rate / Math.max(depth - 1, 1));
  // torch.linspace counts from the nearer end.
  return Array.from({ length: depth }, (_, i) =>
    i < depth / 2
      ? Math.fround(step * i)
      : Math.fround(Math.fround(rate) - Math.fround(step * (depth - 1 - i))),
  );
}

/** Number of rows of the factor tensor: two for each block with a rate above 0 (they are the last ones). */
export function dropPathRows(rate: number, depth: number): number {
  return 2 * blockRates(rate, depth).filter((p) => p > 0).length;
}

/**
 * Draws `floor(keep + u) / keep` for every branch and sample.
 *
 * @returns [rows, samples]
 */
export function drawDropPath(random: Random, rate: number, depth: number, samples: number): Float32Array {
  const rates = blockRates(rate, depth).filter((p) => p > 0);
  const factors = new Float32Array(2 * rates.length * samples);
  let at = 0;
  for (const p of rates) {
    const keep = 1 - p;
    for (let i = 0; i < 2 * samples; i++) factors[at++] = random.uniform() < p ? 0 : 1 / keep;
  }
  return factors;
}
