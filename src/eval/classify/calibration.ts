/** Whether the probabilities of a classifier can be believed: its temperature, and how far its shares are off before and after. */
import { fitTemperature, type LogitRows } from './temperature.ts';

export interface Calibration {
  /** What logits are to be divided by. */
  readonly temperature: number;
  /** Images that it was fitted on. */
  readonly fitted: number;
  /** Expected calibration error of the classifier's own probabilities, 0 to 1, on other images. */
  readonly errorBefore: number;
  /** The same of those with the temperature. */
  readonly errorAfter: number;
  /** Images that the errors were measured on. */
  readonly measured: number;
}

/** Fewer images tell nothing of probabilities. */
const FEW = 50;
const BINS = 15;

/**
 * @param fit what the temperature is fitted on
 * @param test other images, which the errors are measured on
 * @returns undefined where images are too few on either side, or there is no best temperature
 */
export function calibrate(fit: LogitRows, test: LogitRows, classes: number): Calibration | undefined {
  if (fit.labels.length < FEW || test.labels.length < FEW) return undefined;
  const temperature = fitTemperature(fit, classes);
  if (temperature === undefined) return undefined;
  return {
    temperature,
    fitted: fit.labels.length,
    errorBefore: calibrationError(test, classes),
    errorAfter: calibrationError(test, classes, temperature),
    measured: test.labels.length,
  };
}

/** For a classifier that no other images were held back for: every other one for the temperature, the rest for the errors. */
export function calibrateOnHalves(rows: LogitRows, classes: number): Calibration | undefined {
  return calibrate(everyOther(rows, 0, classes), everyOther(rows, 1, classes), classes);
}

function everyOther({ logits, labels }: LogitRows, first: 0 | 1, classes: number): LogitRows {
  const count = Math.floor((labels.length + 1 - first) / 2);
  const chosen = new Float32Array(count * classes);
  for (let i = 0; i < count; i++) {
    const from = (2 * i + first) * classes;
    chosen.set(logits.subarray(from, from + classes), i * classes);
  }
  return { logits: chosen, labels: Array.from({ length: count }, (_, i) => labels[2 * i + first]!) };
}

/**
 * The expected calibration error: images are sorted into 15 bins by the probability of their answer, and in each the mean
 * probability is compared with the share of right answers; the mean distance over all images, 0 to 1.
 */
export function calibrationError({ logits, labels }: LogitRows, classes: number, temperature = 1): number {
  const [sure, right] = [new Float64Array(BINS), new Float64Array(BINS)];
  for (let i = 0; i < labels.length; i++) {
    const { answer, probability } = topAnswer(logits.subarray(i * classes, (i + 1) * classes), temperature);
    const bin = Math.min(BINS - 1, Math.max(0, Math.ceil(probability * BINS) - 1));
    sure[bin]! += probability;
    if (answer === labels[i]) right[bin]!++;
  }
  return sure.reduce((sum, each, bin) => sum + Math.abs(each - right[bin]!), 0) / labels.length;
}

function topAnswer(row: Float32Array, temperature: number): { answer: number; probability: number } {
  let answer = 0;
  for (const [i, value] of row.entries()) if (value > row[answer]!) answer = i;
  const weights = row.reduce((sum, value) => sum + Math.exp((value - row[answer]!) / temperature), 0);
  return { answer, probability: 1 / weights };
}
