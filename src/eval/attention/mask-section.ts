/** What the evaluation of attention masks says of its report. */
import { counted } from '../../numbers/counted.ts';
import type { TileBlock } from '../../report/blocks.ts';
import { gridBars, gridTable, type ScoreGrid } from '../../report/score-grid.ts';
import { capitalized, type Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import { type MaskReport, maskComparedNames, maskComparedTitles } from './mask-report.ts';

export interface MaskFacts {
  /** What the attention is of: `attention of the class token`. */
  readonly attention: string;
  /** [short side], or [height, width]. */
  readonly size: readonly number[];
  /** The share of the attention that a mask holds. */
  readonly threshold: number;
}

const [BEST, MEAN, CORLOC] = ['best head', 'mean head', 'CorLoc'];

/** @param groups images with their objects and masks (`maskTiles`) */
export function maskStatement(
  report: MaskReport,
  { attention, size, threshold }: MaskFacts,
  groups: TileBlock['groups'],
): Statement {
  const { scores, gains } = report;
  const protocol = `${capitalized(attention)} at ${describeSize(size)} pixels, masks of ${(100 * threshold).toFixed(0)} % of the mass; ${counted(report.objects, 'object')} in ${counted(report.images.length, 'image')}, best head for each object; CorLoc of the mean head's box at IoU 0.5`;
  const grid = maskGrid(report);
  return {
    protocol,
    table: gridTable(grid),
    finding: verdict({
      scope: 'attention masks',
      what: 'Jaccard index of the best head',
      images: report.objects,
      of: 'objects',
      scale: 'unit',
      scores: {
        trained: scores.trained.bestHead,
        untrained: scores.untrained.bestHead,
        box: scores.box.bestHead,
        image: scores.image.bestHead,
      },
      gains,
    }),
    section: {
      title: 'Objects in the attention',
      intro: `${protocol}. No mask was used in training. The best head is chosen with the mask at hand, for the untrained network too, so compare with that and with the centered box: many photographs have their object in the middle.`,
      blocks: [
        gridBars(grid, BEST, { title: 'Jaccard index, best head' }),
        gridBars(grid, CORLOC, { title: 'CorLoc of the mean head' }),
        {
          kind: 'tiles',
          title: 'Best and worst',
          caption: 'What the network sees, the object, and the mask of the best head, trained and untrained.',
          large: true,
          groups,
        },
      ],
    },
  };
}

/** @param size [short side], or [height, width] */
export function describeSize(size: readonly number[]): string {
  return size.length === 1 ? `a short side of ${size[0]}` : size.join(' x ');
}

function maskGrid({ scores, intervals }: MaskReport): ScoreGrid {
  return {
    corner: 'Jaccard, CorLoc (95 %)',
    columns: [BEST, MEAN, CORLOC].map((title) => ({ title, digits: 3 })),
    rows: maskComparedNames.map((name) => ({
      name: maskComparedTitles[name],
      cells: (['bestHead', 'meanHead', 'corLoc'] as const).map((score) => ({
        value: scores[name][score],
        ...intervals[name][score],
      })),
    })),
  };
}
