/** What retrieval in anyone's folders says of its report. */
import type { Grouping } from '../../data/image-groups.ts';
import { comparedNames, comparedTitles, forBaselines } from '../../features/baselines.ts';
import { counted } from '../../numbers/counted.ts';
import type { Block } from '../../report/blocks.ts';
import type { PicturedImages } from '../../report/picture.ts';
import { gridBars, gridTable, type ScoreGrid } from '../../report/score-grid.ts';
import { capitalized, type Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import { describeFeatures, exampleTiles, type RetrievalFacts } from './example-tiles.ts';
import type { RetrievalReport } from './retrieval-report.ts';

/** The row of what a random ranking scores. */
const CHANCE = 'by chance';
const [MAP, NS] = ['mAP', 'N-S of 4'];

export interface FolderRetrievalFacts extends RetrievalFacts {
  readonly grouping: Grouping;
  readonly images: PicturedImages;
  /** The queries, where they are other images. */
  readonly queries: PicturedImages | undefined;
}

export async function retrievalStatement(
  report: RetrievalReport,
  { grouping, images, queries: asked, ...facts }: FolderRetrievalFacts,
): Promise<Statement> {
  const { database, queriesWithPositives, whitening, examples, gains } = report;
  const same = {
    class: 'class folder',
    prefix: `first ${grouping.by === 'prefix' ? grouping.length : 0} letters of the name`,
    separator: `name up to "${grouping.by === 'separator' ? grouping.separator : ''}"`,
  }[grouping.by];
  const protocol = `retrieval of ${counted(queriesWithPositives, 'query', 'queries')} among ${counted(database, asked === undefined ? 'other image' : 'image')} by cosine, right is the same ${same}; ${describeFeatures(facts, whitening)}`;
  const grid = retrievalGrid(report);
  return {
    protocol,
    table: gridTable(grid),
    finding: verdict({
      scope: 'retrieval',
      what: 'Mean average precision',
      images: queriesWithPositives,
      of: 'queries',
      scale: 'unit',
      scores: { trained: report.trained.map, ...forBaselines((name) => report[name].map) },
      gains,
    }),
    section: {
      title: 'Retrieval',
      intro: `${capitalized(protocol)}. Features are worth something where the trained network beats both the untrained one and the pixels by more than the intervals; "${CHANCE}" is what a random order scores.`,
      blocks: [
        gridBars(grid, MAP, { title: 'Mean average precision' }),
        ...otherScores(grid),
        await exampleTiles(examples, { queries: asked ?? images, database: images }),
      ],
    },
  };
}

/** mAP, the recalls, and N-S where groups are of four; of all that is compared, and of chance. */
function retrievalGrid(report: RetrievalReport): ScoreGrid {
  const { chance } = report;
  const ks = Object.keys(chance.recallAt);
  const withNs = chance.nsScore !== undefined;
  return {
    corner: '% (95 %)',
    columns: [
      { title: MAP, scale: 100 },
      ...ks.map((k) => ({ title: `recall@${k}`, scale: 100 })),
      ...(withNs ? [{ title: NS, digits: 2 }] : []),
    ],
    rows: [
      ...comparedNames.map((name) => {
        const { map, recallAt, nsScore, intervals } = report[name];
        return {
          name: comparedTitles[name],
          cells: [
            { value: map, ...intervals.map },
            ...ks.map((k) => ({ value: recallAt[k] ?? Number.NaN, ...intervals[`recall@${k}`] })),
            ...(nsScore === undefined ? [] : [{ value: nsScore, ...intervals.nsScore }]),
          ],
        };
      }),
      {
        name: CHANCE,
        cells: [
          { value: chance.map },
          ...ks.map((k) => ({ value: chance.recallAt[k] ?? Number.NaN })),
          ...(chance.nsScore === undefined ? [] : [{ value: chance.nsScore }]),
        ],
      },
    ],
  };
}

/** Everything but mAP, which has bars of its own. */
function otherScores(grid: ScoreGrid): Block[] {
  const columns = grid.columns.slice(1);
  if (columns.length === 0) return [];
  const rows = grid.rows.map(({ name, cells }) => ({ name, cells: cells.slice(1) }));
  const [head = [], ...lines] = gridTable({ corner: '', columns, rows });
  const withNs = columns.some(({ title }) => title === NS);
  return [
    { kind: 'table', title: `Recall at k in percent${withNs ? ', and N-S of 4' : ''}`, head, rows: lines },
  ];
}
