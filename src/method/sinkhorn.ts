/**
 * Sinkhorn-Knopp centering (Caron et al. 2020, "SwAV"; Cuturi 2013): targets that use all prototypes equally. It can take the
 * place of DINO's moving center (Table 7 of the paper, and what DINOv2 trains with; official `sinkhorn_knopp_teacher`). It
 * needs no history, so the targets of the first steps are as good as later ones.
 *
 * The official code divides the columns and rows of `exp(logits / temperature)` by their sums; here the same is done to
 * its logarithm, which cannot overflow.
 */
import { div, logSoftmax, type Tensor, transpose } from '../graph/index.ts';

/** Three are the official number. */
const ROUNDS = 3;

/**
 * Turns logits into distributions that use the prototypes equally.
 *
 * @param logits [rows, K], the rows of all images that share the prototypes
 * @param temperature of shape []
 * @returns their logarithms, [rows, K]; every row of the distributions sums to 1, every column to about rows / K
 */
export function logSinkhornKnopp(logits: Tensor, temperature: Tensor): Tensor {
  let logQ = div(logits, temperature);
  for (let round = 0; round < ROUNDS; round++) {
    const byPrototype = logSoftmax(transpose(logQ, [1, 0])); // [K, rows], each prototype is shared out
    logQ = logSoftmax(transpose(byPrototype, [1, 0])); // [rows, K], each image gets a distribution
  }
  return logQ;
}
