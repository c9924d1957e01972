/** What copy detection says of its report. */
import { comparedTitles } from '../../features/baselines.ts';
import { counted, fixed } from '../../numbers/counted.ts';
import type { Tile, TileBlock } from '../../report/blocks.ts';
import type { Picture, PicturedImages } from '../../report/picture.ts';
import { gridBars, type ScoreGrid, transposedTable } from '../../report/score-grid.ts';
import { capitalized, type Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import type { CopyCompared, CopyReport } from './copy-report.ts';

/** What is compared, in the order in which it is shown. */
export const copyNames = ['trained', 'untrained', 'pixels'] as const satisfies readonly CopyCompared[];

const ALL = 'all';

/** Pictures of the examples of a report. */
export interface CopyPictures {
  readonly originals: PicturedImages;
  /** The altered image of a number. */
  query(query: number): Promise<Picture>;
}

export interface CopyFacts {
  /** What images are described by. */
  readonly descriptor: string;
  /** Side of the squares, pixels. */
  readonly size: number;
  /** How altered images were made, where they were made here. */
  readonly made?: { readonly attacks: number; readonly seed: number } | undefined;
}

export async function copyStatement(
  report: CopyReport,
  { descriptor, size, made }: CopyFacts,
  pictures: CopyPictures,
): Promise<Statement> {
  const { blocks, whitening } = report;
  const asked = blocks.reduce((sum, block) => sum + block.queries, 0);
  const learned =
    whitening === undefined
      ? 'not whitened'
      : `whitened to ${counted(whitening.dim, 'component')} of ${counted(whitening.images, 'image')}`;
  const how = made === undefined ? '' : `, ${counted(made.attacks, 'alteration')} with seed ${made.seed}`;
  const protocol = `copy detection of ${counted(asked, 'query', 'queries')}${how} among ${counted(report.originals + report.distractors, 'image')}: ${descriptor} of squares of ${size} pixels, ${learned}, cosine, mAP of the first 20`;
  const grid = copyGrid(report);
  return {
    protocol,
    table: transposedTable(grid),
    finding: verdict({
      scope: 'finding copies',
      what: 'Mean average precision',
      images: asked,
      of: 'queries',
      scale: 'unit',
      scores: { trained: report.trained.map, untrained: report.untrained.map, pixels: report.pixels.map },
      gains: report.gains,
    }),
    section: {
      title: 'Copy detection',
      intro: `${capitalized(protocol)}. A network that knows an image again in spite of what was done to it finds the original first.`,
      blocks: [
        gridBars(grid, ALL, { title: 'Mean average precision of all queries' }),
        {
          kind: 'table',
          title: 'By what was done to the images, mAP in percent',
          head: ['block', 'queries', ...copyNames.map((name) => comparedTitles[name])],
          rows: blocks.map((block) => [
            block.name,
            String(block.queries),
            ...copyNames.map((name) => fixed(100 * (report[name].blocks[block.name] ?? Number.NaN), 1)),
          ]),
        },
        await copyTiles(report, pictures),
      ],
    },
  };
}

/** mAP of all queries and of each block. */
function copyGrid(report: CopyReport): ScoreGrid {
  return {
    corner: 'mAP % (95 %)',
    columns: [ALL, ...report.blocks.map(({ name }) => name)].map((title) => ({ title, scale: 100 })),
    rows: copyNames.map((name) => {
      const { map, interval, blocks, blockIntervals } = report[name];
      return {
        name: comparedTitles[name],
        cells: [
          { value: map, ...interval },
          ...report.blocks.map((block) => ({
            value: blocks[block.name] ?? Number.NaN,
            ...blockIntervals[block.name],
          })),
        ],
      };
    }),
  };
}

async function copyTiles(
  { examples }: CopyReport,
  { originals, query: pictureOfQuery }: CopyPictures,
): Promise<TileBlock> {
  const groups: TileBlock['groups'][number][] = [];
  for (const { original, copies } of examples) {
    const key = originals.key(original);
    const tiles: Tile[] = [{ picture: await originals.pictureOf(original), name: key, caption: 'original' }];
    for (const { block, place, query } of copies) {
      tiles.push({
        picture: await pictureOfQuery(query),
        name: `${block}: the original is ${place === undefined ? 'not among the first 20' : `at place ${place}`}`,
        caption: place === 1 ? block : `${block}: ${place ?? 'none'}`,
        mark: place === 1 ? 'same' : 'other',
      });
    }
    groups.push({ title: key, tiles });
  }
  return {
    kind: 'tiles',
    title: 'Originals and their copies',
    caption:
      'A solid green frame: the trained network finds the original first. A dashed red one: it does not; the number is the place at which it comes.',
    groups,
  };
}
