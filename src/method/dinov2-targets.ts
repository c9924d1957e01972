/**
 * What the teacher asks for in DINOv2, for class tokens and for hidden patches alike (official `softmax_center_teacher`,
 * `sinkhorn_knopp_teacher` and `update_center`): its distributions, centered by a moving mean or by Sinkhorn-Knopp.
 */
import {
  add,
  div,
  equal,
  logSoftmax,
  maximum,
  mul,
  scalar,
  scale,
  sub,
  sum,
  type Tensor,
  where,
} from '../graph/index.ts';
import { logSinkhornKnopp } from './sinkhorn.ts';

export type Centering =
  /** [1, K], of the steps before. */
  | { readonly kind: 'center'; readonly center: Tensor }
  | { readonly kind: 'sinkhorn'; readonly rounds?: number; readonly ranks?: number };

/**
 * @param logits the teacher's: [rows, K]
 * @param temperature shape []
 * @param counts 1 for rows that count, 0 for those that only fill up: [rows, 1]
 * @returns logarithms of its distributions
 */
export function logTargets(
  logits: Tensor,
  temperature: Tensor,
  centering: Centering,
  counts?: Tensor,
): Tensor {
  if (centering.kind === 'center') return logSoftmax(div(sub(logits, centering.center), temperature));
  const { rounds = 3, ranks = 1 } = centering;
  return logSinkhornKnopp(logits, temperature, {
    ...{ rounds, ranks },
    ...(counts === undefined ? {} : { counts }),
  });
}

/** What a moving center needs of a step: the sum of the rows that count [1, K], and how many those are []. */
export function centerSums(logits: Tensor, counts?: Tensor): Record<'rows' | 'count', Tensor> {
  if (counts === undefined)
    return { rows: sum(logits, { axes: [0], keep: true }), count: scalar(logits.dim(0)) };
  return { rows: sum(mul(logits, counts), { axes: [0], keep: true }), count: sum(counts) };
}

/** `m C + (1 - m) mean`; where no row counts the center stays. */
export function nextCenter(
  center: Tensor,
  { rows, count }: Record<'rows' | 'count', Tensor>,
  momentum: number,
): Tensor {
  const mean = div(rows, maximum(count, scalar(1)));
  const moved = add(scale(center, momentum), scale(mean, 1 - momentum));
  return where(equal(count, scalar(0)), center, moved);
}
