/**
 * Sinkhorn-Knopp centering (Caron et al. 2020, "SwAV"; Cuturi 2013): targets that use all prototypes equally. It can take the
 * place of DINO's moving center (Table 7 of the paper, and what DINOv2 trains with; official `sinkhorn_knopp_teacher`). It
 * needs no history, so the targets of the first steps are as good as later ones.
 *
 * The official code divides the columns and rows of `exp(logits / temperature)` by their sums; here the same is done to
 * its logarithm, which cannot overflow.
 */
import { add, div, logSoftmax, scale, shift, type Tensor, transpose } from '../graph/index.ts';

export interface SinkhornOptions {
  /** Three are the official number. */
  readonly rounds?: number;
  /** 1 for rows that count, 0 for those that only fill up a fixed number: [rows, 1]. All count unless given. */
  readonly counts?: Tensor;
}

/** As good as minus infinity beside any logit, and finite. */
const NOTHING = -1e30;

/**
 * Turns logits into distributions that use the prototypes equally.
 *
 * @param logits [rows, K], the rows of all images that share the prototypes
 * @param temperature of shape []
 * @returns their logarithms, [rows, K]; every row of the distributions sums to 1, every column to about rows / K
 */
export function logSinkhornKnopp(
  logits: Tensor,
  temperature: Tensor,
  { rounds = 3, counts }: SinkhornOptions = {},
): Tensor {
  const without = counts && scale(shift(counts, -1), -NOTHING); // 0, or as good as minus infinity
  let logQ = div(logits, temperature);
  for (let round = 0; round < rounds; round++) {
    const shared = without === undefined ? logQ : add(logQ, without);
    const byPrototype = logSoftmax(transpose(shared, [1, 0])); // [K, rows], each prototype is shared out
    logQ = logSoftmax(transpose(byPrototype, [1, 0])); // [rows, K], each image gets a distribution
  }
  return logQ;
}
