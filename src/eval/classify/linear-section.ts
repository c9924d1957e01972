/** What the linear evaluation says of its report, and of a classifier that was trained elsewhere. */
import { comparedNames, comparedTitles, forBaselines } from '../../features/baselines.ts';
import { counted } from '../../numbers/counted.ts';
import { gridTable } from '../../report/score-grid.ts';
import { fewSteps } from '../few-steps.ts';
import type { FeatureFacts, Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import { accuracyBlocks, accuracyGrid, confusionBlocks } from './classification-blocks.ts';
import { againstLargest, withLargest } from './largest-class.ts';
import type { LinearHeadReport } from './linear-head-report.ts';
import type { LinearReport } from './linear-report.ts';

const scope = 'a linear classifier';

export interface LinearFacts extends FeatureFacts {
  /** The training images as they were given. */
  readonly train: string;
  readonly augment: boolean;
  readonly epochs: number;
  readonly batchSize: number;
}

export function linearStatement(
  report: LinearReport,
  { feature, size, train, augment, epochs, batchSize }: LinearFacts,
): Statement {
  const { classes, scores, gains, largest, results, trainImages, testImages, heldBack } = report;
  const crops = augment ? 'random crops and mirroring' : 'features extracted once';
  const divided = heldBack
    ? `${counted(testImages, 'image')} held back from ${train}`
    : counted(testImages, 'test image');
  const protocol = `Linear classifier of ${counted(classes.length, 'class', 'classes')} on ${counted(trainImages, 'image')}, ${divided}: ${feature} at ${size} pixels, ${crops}, SGD with a cosine, ${counted(epochs, 'epoch')}, batch ${batchSize}, the learning rate (x batch / 256) that is best on a tenth of the training images`;
  const grid = withLargest(
    accuracyGrid(
      comparedNames.map((name) => ({
        name: comparedTitles[name],
        scores: scores[name],
        more: [String(results[name].rate)],
      })),
      { more: ['learning rate'] },
    ),
    largest,
    1,
  );
  const against = againstLargest(largest);
  return {
    protocol,
    table: gridTable(grid),
    finding:
      fewSteps({ scope, steps: epochs * Math.ceil(trainImages / batchSize), epochs }) ??
      verdict({
        scope,
        what: 'Top-1',
        images: testImages,
        scores: {
          trained: scores.trained.top1,
          ...forBaselines((name) => scores[name].top1),
          ...against.scores,
        },
        gains: { ...gains, ...against.gains },
      }),
    section: {
      title: 'Linear classification',
      intro: `${protocol}. The network stays as it is; only the classifier sees labels. The same protocol is given to the untrained network and to the pixels: what lies above them was learned without labels.`,
      blocks: [...accuracyBlocks(grid), ...confusionBlocks(classes, results.trained.confusion)],
    },
  };
}

export interface LinearHeadFacts extends FeatureFacts {
  /** The classifier's file as it was given. */
  readonly head: string;
  /** Names of its classes. */
  readonly classes: readonly string[];
}

export function linearHeadStatement(
  { accuracies, scores, confusion }: LinearHeadReport,
  { feature, size, head, classes }: LinearHeadFacts,
): Statement {
  const protocol = `The linear classifier of ${head} (${counted(classes.length, 'class', 'classes')}) on ${counted(scores.samples, 'test image')}: ${feature} at ${size} pixels`;
  const grid = accuracyGrid([{ name: 'the given classifier', scores: accuracies }]);
  return {
    protocol,
    table: gridTable(grid),
    section: {
      title: 'Linear classification',
      intro: `${protocol}. It was trained elsewhere; nothing is learned here.`,
      blocks: [...accuracyBlocks(grid), ...confusionBlocks(classes, confusion)],
    },
  };
}
