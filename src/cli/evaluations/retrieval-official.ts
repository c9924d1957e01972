/** Revisited Oxford and Paris, the part of `dino eval retrieval` with official ground truth. */
import { existsSync, readFileSync } from 'node:fs';
import type { Source } from '../../data/source.ts';
import { type ContenderName, contenderTitles } from '../../eval/contenders.ts';
import { landmarkReport } from '../../eval/landmark-report.ts';
import { parseLandmarkTruth } from '../../eval/landmark-truth.ts';
import { capitalized, type EvaluationContext, type EvaluationResult, withInterval } from './evaluation.ts';
import { describeFeatures, exampleBlock } from './retrieval-examples.ts';

const names = Object.keys(contenderTitles) as ContenderName[];
const levels = ['easy', 'medium', 'hard'] as const;

export interface OfficialRetrieval {
  readonly database: Source;
  readonly queries: Source;
  /** Path of the JSON file. */
  readonly groundTruth: string;
  readonly cropQueries: boolean;
  readonly size: number;
  readonly multiScale: boolean;
  readonly whiten: Source | undefined;
}

export async function officialRetrieval(
  { groundTruth, ...settings }: OfficialRetrieval,
  { subject, backbone, engine, onProgress }: EvaluationContext,
): Promise<EvaluationResult> {
  if (!existsSync(groundTruth))
    throw new Error(`There is nothing at ${groundTruth}: give the ground truth as a JSON file.`);
  const truth = parseLandmarkTruth(readFileSync(groundTruth), groundTruth);
  const report = await landmarkReport({
    ...settings,
    truth,
    backbone,
    trained: subject.trained,
    untrained: subject.untrained,
    engine,
    onProgress,
  });
  const { database, queries, cropQueries, size, multiScale } = settings;
  const protocol = `revisited Oxford/Paris: ${report.queries} queries${cropQueries ? ' (their boxes)' : ' (whole images)'} among ${report.database} images by cosine; ${describeFeatures(size, multiScale, report.whitening, ' on the longer side')}`;
  return {
    protocol,
    shown: 'own',
    table: [
      ['% (95 %)', ...levels.map((level) => `mAP ${level}`), ...levels.map((level) => `mP@10 ${level}`)],
      ...names.map((name) => [
        contenderTitles[name],
        ...levels.map((level) => {
          const { map, interval } = report[name][level];
          return withInterval(100 * map, { low: 100 * interval.low, high: 100 * interval.high });
        }),
        ...levels.map((level) => (100 * (report[name][level].meanPrecisionAt[10] ?? Number.NaN)).toFixed(1)),
      ]),
    ],
    scores: Object.fromEntries(
      names.map((name) => [
        name,
        Object.fromEntries(
          levels.map((level) => {
            const { map, meanPrecisionAt } = report[name][level];
            return [level, { map, meanPrecisionAt }];
          }),
        ),
      ]),
    ),
    skipped: report.skipped,
    details: {
      intervals: Object.fromEntries(
        names.map((name) => [
          name,
          Object.fromEntries(levels.map((level) => [level, report[name][level].interval])),
        ]),
      ),
      protocol: {
        size,
        multiScale,
        cropQueries,
        queries: report.queries,
        database: report.database,
        ...(report.whitening && { whitening: report.whitening }),
      },
    },
    section: {
      title: 'Retrieval of landmarks',
      intro: `${capitalized(protocol)}. Medium looks for easy and hard images, hard for the hard ones only; junk images are passed over.`,
      blocks: [
        {
          kind: 'scores',
          title: 'Mean average precision, medium',
          rows: names.map((name) => ({
            name: contenderTitles[name],
            value: report[name].medium.map,
            ...report[name].medium.interval,
          })),
        },
        await exampleBlock(report.examples, queries, database),
      ],
    },
  };
}
