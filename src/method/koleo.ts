/**
 * KoLeo (Sablayrolles et al. 2019, "Spreading vectors for similarity search"; official `KoLeoLoss`): features of a batch keep away
 * from their nearest neighbors. The loss is the Kozachenko-Leonenko estimate of the entropy of their directions, turned around.
 */
import {
  gather,
  gatherAcross,
  l2Normalize,
  log,
  matmul,
  max,
  mean,
  neg,
  reshape,
  scalar,
  shift,
  sqrt,
  sub,
  sumOfSquares,
  type Tensor,
  topK,
  where,
} from '../graph/index.ts';
import { type Across, partOf, wholeBatch } from './across.ts';
import { checkSingle } from './batch-size.ts';
import { isSelf } from './is-self.ts';

/** Said of a batch of one image. */
export const koleoSingle = {
  cause: 'KoLeo compares the images of a batch, and there is one',
  wayOut: '--koleo_loss_weight 0',
};
/** Keeps roots and logarithms finite where two features are equal. */
const EPS = 1e-8;

export interface Koleo {
  /** This process' part, shape []. */
  readonly loss: Tensor;
  /** Which other feature, of all processes, is nearest to each; of equally near ones any. [B] */
  readonly nearest: Tensor;
  /** The smallest distance of two features, 0 to 2; this process' part. Shape []. */
  readonly closest: Tensor;
}

/**
 * @param x features of different images, at least two: [B, D]
 * @throws OptionError for one image, which has no neighbor
 */
export function koleo(x: Tensor, across: Across = wholeBatch): Koleo {
  const rows = x.dim(0);
  checkSingle(rows * across.ranks, koleoSingle);
  const u = l2Normalize(x, EPS);
  const all = gatherAcross(u, across.ranks);
  const cosines = where(isSelf(rows, across), scalar(-1), matmul(u, all, { transB: true }));
  const nearest = reshape(topK(cosines, 1).positions, [rows]); // no gradient: who is nearest is given
  const apart = shift(sub(u, gather(all, nearest, 0)), EPS); // it flows into both
  const distances = sqrt(sumOfSquares(apart, { axes: [1] }));
  const own = max(neg(distances));
  const closest = across.ranks === 1 ? own : max(gatherAcross(reshape(own, [1]), across.ranks));
  return {
    loss: partOf(neg(mean(log(shift(distances, EPS)))), across),
    nearest,
    closest: partOf(neg(closest), across),
  };
}
