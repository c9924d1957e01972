/** Revisited Oxford and Paris, the part of `dino eval retrieval` with official ground truth. */
import { existsSync, readFileSync } from 'node:fs';
import type { Source } from '../../../data/source.ts';
import { landmarkReport } from '../../../eval/retrieval/landmark-report.ts';
import { landmarkStatement } from '../../../eval/retrieval/landmark-section.ts';
import { parseLandmarkTruth } from '../../../eval/retrieval/landmark-truth.ts';
import { retrievalLevels } from '../../../eval/retrieval/retrieval.ts';
import { comparedNames } from '../../../features/baselines.ts';
import { featureTitle } from '../../../model/backbone.ts';
import { withThumbnails } from '../../../report/pictures/thumbnails.ts';
import type { EvaluationContext, EvaluationResult } from '../evaluation.ts';

export interface OfficialProtocol {
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
  { groundTruth, ...settings }: OfficialProtocol,
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
  const feature = featureTitle(subject.backbone);
  const statement = await withThumbnails(database, (images) =>
    withThumbnails(queries, (asked) =>
      landmarkStatement(report, {
        ...{ feature, size, multiScale, cropQueries },
        queries: asked,
        database: images,
      }),
    ),
  );
  return {
    ...statement,
    shown: 'own',
    scores: Object.fromEntries(
      comparedNames.map((name) => [
        name,
        Object.fromEntries(
          retrievalLevels.map((level) => {
            const { map, meanPrecisionAt } = report[name][level];
            return [level, { map, meanPrecisionAt }];
          }),
        ),
      ]),
    ),
    skipped: report.skipped,
    details: {
      gains: report.gains,
      intervals: Object.fromEntries(
        comparedNames.map((name) => [
          name,
          Object.fromEntries(retrievalLevels.map((level) => [level, report[name][level].interval])),
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
  };
}
