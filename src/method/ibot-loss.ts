/**
 * The patch loss of iBOT (Zhou et al. 2022; official `iBOTPatchLoss.forward_masked`): for every hidden patch the student's
 * distribution must be the teacher's, which saw the patch. Each image has the same say, however many of its patches are hidden.
 */
import { logSoftmax, mul, neg, reshape, scale, sum, type Tensor } from '../graph/index.ts';

export interface IbotLossOptions {
  /** Views that could have hidden patches, with those that have none: the loss is a mean over them. */
  readonly views: number;
  readonly studentTemp: number;
}

/**
 * @param targets the teacher's distributions of the hidden patches [rows, K]
 * @param student its logits [rows, K]
 * @param weights 1 / hidden patches of the same view; 0 for rows that only fill up [rows, 1]
 * @returns shape []
 */
export function ibotLoss(
  targets: Tensor,
  student: Tensor,
  weights: Tensor,
  { views, studentTemp }: IbotLossOptions,
): Tensor {
  const logProbabilities = logSoftmax(scale(student, 1 / studentTemp));
  const entropies = neg(sum(mul(targets, logProbabilities), { axes: [1] }));
  return scale(sum(mul(entropies, reshape(weights, [-1]))), 1 / views);
}
