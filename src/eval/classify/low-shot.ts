/**
 * How many labels a user needs: logistic regression on frozen features from a few labeled images of each class, for several
 * random draws of them (the paper's low-shot evaluation takes 1 % and 10 %). Draws are nested: ten images of a class hold
 * the five of the same draw.
 */
import { learners } from '../../data/labels.ts';
import {
  type BaselineName,
  type ComparedName,
  comparedNames,
  comparedTitles,
  forBaselines,
} from '../../features/baselines.ts';
import {
  type LabeledImages,
  type LabeledImagesOptions,
  labeledImages,
} from '../../features/labeled-images.ts';
import { counted } from '../../numbers/counted.ts';
import { Random } from '../../random/random.ts';
import { bootstrapMeans, type Interval } from '../../rows/bootstrap.ts';
import { chosenRows, type LabeledFeatures } from '../../rows/labeled-features.ts';
import { mean } from '../../rows/mean.ts';
import { pairedGains } from '../../rows/paired-gains.ts';
import { recordOf } from '../../rows/record-of.ts';
import { type LargestClass, largestClass } from './largest-class.ts';
import { LinearProbe } from './linear-probe.ts';
import { hits } from './linear-report.ts';
import { LogisticRegression } from './logistic.ts';

/** So many images of each class, or a share of each class (one image at least). */
export type Budget = { readonly shots: number } | { readonly share: number };

export interface LowShotOptions extends LabeledImagesOptions {
  /** Default: 1, 2, 5, 10, 20, 50 of each class as far as there are so many, and all. */
  readonly budgets?: readonly Budget[];
  /** Draws of each budget. Default 5. */
  readonly draws?: number;
  /** C of the regression. Default 1. */
  readonly c?: number;
}

export interface LowShotScore {
  /** Percent correct, the mean over draws. */
  readonly top1: number;
  /** Standard deviation over draws: which images were labeled. 0 for one draw. */
  readonly spread: number;
  /** 95 % interval over the test images, of the mean over draws. */
  readonly interval: Interval;
  /** Of each draw. */
  readonly draws: readonly number[];
}

export interface LowShotReport {
  readonly classes: readonly string[];
  /** From few labels to many. */
  readonly budgets: readonly { readonly budget: Budget; readonly labeled: number; readonly draws: number }[];
  /** A score for each budget. */
  readonly curves: Readonly<Record<ComparedName, readonly LowShotScore[]>>;
  /** 95 % intervals of how many percent more the trained network tells right with the most labels, image by image. */
  readonly gains: Readonly<Record<BaselineName, Interval>>;
  /** What always answering the largest class would score, where classes are very unequal; compared with the most labels. */
  readonly largest?: LargestClass;
  /** Fits that ended before the gradient was small, of all. */
  readonly unfinished: number;
  readonly trainImages: number;
  readonly testImages: number;
  readonly heldBack: boolean;
  readonly skipped: LabeledImages['skipped'];
}

const SHOTS = [1, 2, 5, 10, 20, 50];

/**
 * @throws Error if there are fewer than two classes, a class of the test set is unknown or one of the training set too small
 */
export async function lowShotReport(options: LowShotOptions): Promise<LowShotReport> {
  const { engine, train, draws = 5, c = 1, seed = 0, onProgress } = options;
  const images = await labeledImages(learners.logistic, options);
  const { classes, kinds } = images;
  const { labels } = kinds.trained.train;
  const budgets = (options.budgets ?? usualBudgets(labels, classes.length))
    .map((budget) => {
      const drawn = Array.from({ length: isAll(budget) ? 1 : draws }, (_, draw) =>
        labeledRows(labels, { classes, budget, draw, seed, source: train.name }),
      );
      return { budget, labeled: drawn[0]?.length ?? 0, drawn };
    })
    .sort((a, b) => a.labeled - b.labeled);
  const total = comparedNames.length * budgets.reduce((sum, { drawn }) => sum + drawn.length, 0);
  let [done, unfinished] = [0, 0];
  const curves: [ComparedName, LowShotScore[]][] = [];
  const best = new Map<ComparedName, Float64Array>();
  const watch = (name: ComparedName, fits: number): void =>
    onProgress?.(`logistic regression, ${comparedTitles[name]}: fits`, fits, total);
  const regression = new LogisticRegression(engine);
  try {
    for (const name of comparedNames) {
      const { train: all, test } = kinds[name];
      const curve: LowShotScore[] = [];
      for (const { drawn } of budgets) {
        const right: Float64Array[] = [];
        for (const rows of drawn) {
          const fit = await regression.fit(chosenRows(all, rows), { classes: classes.length, c });
          if (!fit.converged) unfinished++;
          const probe = await LinearProbe.create(engine, {
            dim: all.features.dim,
            classes: classes.length,
            batchSize: 1,
            initial: fit,
          });
          const [scores] = await probe.scores(test);
          await probe.dispose();
          watch(name, ++done);
          right.push(hits(scores!));
        }
        const means = meanOverDraws(right);
        best.set(name, means);
        curve.push(summary(right, means));
      }
      curves.push([name, curve]);
    }
  } finally {
    await regression.dispose();
  }
  const tested = kinds.trained.test.labels;
  const largest = largestClass(tested, classes.length, best.get('trained')!);
  return {
    classes,
    ...(largest === undefined ? {} : { largest }),
    budgets: budgets.map(({ budget, labeled, drawn }) => ({ budget, labeled, draws: drawn.length })),
    curves: recordOf(curves),
    gains: pairedGains(
      best.get('trained')!,
      forBaselines((name) => best.get(name)!),
    ),
    unfinished,
    trainImages: labels.length,
    testImages: tested.length,
    heldBack: images.heldBack,
    skipped: images.skipped,
  };
}

/** "5 of each class", "10 % of each class", "all" */
export function budgetTitle(budget: Budget): string {
  if (isAll(budget)) return 'all';
  return 'shots' in budget
    ? `${budget.shots} of each class`
    : `${Number((100 * budget.share).toPrecision(3))} % of each class`;
}

function isAll(budget: Budget): boolean {
  return 'share' in budget && budget.share === 1;
}

function usualBudgets(labels: LabeledFeatures['labels'], classes: number): Budget[] {
  const counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  const smallest = Math.min(...counts);
  return [...SHOTS.filter((shots) => shots <= smallest).map((shots) => ({ shots })), { share: 1 }];
}

/**
 * The rows of one draw, class by class.
 *
 * @throws Error naming the class that has too few images
 */
export function labeledRows(
  labels: LabeledFeatures['labels'],
  {
    classes,
    budget,
    draw,
    seed,
    source,
  }: {
    readonly classes: readonly string[];
    readonly budget: Budget;
    /** Number of the draw: each takes other rows. */
    readonly draw: number;
    readonly seed: number;
    /** What the images are called in a message. */
    readonly source: string;
  },
): Uint32Array {
  if ('share' in budget && !(budget.share > 0 && budget.share <= 1))
    throw new RangeError(`A share of ${budget.share} cannot be labeled: give one above 0, 1 at most.`);
  const byClass = classes.map((): number[] => []);
  for (const row of new Random(seed, 'labeled images', draw).permutation(labels.length))
    byClass[labels[row]!]?.push(row);
  return Uint32Array.from(
    byClass.flatMap((rows, label) => {
      const wanted = 'shots' in budget ? budget.shots : Math.max(1, Math.round(budget.share * rows.length));
      if (rows.length >= wanted) return rows.slice(0, wanted);
      throw new Error(
        `${counted(wanted, 'image')} of each class ${wanted === 1 ? 'was' : 'were'} asked for, and "${classes[label]}" of ${source} has ${rows.length} to learn from: ask for fewer, or add images.`,
      );
    }),
  );
}

/** For each test image the percentage of draws that told it right. */
function meanOverDraws(hits: readonly Float64Array[]): Float64Array {
  return hits[0]!.map((_, i) => hits.reduce((sum, each) => sum + each[i]!, 0) / hits.length);
}

function summary(hits: readonly Float64Array[], means: Float64Array): LowShotScore {
  const draws = hits.map(mean);
  const top1 = mean(draws);
  const squares = draws.reduce((sum, score) => sum + (score - top1) ** 2, 0);
  const [interval] = bootstrapMeans([means]);
  return {
    top1,
    spread: draws.length < 2 ? 0 : Math.sqrt(squares / (draws.length - 1)),
    interval: interval!,
    draws,
  };
}
