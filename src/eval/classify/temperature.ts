/**
 * The temperature of a classifier: one number that its logits are divided by, so that the softmax of them says how often it is
 * right (Guo et al. 2017, "On Calibration of Modern Neural Networks"). It changes no answer.
 */

/** Logits of some images and their classes. */
export interface LogitRows {
  /** [images, classes] */
  readonly logits: Float32Array;
  /** [images] */
  readonly labels: ArrayLike<number>;
}

/** Temperatures beyond these say that there is no optimum, and their inverses are searched between. */
const LIMIT = 1000;
const HALVINGS = 50;

/**
 * The temperature with the smallest mean negative log-likelihood. With b = 1 / T that is convex in b, and its slope, the mean
 * over images of (expected logit - logit of the class), is 0 at the optimum.
 *
 * @returns undefined where there is none: every image is told right (the surer the better), or no better than by guessing
 */
export function fitTemperature({ logits, labels }: LogitRows, classes: number): number | undefined {
  const slope = (inverse: number): number => {
    let sum = 0;
    for (let i = 0; i < labels.length; i++) {
      const row = logits.subarray(i * classes, (i + 1) * classes);
      sum += expectedLogit(row, inverse) - row[labels[i]!]!;
    }
    return sum;
  };
  let [low, high] = [-Math.log(LIMIT), Math.log(LIMIT)];
  if (!(slope(Math.exp(low)) < 0 && slope(Math.exp(high)) > 0)) return undefined;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (slope(Math.exp(middle)) < 0) low = middle;
    else high = middle;
  }
  return Math.exp(-(low + high) / 2);
}

/** Mean of the logits under the softmax of the scaled ones. */
function expectedLogit(row: Float32Array, inverse: number): number {
  const largest = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  let [weights, sum] = [0, 0];
  for (const value of row) {
    const weight = Math.exp(inverse * (value - largest));
    weights += weight;
    sum += weight * value;
  }
  return sum / weights;
}
