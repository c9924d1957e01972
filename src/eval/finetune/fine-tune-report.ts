/**
 * Fine-tuning from the trained weights beside fine-tuning from the untrained ones, with the same settings: what pretraining is
 * worth where all of the network may learn.
 */
import { labeledSets, learners } from '../../data/labels.ts';
import type { Source } from '../../data/source.ts';
import { HELD_BACK } from '../../features/labeled-images.ts';
import type { Weights } from '../../features/network-weights.ts';
import type { OnProgress } from '../../features/on-progress.ts';
import type { Interval } from '../../rows/bootstrap.ts';
import { splitByClass } from '../../rows/labeled-features.ts';
import { pairedGains } from '../../rows/paired-gains.ts';
import { type Calibration, calibrateOnHalves } from '../classify/calibration.ts';
import { confusionMatrix } from '../classify/classification-scores.ts';
import { type LargestClass, largestClass } from '../classify/largest-class.ts';
import { type Accuracies, accuracies, hits } from '../classify/linear-report.ts';
import { FineTuner } from './fine-tune.ts';
import type { FineTuned, FineTuneOptions, ImageSet } from './fine-tune-options.ts';

export interface FineTuneReportOptions extends Omit<FineTuneOptions, 'train' | 'test' | 'classes'> {
  readonly train: Source;
  /** Left out: a fifth of each class of `train` is held back. */
  readonly test?: Source;
  readonly trained: Weights;
  readonly untrained: Weights;
  readonly onProgress?: OnProgress;
}

export type StartingWeights = 'trained' | 'untrained';

export interface FineTuneReport {
  /** Class names; the head's rows and the labels count in them. */
  readonly classes: readonly string[];
  readonly results: Readonly<Record<StartingWeights, FineTuned & { readonly scores: Accuracies }>>;
  /** 95 % interval of how many percent more the trained start tells right, image by image. */
  readonly gain: Interval;
  /** What always answering the largest class would score, where classes are very unequal. */
  readonly largest?: LargestClass;
  /**
   * Of the network that started from trained weights: fitted on half of the test images, the errors are those on the others;
   * undefined for too few.
   */
  readonly calibration: Calibration | undefined;
  /** Of the network that started from trained weights: [true class, predicted class] */
  readonly confusion: Int32Array;
  /** Images in a step: fewer than asked for where there are not so many. */
  readonly batchSize: number;
  readonly trainImages: number;
  readonly testImages: number;
  /** True where the test images were held back from the training set. */
  readonly heldBack: boolean;
}

/**
 * @throws Error if there are fewer than two classes, a class of the test set is unknown, or the loss is not finite
 */
export async function fineTuneReport(options: FineTuneReportOptions): Promise<FineTuneReport> {
  const { train, test, trained, untrained, onProgress, ...settings } = options;
  const sets = imageSets(train, test, options.seed ?? 0);
  const classes = train.classes;
  const tuner = await FineTuner.create({ ...settings, ...sets, classes: classes.length });
  try {
    const from = async (name: StartingWeights, weights: Weights) => {
      const watch = (done: number, total: number): void =>
        onProgress?.(`fine-tuning, ${name} weights: steps`, done, total);
      const tuned = await tuner.run(weights, watch);
      return { ...tuned, scores: accuracies(tuned.test) };
    };
    const results = {
      trained: await from('trained', trained),
      untrained: await from('untrained', untrained),
    };
    const { testLabels, test: tested } = results.trained;
    const largest = largestClass(testLabels, classes.length, hits(tested));
    return {
      classes,
      ...(largest === undefined ? {} : { largest }),
      results,
      calibration: calibrateOnHalves(
        { logits: results.trained.testLogits, labels: results.trained.testLabels },
        classes.length,
      ),
      gain: gainOf(results.trained, results.untrained),
      confusion: confusionMatrix(
        results.trained.testLabels,
        results.trained.test.predictions,
        classes.length,
      ),
      batchSize: tuner.batchSize,
      trainImages: sets.train.indices.length,
      testImages: sets.test.indices.length,
      heldBack: test === undefined,
    };
  } finally {
    await tuner.dispose();
  }
}

/** Both starts were tested on the same images in one order. */
function gainOf(trained: FineTuned, untrained: FineTuned): Interval {
  return pairedGains(hits(trained.test), { untrained: hits(untrained.test) }).untrained;
}

/** Training and test images with their classes, counted as the training set counts them. */
function imageSets(
  allTrain: Source,
  allTest: Source | undefined,
  seed: number,
): { train: ImageSet; test: ImageSet } {
  const { train, test, toTrain } = labeledSets(allTrain, allTest, learners.finetune);
  const all = (source: Source): number[] => Array.from({ length: source.length }, (_, i) => i);
  const label = (index: number): number => train.label(index) ?? -1;
  if (test !== undefined) {
    return {
      train: { source: train, indices: all(train), label },
      test: { source: test, indices: all(test), label: (index) => toTrain(test.label(index) ?? -1) },
    };
  }
  const { fit, held } = splitByClass(all(train).map(label), HELD_BACK, seed);
  return {
    train: { source: train, indices: fit, label },
    test: { source: train, indices: held, label },
  };
}
