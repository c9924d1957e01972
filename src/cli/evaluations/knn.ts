/** `dino eval knn`: the official k-NN evaluation (`eval_knn.py`), on any classes. */
import { z } from 'zod';
import { type ContenderName, contenderTitles } from '../../eval/contenders.ts';
import { type KnnReport, knnReport } from '../../eval/knn-report.ts';
import { viewTitles } from '../../eval/views.ts';
import type { Diagnosis } from '../../train/diagnosis.ts';
import { examineScores } from '../../train/doctor.ts';
import { UsageError } from '../flags.ts';
import { openImages } from '../open-images.ts';
import { defineEvaluation, viewsField, withInterval } from './evaluation.ts';

const names = Object.keys(contenderTitles) as ContenderName[];

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
  async run({ train, test, k = [10, 20, 100, 200], views = 1, temperature = 0.07 }, context) {
    const { subject, backbone, engine, onProgress, warn } = context;
    if (train === undefined)
      throw new UsageError('k-NN needs --train (the bank), and --test where there are other images to ask.');
    const open = (path: string) => openImages(path, subject.imageOptions, warn);
    const report = await knnReport({
      train: open(train),
      ...(test === undefined ? {} : { test: open(test) }),
      backbone,
      trained: subject.trained,
      untrained: subject.untrained,
      ks: k,
      temperature,
      views,
      engine,
      onProgress,
    });
    const { intervals, skipped, bankImages, testImages, leaveOneOut, ...accuracies } = report;
    const used = Object.keys(report.trained.top1);
    const unused = k.filter((each) => !used.includes(String(each)));
    if (unused.length > 0) warn(`k = ${unused.join(', ')} left out: the bank has only ${bankImages} images.`);
    const against = leaveOneOut
      ? `${testImages} images, each against all others`
      : `${testImages} images against ${bankImages}`;
    const protocol = `k-NN of ${against}: class token or pooled feature at ${subject.size} pixels${viewTitles[views]}, cosine, votes exp(s / ${temperature})`;
    const shown = used.includes('20') ? '20' : (used[0] ?? '');
    return {
      protocol,
      table: [
        ['top-1 % (95 %)', ...used.map((each) => `k = ${each}`)],
        ...names.map((name) => [
          contenderTitles[name],
          ...used.map((each) =>
            withInterval(report[name].top1[each] ?? 0, intervals[name][each] ?? { low: 0, high: 0 }),
          ),
        ]),
      ],
      scores: accuracies,
      skipped,
      details: {
        intervals,
        protocol: {
          k: used.map(Number),
          temperature,
          views,
          size: subject.size,
          bankImages,
          testImages,
          leaveOneOut,
        },
      },
      finding: examineKnn(report, shown),
      section: {
        title: 'k-NN classification',
        intro: `${protocol}. The labels are used for this measurement only. Features are worth something where the trained network beats both the untrained one and the pixels by more than the intervals.`,
        blocks: [
          {
            kind: 'scores',
            title: `Top-1 with ${shown} neighbors`,
            top: 100,
            unit: ' %',
            rows: names.map((name) => ({
              name: contenderTitles[name],
              value: report[name].top1[shown] ?? Number.NaN,
              ...intervals[name][shown],
            })),
          },
        ],
      },
    };
  },
});

/** Whether the trained network is above all that it is compared with. @param k which of the numbers of neighbors counts */
export function examineKnn(report: KnnReport, k: string): Diagnosis | undefined {
  const of = (name: ContenderName): number => report[name].top1[k] ?? Number.NaN;
  return examineScores({
    what: `${k}-NN`,
    images: report.testImages,
    trained: of('trained'),
    others: {
      'the untrained network': of('untrained'),
      'raw pixels': of('pixels'),
      'PCA of pixels': of('pca'),
    },
  });
}
