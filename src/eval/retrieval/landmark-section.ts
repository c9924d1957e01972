/** What retrieval on revisited Oxford and Paris says of its report. */
import { comparedNames, comparedTitles, forBaselines } from '../../features/baselines.ts';
import { counted } from '../../numbers/counted.ts';
import type { PicturedImages } from '../../report/picture.ts';
import { gridBars, gridTable, type ScoreGrid } from '../../report/score-grid.ts';
import { capitalized, type Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import { describeFeatures, exampleTiles, type RetrievalFacts } from './example-tiles.ts';
import type { LandmarkReport } from './landmark-report.ts';
import { retrievalLevels } from './retrieval.ts';

export interface LandmarkFacts extends RetrievalFacts {
  readonly cropQueries: boolean;
  readonly queries: PicturedImages;
  readonly database: PicturedImages;
}

export async function landmarkStatement(
  report: LandmarkReport,
  { cropQueries, queries, database, ...facts }: LandmarkFacts,
): Promise<Statement> {
  const protocol = `revisited Oxford/Paris: ${counted(report.queries, 'query', 'queries')}${cropQueries ? ' (their boxes)' : ' (whole images)'} among ${counted(report.database, 'image')} by cosine; ${describeFeatures(facts, report.whitening, ' on the longer side')}`;
  const grid = landmarkGrid(report);
  return {
    protocol,
    table: gridTable(grid),
    finding: verdict({
      scope: 'retrieval',
      what: 'Medium mean average precision',
      images: report.queries,
      of: 'queries',
      scale: 'unit',
      scores: { trained: report.trained.medium.map, ...forBaselines((name) => report[name].medium.map) },
      gains: report.gains,
    }),
    section: {
      title: 'Retrieval of landmarks',
      intro: `${capitalized(protocol)}. Medium looks for easy and hard images, hard for the hard ones only; junk images are passed over.`,
      blocks: [
        gridBars(grid, 'mAP medium', { title: 'Mean average precision, medium' }),
        await exampleTiles(report.examples, { queries, database }),
      ],
    },
  };
}

function landmarkGrid(report: LandmarkReport): ScoreGrid {
  return {
    corner: '% (95 %)',
    columns: [
      ...retrievalLevels.map((level) => ({ title: `mAP ${level}`, scale: 100 })),
      ...retrievalLevels.map((level) => ({ title: `mP@10 ${level}`, scale: 100 })),
    ],
    rows: comparedNames.map((name) => ({
      name: comparedTitles[name],
      cells: [
        ...retrievalLevels.map((level) => {
          const { map, interval } = report[name][level];
          return { value: map, ...interval };
        }),
        ...retrievalLevels.map((level) => ({
          value: report[name][level].meanPrecisionAt[10] ?? Number.NaN,
        })),
      ],
    })),
  };
}
