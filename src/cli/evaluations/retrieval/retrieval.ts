/** `dino eval retrieval`: do the nearest images show the same thing? On class folders, by file names, or on revisited Oxford and Paris. */
import { z } from 'zod';
import type { Grouping } from '../../../data/image-groups.ts';
import type { Source } from '../../../data/source.ts';
import { retrievalReport } from '../../../eval/retrieval/retrieval-report.ts';
import { openImages } from '../../open-images.ts';
import { openSets } from '../../open-sets.ts';
import { UsageError } from '../../terminal/flags.ts';
import { defineEvaluation } from '../evaluation.ts';
import { folderResult } from './retrieval-folder.ts';
import { officialRetrieval } from './retrieval-official.ts';

export const retrieval = defineEvaluation({
  name: 'retrieval',
  summary: 'do the nearest images show the same thing? mAP, recall; also revisited Oxford and Paris',
  usage: '<run> --images <source> | --database <folder> --ground_truth <json>',
  fields: {
    images: z.string().describe('images with class folders, each asks for the others of its class'),
    test: z.string().describe('queries of the same classes, other images than those of --images'),
    prefix: z
      .number()
      .int()
      .min(1)
      .describe('images belong together whose file names share so many first letters (UKBench, Holidays)'),
    separator: z
      .string()
      .describe('images belong together whose file names are the same up to this')
      .meta({ value: 'text' }),
    k: z.array(z.number().int().min(1)).describe('the k of recall at k; 1 5 10 unless given'),
    database: z.string().describe('images of revisited Oxford or Paris'),
    queries: z.string().describe('query images; in --database unless given'),
    groundTruth: z.string().describe('gnd_roxford5k or gnd_rparis6k as JSON: imlist, qimlist, gnd'),
    cropQueries: z
      .boolean()
      .describe('true: cut out the boxes of the queries; false (as the official script) unless given'),
    imsize: z.number().int().min(8).describe("pixels of the images; the network's own size unless given"),
    multiscale: z
      .boolean()
      .describe('true: features of scales 1, 1/sqrt(2) and 1/2 together; false unless given'),
    whiten: z
      .string()
      .describe('images to learn PCA whitening of the features from; no whitening unless given'),
  },
  async run(options, context) {
    const { images, database, groundTruth } = options;
    if ((images === undefined) === (database === undefined)) {
      throw new UsageError(
        'Retrieval needs --images (class folders or names that tell), or --database and --ground_truth (revisited Oxford or Paris).',
      );
    }
    const open = (path: string): Source => openImages(path, context.subject.imageOptions, context.warn);
    const whiten = options.whiten === undefined ? undefined : open(options.whiten);
    const { imsize: size = context.subject.size, multiscale: multiScale = false } = options;
    if (database !== undefined) {
      if (groundTruth === undefined) throw new UsageError('--database needs --ground_truth.');
      const { queries, cropQueries = false } = options;
      const among = open(database);
      return officialRetrieval(
        {
          database: among,
          queries: queries === undefined ? among : open(queries),
          groundTruth,
          cropQueries,
          size,
          multiScale,
          whiten,
        },
        context,
      );
    }
    const {
      notes,
      facts,
      train: source,
      test,
    } = await openSets(images ?? '', options.test, context, {
      alone: 'each image is asked among all others',
      bank: '--images',
    });
    const grouping = groupingOf(options);
    const report = await retrievalReport({
      images: source,
      test,
      grouping,
      ...(options.k === undefined ? {} : { ks: options.k }),
      size,
      multiScale,
      whiten,
      backbone: context.backbone,
      trained: context.subject.trained,
      untrained: context.subject.untrained,
      engine: context.engine,
      onProgress: context.onProgress,
    });
    const asked = { source, test, grouping, size, multiScale, notes, facts };
    return folderResult(report, asked, context);
  },
});

function groupingOf({
  prefix,
  separator,
}: {
  prefix?: number | undefined;
  separator?: string | undefined;
}): Grouping {
  if (prefix !== undefined && separator !== undefined)
    throw new UsageError('--prefix and --separator exclude each other: give one.');
  if (prefix !== undefined) return { by: 'prefix', length: prefix };
  return separator === undefined ? { by: 'class' } : { by: 'separator', separator };
}
