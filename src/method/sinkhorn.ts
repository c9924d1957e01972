/**
 * Sinkhorn-Knopp centering (Caron et al. 2020, "SwAV"; Cuturi 2013): targets that use all prototypes equally. It can take the
 * place of DINO's moving center (Table 7 of the paper, and what DINOv2 trains with; official `sinkhorn_knopp_teacher`). It
 * needs no history, so the targets of the first steps are as good as later ones.
 *
 * The official code divides the columns and rows of `exp(logits / temperature)` by their sums; here the same is done to
 * its logarithm, which cannot overflow.
 */
import {
  add,
  concat,
  div,
  exp,
  gatherAcross,
  log,
  logSoftmax,
  max,
  mul,
  reshape,
  scale,
  shift,
  slice,
  sub,
  sum,
  type Tensor,
  transpose,
} from '../graph/index.ts';

export interface SinkhornOptions {
  /** Three are the official number. */
  readonly rounds?: number;
  /** 1 for rows that count, 0 for those that only fill up a fixed number: [rows, 1]. All count unless given. */
  readonly counts?: Tensor;
  /** Processes whose rows share the prototypes; 1 unless given. */
  readonly ranks?: number;
}

/** As good as minus infinity beside any logit, and finite. */
const NOTHING = -1e30;

/**
 * Turns logits into distributions that use the prototypes equally.
 *
 * @param logits [rows, K], the rows of all images that share the prototypes, or this process' part of them
 * @param temperature of shape []
 * @returns their logarithms, [rows, K]; every row of the distributions sums to 1, every column to about rows / K
 */
export function logSinkhornKnopp(
  logits: Tensor,
  temperature: Tensor,
  { rounds = 3, counts, ranks = 1 }: SinkhornOptions = {},
): Tensor {
  const without = counts && scale(shift(counts, -1), -NOTHING); // 0, or as good as minus infinity
  let logQ = div(logits, temperature);
  for (let round = 0; round < rounds; round++) {
    const shared = without === undefined ? logQ : add(logQ, without);
    const byPrototype = sharedOut(shared, ranks); // [rows, K], each prototype is shared out
    logQ = logSoftmax(byPrototype); // [rows, K], each image gets a distribution
  }
  return logQ;
}

/** Logarithms of columns that sum to 1 over the rows of all processes. */
function sharedOut(logits: Tensor, ranks: number): Tensor {
  if (ranks === 1) return transpose(logSoftmax(transpose(logits, [1, 0])), [1, 0]);
  const own = max(logits, { axes: [0], keep: true });
  const sums = sum(exp(sub(logits, own)), { axes: [0], keep: true });
  const all = reshape(gatherAcross(concat([own, sums], 0), ranks), [ranks, 2, -1]);
  const columns = (i: number): Tensor => reshape(slice(all, 1, i, i + 1), [ranks, logits.dim(1)]);
  const largest = max(columns(0), { axes: [0], keep: true });
  const total = sum(mul(columns(1), exp(sub(columns(0), largest))), { axes: [0], keep: true });
  return sub(logits, add(largest, log(total)));
}
