/**
 * The linear evaluation of a trained network beside what it must beat, with bootstrap intervals: a linear classifier on frozen
 * features (official `eval_linear.py`), each network and baseline with the learning rate that suits it. The features are extracted
 * once; with `augment` anew in each epoch from random crops, as the official script does it.
 */
import { learners } from '../../data/labels.ts';
import {
  type BaselineName,
  type ComparedName,
  compareDescribed,
  comparedNames,
  comparedWeights,
  forBaselines,
} from '../../features/baselines.ts';
import { extractFeatures } from '../../features/extract.ts';
import type { Known } from '../../features/known-baselines.ts';
import {
  type LabeledImages,
  type LabeledImagesOptions,
  labeledImages,
} from '../../features/labeled-images.ts';
import { randomView } from '../../features/random-view.ts';
import { type Interval, shareIntervals } from '../../rows/bootstrap.ts';
import { pairedGains } from '../../rows/paired-gains.ts';
import { recordOf } from '../../rows/record-of.ts';
import type { ClassificationScores } from './classification-scores.ts';
import { type LargestClass, largestClass } from './largest-class.ts';
import { augmentedLinearEvaluation } from './linear-augmented.ts';
import { EPOCHS } from './linear-evaluation.ts';
import { type LinearResult, linearEvaluation } from './linear-sweep.ts';

export interface LinearReportOptions extends LabeledImagesOptions {
  /** Learning rates to try, before they are multiplied by batch / 256. */
  readonly rates?: readonly number[];
  /** Default 100. */
  readonly epochs?: number;
  /** Default 128. */
  readonly batchSize?: number;
  /** Crop and mirror the training images anew in each epoch. */
  readonly augment?: boolean;
  /** Baselines that were measured before, and where they are kept; not with `augment`. */
  readonly known?: Known<LinearResult> | undefined;
}

/** Percent. */
export interface Accuracies {
  readonly top1: number;
  /** Absent below six classes. */
  readonly top5?: number;
  readonly intervals: { readonly top1: Interval; readonly top5?: Interval };
}

export interface LinearReport {
  /** Class names; the classifiers' rows and the labels count in them. */
  readonly classes: readonly string[];
  readonly scores: Readonly<Record<ComparedName, Accuracies>>;
  /** 95 % intervals of how many percent more the trained network tells right, image by image. */
  readonly gains: Readonly<Record<BaselineName, Interval>>;
  /** What always answering the largest class would score, where classes are very unequal. */
  readonly largest?: LargestClass;
  /** Chosen rates, classifiers, confusions. */
  readonly results: Readonly<Record<ComparedName, LinearResult>>;
  readonly trainImages: number;
  readonly testImages: number;
  /** True where the test images were held back from the training set. */
  readonly heldBack: boolean;
  readonly skipped: LabeledImages['skipped'];
}

/**
 * @param options `feature` is what the classifier gets of the network, usually `linearFeature(...)`
 * @throws Error if there are fewer than two classes, a class of the test set is unknown, or a feature is not finite
 */
export async function linearReport(options: LinearReportOptions): Promise<LinearReport> {
  const { known } = options;
  const names = comparedNames.filter((name) => options.augment === true || known?.get(name) === undefined);
  const images = await labeledImages(learners.linear, { ...options, names });
  const { classes, kinds } = images;
  const results = await (options.augment === true ? augmented(options, images) : fast(options, images));
  const scores = comparedNames.map((name) => [name, accuracies(results[name].test)] as const);
  const { labels } = kinds.trained.test;
  const largest = largestClass(labels, classes.length, hits(results.trained.test));
  return {
    classes,
    ...(largest === undefined ? {} : { largest }),
    scores: recordOf(scores),
    gains: pairedGains(
      hits(results.trained.test),
      forBaselines((name) => hits(results[name].test)),
    ),
    results,
    trainImages: kinds.trained.train.labels.length,
    testImages: labels.length,
    heldBack: images.heldBack,
    skipped: images.skipped,
  };
}

/** 100 for each test image that was told right, 0 for the others. */
export function hits({ ranks }: Pick<ClassificationScores, 'ranks'>, places = 1): Float64Array {
  return Float64Array.from(ranks, (rank) => (rank < places ? 100 : 0));
}

/** Top-1 and top-5 of a classifier with bootstrap intervals over the test images. */
export function accuracies(scores: ClassificationScores): Accuracies {
  const { top1, top5 } = scores;
  const [first, five] = shareIntervals([hits(scores), hits(scores, 5)], 100);
  return {
    top1,
    ...(top5 === undefined ? {} : { top5 }),
    intervals: { top1: first!, ...(top5 === undefined ? {} : { top5: five! }) },
  };
}

/** What the options say of the training. */
function training({ rates, batchSize, seed }: LinearReportOptions) {
  return {
    ...(rates === undefined ? {} : { rates }),
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(seed === undefined ? {} : { seed }),
  };
}

async function fast(
  options: LinearReportOptions,
  { classes, kinds }: LabeledImages,
): Promise<Record<ComparedName, LinearResult>> {
  const { engine, epochs = EPOCHS, known, onProgress } = options;
  const results: [ComparedName, LinearResult][] = [];
  for (const name of comparedNames) {
    const before = known?.get(name);
    if (before !== undefined) {
      results.push([name, before]);
      continue;
    }
    const { train, test } = kinds[name];
    const result = await linearEvaluation(engine, train, test, {
      ...training(options),
      classes: classes.length,
      epochs,
      onEpoch: (done, total, phase) =>
        onProgress?.(`linear classifier, ${name}, epochs of ${phase}`, done, total),
    });
    results.push([name, result]);
    known?.keep(name, result);
  }
  return recordOf(results);
}

function augmented(
  options: LinearReportOptions,
  { classes, train: source, kinds, trainIndices, pca }: LabeledImages,
): Promise<Record<ComparedName, LinearResult>> {
  const { engine, backbone, feature, seed = 0, epochs = EPOCHS, onProgress } = options;
  return augmentedLinearEvaluation(engine, kinds, {
    ...training(options),
    classes: classes.length,
    epochs,
    augmented: async (epoch) => {
      const extracted = await extractFeatures(source, {
        backbone,
        weights: comparedWeights(options),
        feature,
        indices: trainIndices,
        view: randomView({ size: backbone.size, interpolation: 'bilinear', seed, epoch }),
        onProgress: (done, total) => onProgress?.(`epoch ${epoch + 1} of ${epochs}, images`, done, total),
      });
      if (extracted.indices.length !== trainIndices.length)
        throw new Error(
          `${source.name}: an image that could be read at first cannot be read any more: leave the files alone while they are evaluated.`,
        );
      const compared = await compareDescribed(engine, [extracted], { pca });
      return recordOf(compared.map(({ name, sets }) => [name, sets[0]!]));
    },
  });
}
