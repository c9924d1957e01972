/** `dino eval logistic`: how far a few labels go, with logistic regression on the frozen features. */
import { z } from 'zod';
import { learners } from '../../data/labels.ts';
import { largestScore } from '../../eval/classify/largest-class.ts';
import { logisticStatement } from '../../eval/classify/logistic-section.ts';
import { type Budget, budgetTitle, lowShotReport } from '../../eval/classify/low-shot.ts';
import { comparedNames } from '../../features/baselines.ts';
import { featureTitle } from '../../model/backbone.ts';
import { counted } from '../../numbers/counted.ts';
import { openSets } from '../open-sets.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation } from './evaluation.ts';

export const logistic = defineEvaluation({
  name: 'logistic',
  summary: 'how many labels it needs: logistic regression on a few labeled images of each class',
  usage: '<run> --train <source> [--test <source>]',
  fields: {
    train: z.string().describe('images with class folders: those that are labeled are drawn from them'),
    test: z
      .string()
      .describe(
        'images with the same class folders; without it a fifth of each class of --train is held back',
      ),
    shots: z
      .array(z.number().int().min(1))
      .describe(
        'labeled images of each class; 1 2 5 10 20 50 (as far as there are so many) and all unless given',
      ),
    shares: z
      .array(z.number().gt(0).max(1))
      .describe('shares of each class that are labeled, such as 0.01 0.1 1; with --shots both are measured'),
    draws: z
      .number()
      .int()
      .min(1)
      .describe('random draws of the labeled images, for mean and spread; 5 unless given'),
    c: z.number().gt(0).describe("scikit-learn's C, smaller ones penalize weights more; 1 unless given"),
    seed: z.number().int().min(0).describe('of the draws; 0 unless given'),
  },
  async run(options, context) {
    const { subject, backbone, engine, onProgress, warn } = context;
    const { train, test, shots = [], shares = [], draws = 5, c = 1, seed = 0 } = options;
    if (train === undefined)
      throw new UsageError(
        'Logistic regression needs --train (images to label), and --test where there are other images to test on.',
      );
    const { notes, facts, ...sets } = await openSets(train, test, context, {
      learner: learners.logistic,
      alone: 'a part of the images is held back',
    });
    const budgets: Budget[] = [
      ...shots.map((each) => ({ shots: each })),
      ...shares.map((share) => ({ share })),
    ];
    const report = await lowShotReport({
      ...sets,
      ...(budgets.length === 0 ? {} : { budgets }),
      backbone,
      trained: subject.trained,
      untrained: subject.untrained,
      engine,
      draws,
      c,
      seed,
      onProgress,
    });
    const { curves, gains, trainImages, testImages, heldBack } = report;
    if (report.unfinished > 0)
      warn(`${counted(report.unfinished, 'fit')} ended before the gradient was small: a smaller --c helps.`);
    const titles = report.budgets.map(({ budget }) => budgetTitle(budget));
    const { size } = subject;
    return {
      ...logisticStatement(report, { feature: featureTitle(subject.backbone), size, train, c, draws }),
      scores: {
        ...Object.fromEntries(
          comparedNames.map((name) => [
            name,
            Object.fromEntries(curves[name].map(({ top1, spread }, i) => [titles[i], { top1, spread }])),
          ]),
        ),
        ...largestScore(report.largest),
      },
      notes,
      skipped: report.skipped,
      details: {
        gains,
        intervals: Object.fromEntries(
          comparedNames.map((name) => [
            name,
            Object.fromEntries(curves[name].map(({ interval }, i) => [titles[i], interval])),
          ]),
        ),
        draws: Object.fromEntries(
          comparedNames.map((name) => [
            name,
            Object.fromEntries(curves[name].map(({ draws: each }, i) => [titles[i], each])),
          ]),
        ),
        protocol: {
          ...{ size, c, draws, seed, trainImages, testImages, heldBack, ...facts },
          labeled: report.budgets.map(({ labeled }) => labeled),
        },
      },
    };
  },
});
