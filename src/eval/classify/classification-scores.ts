/**
 * How good class scores are: loss, top-1 and top-5 as the official evaluations print them, and which classes are taken for
 * which. Classes are ranked by falling logit, equal ones by the lower index; a logit that is not a number ranks before all
 * others, so that a classifier which diverged is never right by accident.
 */

export interface ClassificationScores {
  readonly samples: number;
  /** Cross entropy: the mean over *batches* of their means (a smaller last batch counts as much), as the official logs have it. */
  readonly loss: number;
  /** Percent of samples. */
  readonly top1: number;
  /** Percent of samples whose class is among the first five; absent below six classes. */
  readonly top5?: number;
  /** [samples] */
  readonly predictions: Int32Array;
  /** The place of each sample's class in its ranking, from 0. [samples] */
  readonly ranks: Int32Array;
}

/** Adds up the scores of samples that come one after another. */
export class ScoreSheet {
  readonly #classes: number;
  readonly #batch: number;
  readonly #predictions: number[] = [];
  readonly #ranks: number[] = [];
  #batchLoss = 0;
  #loss = 0;
  #first = 0;
  #firstFive = 0;

  /** @param batch how many samples make a batch of the loss */
  constructor(classes: number, batch: number) {
    this.#classes = classes;
    this.#batch = batch;
  }

  /**
   * @param logits the sample's are `logits[start]` and those that follow, one for each class
   * @param label 0 .. classes - 1
   */
  add(logits: ArrayLike<number>, start: number, label: number): void {
    const own = logits[start + label]!;
    let rank = Number.isNaN(own) ? this.#classes : 0;
    let [best, largest] = [0, logits[start]!];
    for (let c = 0; c < this.#classes; c++) {
      const value = logits[start + c]!;
      const isBehind = value < own || (value === own && c >= label);
      if (!isBehind && c !== label) rank++;
      if (value > largest) [best, largest] = [c, value];
    }
    let sum = 0;
    for (let c = 0; c < this.#classes; c++) sum += Math.exp(logits[start + c]! - largest);
    const done = this.#predictions.push(best);
    this.#ranks.push(rank);
    if (rank < 1) this.#first++;
    if (rank < 5) this.#firstFive++; // not read below six classes
    this.#batchLoss += largest + Math.log(sum) - own;
    if (done % this.#batch === 0) this.#closeBatch(this.#batch);
  }

  #closeBatch(size: number): void {
    this.#loss += this.#batchLoss / size;
    this.#batchLoss = 0;
  }

  /** @throws RangeError when there was no sample */
  total(): ClassificationScores {
    const samples = this.#predictions.length;
    if (samples === 0) throw new RangeError('There is no sample to score: give at least one.');
    const rest = samples % this.#batch;
    if (rest > 0) this.#closeBatch(rest);
    const percent = (hits: number): number => (100 * hits) / samples;
    return {
      samples,
      loss: this.#loss / Math.ceil(samples / this.#batch),
      top1: percent(this.#first),
      ...(this.#classes <= 5 ? {} : { top5: percent(this.#firstFive) }),
      predictions: Int32Array.from(this.#predictions),
      ranks: Int32Array.from(this.#ranks),
    };
  }
}

/**
 * How often each class was taken for each.
 *
 * @returns [true class, predicted class]
 */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): Int32Array {
  if (labels.length !== predictions.length) {
    throw new RangeError(
      `${labels.length} labels and ${predictions.length} predictions do not belong together: give one of each for every sample.`,
    );
  }
  const matrix = new Int32Array(classes * classes);
  for (let i = 0; i < labels.length; i++) {
    const [label, prediction] = [labels[i]!, predictions[i]!];
    if (!(label >= 0 && label < classes && prediction >= 0 && prediction < classes)) {
      throw new RangeError(
        `Sample ${i} is of class ${label} and was taken for ${prediction}, there are ${classes} classes: count them all.`,
      );
    }
    matrix[label * classes + prediction]!++;
  }
  return matrix;
}

export interface Confusion {
  readonly label: number;
  /** What it was taken for. */
  readonly prediction: number;
  readonly count: number;
  /** Share of the samples of class `label`. */
  readonly share: number;
}

/** The `count` pairs of classes that were confused most often, of equal ones those with the larger share first. */
export function mostConfused(matrix: Int32Array, classes: number, count: number): Confusion[] {
  const pairs: Confusion[] = [];
  for (let label = 0; label < classes; label++) {
    const row = matrix.subarray(label * classes, (label + 1) * classes);
    const samples = row.reduce((sum, n) => sum + n, 0);
    for (const [prediction, n] of row.entries())
      if (prediction !== label && n > 0) pairs.push({ label, prediction, count: n, share: n / samples });
  }
  pairs.sort(
    (a, b) => b.count - a.count || b.share - a.share || a.label - b.label || a.prediction - b.prediction,
  );
  return pairs.slice(0, count);
}
