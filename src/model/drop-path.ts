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

/**
 * Draws `floor(keep + u) / keep` for every branch and sample.
 *
 * @param rates drop probability of each branch
 * @returns [rates, samples]
 */
export function drawDropPath(random: Random, rates: readonly number[], samples: number): Float32Array {
  const factors = new Float32Array(rates.length * samples);
  let at = 0;
  for (const p of rates)
    for (let i = 0; i < samples; i++) factors[at++] = random.uniform() < p ? 0 : 1 / (1 - p);
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
