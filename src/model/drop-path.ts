/**
 * Stochastic depth (Huang et al. 2016): branches of blocks are left out at random, image by image. What is left out is drawn
 * outside the graph and enters a training step with the images, in one of two forms: a factor for each image (DINO), or, which
 * images of the batch a branch is computed for at all (DINOv2, official `drop_add_residual_stochastic_depth`).
 */
import { add, gather, mul, reshape, scale, scatterAdd, slice, type Tensor } from '../graph/index.ts';
import type { Random } from '../random/random.ts';
import { linspaceFloat32 } from './linspace.ts';

/** Drop probability of every block: float32 `linspace(0, rate, depth)`, as PyTorch rounds it. */
export function blockRates(rate: number, depth: number): number[] {
  return linspaceFloat32(0, rate, depth);
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

/** How many images of a batch a branch is computed for: official, the whole part of what the rate leaves, at least one. */
export function keptImages(rate: number, images: number): number {
  return Math.max(Math.trunc(images * (1 - rate)), 1);
}

/**
 * Draws which images each branch of each block is computed for; the rate is the same for all blocks.
 *
 * @returns [2 * depth, keptImages]
 */
export function drawKeptImages(random: Random, rate: number, depth: number, images: number): BigInt64Array {
  const kept = keptImages(rate, images);
  const rows = new BigInt64Array(2 * depth * kept);
  for (let row = 0; row < 2 * depth; row++)
    rows.set(BigInt64Array.from(random.permutation(images).subarray(0, kept), BigInt), row * kept);
  return rows;
}

/** How a block adds a branch to the tokens [N, B, D] that go by: 0 is that of the attention, 1 that of the MLP. */
export type AddBranch = (x: Tensor, branch: (x: Tensor) => Tensor, which: 0 | 1) => Tensor;

/** A branch [N, B, D] is scaled by 1 / keep, or left out, for each image; factors [1, B]. */
export function drop(branch: Tensor, factors: Tensor): Tensor {
  return mul(branch, reshape(factors, [1, branch.dim(1), 1]));
}

/** Computes a branch for some of the images [N, B, D] alone, and adds it to them B / kept times; kept [images]. */
function addToSome(x: Tensor, branch: (x: Tensor) => Tensor, kept: Tensor): Tensor {
  const images = x.dim(1);
  const added = scale(branch(gather(x, kept, 1)), images / kept.size); // [N, kept, D]
  return add(x, scatterAdd(added, kept, images, 1));
}

/**
 * How each block adds its branches.
 *
 * @param dropPath f32 factors [rows, B], or the numbers (i64) of the images that are kept [rows, kept]; two rows for each block with
 *   a rate, which are the last ones of `depth`; undefined outside of training
 */
export function branchAdder(dropPath: Tensor | undefined, depth: number): (block: number) => AddBranch {
  const undropped = depth - (dropPath?.dim(0) ?? 0) / 2;
  return (block) => (x, branch, which) => {
    if (dropPath === undefined || block < undropped) return add(x, branch(x));
    const at = 2 * (block - undropped) + which;
    const row = slice(dropPath, 0, at, at + 1);
    return row.dtype === 'i64' ? addToSome(x, branch, reshape(row, [-1])) : add(x, drop(branch(x), row));
  };
}
