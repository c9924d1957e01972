/** `dino eval retrieval`: do the nearest images show the same thing? On class folders, by file names, or on revisited Oxford and Paris. */
import { z } from 'zod';
import type { Source } from '../../data/source.ts';
import { type ContenderName, contenderTitles } from '../../eval/contenders.ts';
import type { Grouping } from '../../eval/image-groups.ts';
import { type RetrievalReport, retrievalReport } from '../../eval/retrieval-report.ts';
import { UsageError } from '../flags.ts';
import { openImages } from '../open-images.ts';
import {
  capitalized,
  defineEvaluation,
  type EvaluationContext,
  type EvaluationResult,
  withInterval,
} from './evaluation.ts';
import { describeFeatures, exampleBlock } from './retrieval-examples.ts';
import { officialRetrieval } from './retrieval-official.ts';

const names = Object.keys(contenderTitles) as ContenderName[];
const KS = [1, 5, 10];

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
      const { queries = database, cropQueries = false } = options;
      return officialRetrieval(
        {
          database: open(database),
          queries: open(queries),
          groundTruth,
          cropQueries,
          size,
          multiScale,
          whiten,
        },
        context,
      );
    }
    const source = open(images ?? '');
    const test = options.test === undefined ? undefined : open(options.test);
    const grouping = groupingOf(options);
    const report = await retrievalReport({
      images: source,
      test,
      grouping,
      ks: options.k ?? KS,
      size,
      multiScale,
      whiten,
      backbone: context.backbone,
      trained: context.subject.trained,
      untrained: context.subject.untrained,
      engine: context.engine,
      onProgress: context.onProgress,
    });
    return folderResult(report, { source, test, grouping, size, multiScale }, context);
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

async function folderResult(
  report: RetrievalReport,
  settings: {
    readonly source: Source;
    readonly test: Source | undefined;
    readonly grouping: Grouping;
    readonly size: number;
    readonly multiScale: boolean;
  },
  { warn }: EvaluationContext,
): Promise<EvaluationResult> {
  const { source, test, grouping, size, multiScale } = settings;
  const { queries, database, queriesWithPositives, whitening, examples, skipped } = report;
  if (queriesWithPositives < queries)
    warn(`${queries - queriesWithPositives} of ${queries} queries have no image to find and are left out.`);
  const same = {
    class: 'class folder',
    prefix: `first ${grouping.by === 'prefix' ? grouping.length : 0} letters of the name`,
    separator: `name up to "${grouping.by === 'separator' ? grouping.separator : ''}"`,
  }[grouping.by];
  const protocol = `retrieval of ${queriesWithPositives} queries among ${database} ${test === undefined ? 'other ' : ''}images by cosine, right is the same ${same}; ${describeFeatures(size, multiScale, whitening)}`;
  const ks = Object.keys(report.trained.recallAt);
  const alone = test === undefined;
  const cell = (name: ContenderName, value: number | undefined, score: string, scale = 100): string =>
    value === undefined
      ? ''
      : withInterval(
          scale * value,
          {
            low: scale * (report[name].intervals[score]?.low ?? Number.NaN),
            high: scale * (report[name].intervals[score]?.high ?? Number.NaN),
          },
          scale === 1 ? 2 : 1,
        );
  return {
    protocol,
    shown: size,
    table: [
      ['% (95 %)', 'mAP', ...ks.map((k) => `recall@${k}`), ...(alone ? ['N-S of 4'] : [])],
      ...names.map((name) => [
        contenderTitles[name],
        cell(name, report[name].map, 'map'),
        ...ks.map((k) => cell(name, report[name].recallAt[k], `recall@${k}`)),
        ...(alone ? [cell(name, report[name].nsScore, 'nsScore', 1)] : []),
      ]),
    ],
    scores: Object.fromEntries(
      names.map((name) => {
        const { intervals: _, ...scores } = report[name];
        return [name, scores];
      }),
    ),
    skipped,
    details: {
      intervals: Object.fromEntries(names.map((name) => [name, report[name].intervals])),
      protocol: {
        size,
        multiScale,
        grouping,
        queries,
        database,
        queriesWithPositives,
        ...(whitening && { whitening }),
      },
    },
    section: {
      title: 'Retrieval',
      intro: `${capitalized(protocol)}. Features are worth something where the trained network beats both the untrained one and the pixels by more than the intervals.`,
      blocks: [
        {
          kind: 'scores',
          title: 'Mean average precision',
          rows: names.map((name) => ({
            name: contenderTitles[name],
            value: report[name].map,
            ...report[name].intervals.map,
          })),
        },
        await exampleBlock(examples, test ?? source, source),
      ],
    },
  };
}
