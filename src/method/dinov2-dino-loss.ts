/**
 * DINO's loss as DINOv2 computes it (official `DINOLoss`, called by `SSLMetaArch`): every local view must match both of the
 * teacher's views, each global view the other one. The two kinds are logged as two parts, whose sum is the mean over all pairs.
 */
import { add, concat, crossEntropy, reshape, scale, slice, type Tensor } from '../graph/index.ts';

export interface DinoLossOptions {
  /** Images in the whole step. */
  readonly batch: number;
  /** Local views of each image. */
  readonly localViews: number;
  readonly studentTemp: number;
}

/**
 * @param targets the teacher's distributions, for the student's view 0 first: those of view 1, then of view 0 [2B, K]
 * @param global the student's logits of the global views, view after view [2B, K]
 * @param local of the local ones [L B, K]; undefined where there are none
 * @returns the parts, shape []
 */
export function dinov2DinoLoss(
  targets: Tensor,
  global: Tensor,
  local: Tensor | undefined,
  { batch, localViews, studentTemp }: DinoLossOptions,
): { readonly global: Tensor; readonly local: Tensor | undefined } {
  const rows = global.dim(0) / 2;
  const pairs = 2 + Math.max(2 * localViews, 1); // one too many where there are no local views: official
  const matched = crossEntropy(scale(global, 1 / studentTemp), targets);
  const part = (entropy: Tensor): Tensor => scale(entropy, 1 / (pairs * batch));
  if (local === undefined) return { global: part(matched), local: undefined };
  const both = add(slice(targets, 0, 0, rows), slice(targets, 0, rows, 2 * rows)); // [B, K]
  const byView = reshape(scale(local, 1 / studentTemp), [localViews, rows, -1]);
  return { global: part(matched), local: part(crossEntropy(byView, both, 2)) };
}

/** Rows of two views with the second view's first, so that a row of the teacher is in the place of the other view's: [2B, ...] */
export function otherViewFirst(x: Tensor): Tensor {
  const half = x.dim(0) / 2;
  return concat([slice(x, 0, half, 2 * half), slice(x, 0, 0, half)], 0);
}
