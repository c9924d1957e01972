/**
 * Stochastic depth (Huang et al. 2016): branches of blocks are left out at random, image by image. The factors are drawn
 * outside the graph and enter a training step with the images.
 */
import { mul, reshape, slice, type Tensor } from '../graph/index.ts';
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

/** What becomes of a branch [N, B, D] of a block: 0 is that of the attention, 1 that of the MLP. */
export type DropBranch = (branch: Tensor, which: 0 | 1) => Tensor;

/** A branch [N, B, D] is scaled by 1 / keep, or left out, for each image; factors [1, B]. */
export function drop(branch: Tensor, factors: Tensor): Tensor {
  return mul(branch, reshape(factors, [1, branch.dim(1), 1]));
}

/**
 * Drops the branches of all blocks.
 *
 * @param factors [rows, B], two rows for each block with a rate, the last ones of `depth`; undefined outside of training
 */
export function dropBranches(
  factors: Tensor | undefined,
  depth: number,
): (branch: Tensor, block: number, which: 0 | 1) => Tensor {
  const undropped = depth - (factors?.dim(0) ?? 0) / 2;
  return (branch, block, which) => {
    if (factors === undefined || block < undropped) return branch;
    const row = 2 * (block - undropped) + which;
    return drop(branch, slice(factors, 0, row, row + 1));
  };
}
