/** What fine-tuning says of its report. */
import { comparedTitles } from '../../features/baselines.ts';
import { counted } from '../../numbers/counted.ts';
import { gridTable } from '../../report/score-grid.ts';
import { accuracyBlocks, accuracyGrid, confusionBlocks } from '../classify/classification-blocks.ts';
import { againstLargest, withLargest } from '../classify/largest-class.ts';
import { fewSteps } from '../few-steps.ts';
import type { Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import type { FineTuneOptions } from './fine-tune-options.ts';
import type { FineTuneReport } from './fine-tune-report.ts';

const scope = 'fine-tuning';

/** The weights that fine-tuning starts from. */
export const starts = ['trained', 'untrained'] as const;

export interface FineTuneFacts
  extends Required<
    Pick<
      FineTuneOptions,
      | 'epochs'
      | 'lr'
      | 'warmupEpochs'
      | 'layerDecay'
      | 'dropPathRate'
      | 'labelSmoothing'
      | 'weightDecay'
      | 'cropsScale'
    >
  > {
  /** The training images as they were given. */
  readonly train: string;
  /** Side of the input, pixels. */
  readonly size: number;
}

export function fineTuneStatement(report: FineTuneReport, facts: FineTuneFacts): Statement {
  const { classes, results, gain, largest, confusion, batchSize, trainImages, testImages, heldBack } = report;
  const { train, size, epochs, lr, warmupEpochs, layerDecay, dropPathRate, cropsScale } = facts;
  const divided = heldBack
    ? `${counted(testImages, 'image')} held back from ${train}`
    : counted(testImages, 'test image');
  const protocol = `Fine-tuning on ${counted(classes.length, 'class', 'classes')} with ${counted(trainImages, 'image')}, ${divided}: ${size} pixels, random crops of ${cropsScale.join(' to ')} and mirroring, AdamW, learning rate ${lr} x ${batchSize}/256 with warm-up over ${Number(warmupEpochs.toFixed(2))} of ${counted(epochs, 'epoch')} and a cosine, layer decay ${layerDecay}, weight decay ${facts.weightDecay}, label smoothing ${facts.labelSmoothing}, drop path ${dropPathRate}; tested after the last epoch`;
  const grid = withLargest(
    accuracyGrid(
      starts.map((name) => ({ name: comparedTitles[name], scores: results[name].scores })),
      { corner: 'fine-tuned, % (95 %)' },
    ),
    largest,
    1,
  );
  const against = againstLargest(largest);
  return {
    protocol,
    table: gridTable(grid),
    finding:
      fewSteps({ scope, steps: results.trained.steps, epochs }) ??
      verdict({
        scope,
        what: 'Top-1',
        images: testImages,
        scores: {
          trained: results.trained.scores.top1,
          untrained: results.untrained.scores.top1,
          ...against.scores,
        },
        gains: { untrained: gain, ...against.gains },
      }),
    section: {
      title: 'Fine-tuning',
      intro: `${protocol}. Both start from the same head and see the same crops in the same order; the distance between them is what training without labels was worth.`,
      blocks: [
        ...accuracyBlocks(grid),
        {
          kind: 'chart',
          title: 'Top-1 by epoch',
          caption: 'On the test images. A good start shows at the left: it needs fewer epochs.',
          xName: 'epoch',
          unit: ' %',
          series: starts.map((name) => {
            const measured = results[name].epochs.filter(({ top1 }) => top1 !== undefined);
            return {
              name: comparedTitles[name],
              x: measured.map(({ epoch }) => epoch),
              y: measured.map(({ top1 }) => top1 ?? Number.NaN),
            };
          }),
        },
        {
          kind: 'chart',
          title: 'Training loss',
          caption: 'Cross entropy with smoothed labels, mean over an epoch.',
          xName: 'epoch',
          series: starts.map((name) => ({
            name: comparedTitles[name],
            x: results[name].epochs.map(({ epoch }) => epoch),
            y: results[name].epochs.map(({ trainLoss }) => trainLoss),
          })),
        },
        ...confusionBlocks(classes, confusion),
      ],
    },
  };
}
