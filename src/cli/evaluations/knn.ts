/** `dino eval knn`: the official k-NN evaluation (`eval_knn.py`), on any classes. */
import { z } from 'zod';
import { learners } from '../../data/labels.ts';
import { knnReport } from '../../eval/classify/knn-report.ts';
import { knnStatement } from '../../eval/classify/knn-section.ts';
import { largestScore } from '../../eval/classify/largest-class.ts';
import { featureTitle } from '../../model/backbone.ts';
import { counted } from '../../numbers/counted.ts';
import { openSets } from '../open-sets.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation, knownOf, viewsField } from './evaluation.ts';

export const knn = defineEvaluation({
  name: 'knn',
  summary: 'accuracy of nearest neighbors on the features',
  usage: '<run> --train <source> [--test <source>]',
  fields: {
    train: z.string().describe('images with class folders: the bank of neighbors'),
    test: z
      .string()
      .describe('images with the same class folders: the queries; without it each image asks the others'),
    k: z
      .array(z.number().int().min(1))
      .describe('numbers of neighbors; 10 20 100 200 unless given (also --nb_knn)'),
    views: viewsField,
    temperature: z.number().gt(0).describe('T of the votes exp(similarity / T); 0.07 unless given'),
  },
  aliases: { nbKnn: 'k' },
  async run(options, context) {
    const { train, test, k = [10, 20, 100, 200], views = 1, temperature = 0.07 } = options;
    const { subject, backbone, engine, onProgress, warn } = context;
    if (train === undefined)
      throw new UsageError(
        'The k-NN evaluation needs --train (the bank), and --test where there are other images to ask.',
      );
    const { notes, facts, ...sets } = await openSets(train, test, context, {
      learner: learners.knn,
      alone: 'each image is asked among all others',
    });
    const report = await knnReport({
      ...sets,
      backbone,
      trained: subject.trained,
      untrained: subject.untrained,
      ks: k,
      temperature,
      views,
      engine,
      known: knownOf(context.baselines?.knn, options, subject),
      onProgress,
    });
    const { intervals, gains, largest, skipped, bankImages, testImages, leaveOneOut, ...accuracies } = report;
    const used = Object.keys(report.trained.top1);
    const unused = k.filter((each) => !used.includes(String(each)));
    if (unused.length > 0)
      warn(`k = ${unused.join(', ')} left out: the bank has only ${counted(bankImages, 'image')}.`);
    const whole = used.find((each) => Number(each) >= bankImages - (leaveOneOut ? 1 : 0));
    if (whole !== undefined)
      warn(
        `k = ${whole} asks all images of the bank, so that the sizes of the classes decide more than what is near: give a smaller --k.`,
      );
    const { size } = subject;
    return {
      ...knnStatement(report, { feature: featureTitle(subject.backbone), size, views, temperature }),
      scores: { ...accuracies, ...largestScore(Object.values(largest ?? {})[0]) },
      notes,
      skipped,
      details: {
        intervals,
        gains,
        protocol: {
          k: used.map(Number),
          temperature,
          views,
          size,
          bankImages,
          testImages,
          leaveOneOut,
          ...facts,
        },
      },
    };
  },
});
