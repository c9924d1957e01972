/**
 * Linear evaluation that finds its learning rate, as one rate does not fit all networks (the official 0.001 is a ViT's, a
 * ResNet-50 needs about 0.3). Many rates train side by side on most of the training set; the one that is best on the rest is
 * then trained on all of it. The test set is looked at once, at the end. Not in the official code, which leaves the sweep to
 * its user.
 */
import type { Engine } from '../../engine/engine.ts';
import {
  checkLabeled,
  checkSets,
  chosenRows,
  type LabeledFeatures,
  splitByClass,
} from '../../rows/labeled-features.ts';
import { type Calibration, calibrate } from './calibration.ts';
import {
  type ClassificationScores,
  type Confusion,
  confusionMatrix,
  mostConfused,
} from './classification-scores.ts';
import { BATCH_SIZE, EPOCHS, type LinearOptions, trainLinear } from './linear-evaluation.ts';
import type { LinearWeights } from './linear-probe.ts';
import { probeLogits } from './probe-logits.ts';
import type { LogitRows } from './temperature.ts';

/** Rates that are tried unless others are given; they are multiplied by batch / 256, as the official ones are. */
export const SWEPT_RATES: readonly number[] = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3];

/** Finding the learning rate, and training with it. */
export type LinearPhase = 'choosing the learning rate' | 'training';

export interface SweepOptions extends Omit<LinearOptions, 'order'> {
  /** Learning rates to try, before they are multiplied by batch / 256. Default `SWEPT_RATES`. */
  readonly rates?: readonly number[];
  /** Share of each class's training samples that the rates are compared on. Default 0.1. */
  readonly validationShare?: number;
  /** Called after each epoch of the sweep and of the training after it, each counted on its own. */
  readonly onEpoch?: (done: number, total: number, phase: LinearPhase) => void;
}

/** What one learning rate reached on the validation split. */
export interface RateScores extends Pick<ClassificationScores, 'loss' | 'top1' | 'top5'> {
  readonly rate: number;
}

/**
 * Trains with all learning rates side by side on a part of the training set and scores them on the rest.
 *
 * @returns the rates in the order given
 * @throws RangeError when no class has two samples, so that nothing is left to compare on; or as `linearEpochs` does
 */
export async function sweepRates(
  engine: Engine,
  train: LabeledFeatures,
  options: SweepOptions,
): Promise<RateScores[]> {
  return (await sweep(engine, train, options)).scores;
}

/** The same, with the logits of the best classifier on the samples that the rates were compared on. */
async function sweep(
  engine: Engine,
  train: LabeledFeatures,
  options: SweepOptions,
): Promise<{ readonly scores: RateScores[]; readonly held: LogitRows }> {
  const {
    rates = SWEPT_RATES,
    epochs = EPOCHS,
    batchSize = BATCH_SIZE,
    validationShare = 0.1,
    seed = 0,
  } = options;
  checkLabeled('training', train, options.classes);
  if (rates.length === 0) throw new RangeError('No learning rate is given to try: give one or more.');
  const { fit, held } = splitByClass(train.labels, validationShare, seed);
  const rest = chosenRows(train, held);
  let scores: RateScores[] = [];
  let logits: LogitRows = { logits: new Float32Array(), labels: [] };
  for await (const { epoch, probe } of trainLinear(engine, train, rates, options, fit)) {
    options.onEpoch?.(epoch + 1, epochs, 'choosing the learning rate');
    if (epoch < epochs - 1) continue;
    scores = rateScores(rates, await probe.scores(rest, batchSize));
    logits = await probeLogits(probe, rest, rates.indexOf(bestRate(scores).rate));
  }
  return { scores, held: logits };
}

/** What each rate reached. */
export function rateScores(rates: readonly number[], scores: readonly ClassificationScores[]): RateScores[] {
  return scores.map(({ loss, top1, top5 }, i) => ({
    rate: rates[i]!,
    loss,
    top1,
    ...(top5 === undefined ? {} : { top5 }),
  }));
}

/** The rate with the highest top-1, of equal ones with the lowest loss. */
export function bestRate(scores: readonly RateScores[]): RateScores {
  const loss = (of: RateScores): number => (Number.isNaN(of.loss) ? Number.POSITIVE_INFINITY : of.loss);
  const isBetter = (a: RateScores, b: RateScores): boolean =>
    a.top1 > b.top1 || (a.top1 === b.top1 && loss(a) < loss(b));
  const [first, ...rest] = scores;
  if (first === undefined) throw new RangeError('There is no learning rate to choose from: sweep some.');
  return rest.reduce((best, next) => (isBetter(next, best) ? next : best), first);
}

export interface LinearResult {
  /** Every rate that was tried, on the validation split. */
  readonly rates: readonly RateScores[];
  /** The rate that was chosen, before it is multiplied by batch / 256. */
  readonly rate: number;
  /** Mean loss over the last epoch on the whole training set. */
  readonly trainLoss: number;
  readonly test: ClassificationScores;
  /** Of the test set. [true class, predicted class] */
  readonly confusion: Int32Array;
  /** The pairs of classes that were confused most often, 20 at most. */
  readonly mostConfused: readonly Confusion[];
  readonly classifier: LinearWeights;
  /**
   * Its temperature, fitted on the samples that the rates were compared on; the errors are those on the test set. Undefined where
   * either has too few samples.
   */
  readonly calibration: Calibration | undefined;
}

const CONFUSED_PAIRS = 20;

/**
 * Finds the learning rate on a part of the training set, trains with it on all of it, and tests once.
 *
 *     const { test, rate } = await linearEvaluation(ortNode, train, test, { classes: 10 });
 *
 * @throws RangeError as `sweepRates` and `linearEpochs` do
 */
export async function linearEvaluation(
  engine: Engine,
  train: LabeledFeatures,
  test: LabeledFeatures,
  options: SweepOptions,
): Promise<LinearResult> {
  const { classes, epochs = EPOCHS, batchSize = BATCH_SIZE } = options;
  checkSets(train, test, classes);
  if (epochs < 1) throw new RangeError(`Nothing is learned in ${epochs} epochs: give one or more.`);
  const { scores: rates, held } = await sweep(engine, train, options);
  const { rate } = bestRate(rates);
  let result: LinearResult | undefined;
  for await (const { epoch, trainLosses, probe } of trainLinear(engine, train, [rate], options)) {
    options.onEpoch?.(epoch + 1, epochs, 'training');
    if (epoch < epochs - 1) continue;
    const [scores] = await probe.scores(test, batchSize);
    const classifier = probe.weights();
    const calibration = calibrate(held, await probeLogits(probe, test, 0), classes);
    result = {
      rates,
      rate,
      trainLoss: trainLosses[0]!,
      classifier,
      calibration,
      ...tested(test, scores!, classes),
    };
  }
  return result!;
}

/** The scores of a classifier on the test set, and what it confuses. */
export function tested(
  { labels }: LabeledFeatures,
  test: ClassificationScores,
  classes: number,
): Pick<LinearResult, 'test' | 'confusion' | 'mostConfused'> {
  const confusion = confusionMatrix(labels, test.predictions, classes);
  return { test, confusion, mostConfused: mostConfused(confusion, classes, CONFUSED_PAIRS) };
}
