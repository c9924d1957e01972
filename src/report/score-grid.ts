/**
 * Scores of what is compared, by measure: the one table from which a terminal prints its rows and a page draws its bars, so that
 * both say the same.
 */
import { fixed } from '../numbers/counted.ts';
import { isKnown, type ScoreBlock } from './blocks.ts';

/** A score with the ends of its 95 % interval, where there is one. */
export interface Score {
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

export interface ScoreColumn {
  readonly title: string;
  /** What scores are multiplied by when they are printed: 100 for shares. Default 1. */
  readonly scale?: number;
  /** Digits after the point when they are printed. Default 1. */
  readonly digits?: number;
}

export interface ScoreGrid {
  /** Heads the names: what is measured, `top-1 % (95 %)`. */
  readonly corner: string;
  readonly columns: readonly ScoreColumn[];
  /** The trained network first; a cell for each column, which may be words. */
  readonly rows: readonly {
    readonly name: string;
    readonly cells: readonly (Score | string | undefined)[];
  }[];
}

/** The grid in words, a row for each name; the first row heads the columns. */
export function gridTable({ corner, columns, rows }: ScoreGrid): string[][] {
  const cells = rows.map((row) => columns.map((_, i) => row.cells[i]));
  return [
    [
      withoutEmptyPromise(corner, cells.flat()),
      ...columns.map(({ title }, i) =>
        withoutEmptyPromise(
          title,
          cells.map((row) => row[i]),
        ),
      ),
    ],
    ...rows.map(({ name, cells }) => [name, ...columns.map((column, i) => scoreText(cells[i], column))]),
  ];
}

/** A head that speaks of 95 % intervals, or the same without where no cell has one. */
function withoutEmptyPromise(head: string, cells: readonly (Score | string | undefined)[]): string {
  const isKept = cells.some((cell) => typeof cell === 'object' && isKnown(cell.low) && isKnown(cell.high));
  return isKept ? head : head.replace(' (95 %)', '');
}

/** The same with a row for each measure. */
export function transposedTable(grid: ScoreGrid): string[][] {
  const table = gridTable(grid);
  return (table[0] ?? []).map((_, column) => table.map((row) => row[column] ?? ''));
}

/** One column of the grid as bars. */
export function gridBars(
  { columns, rows }: ScoreGrid,
  column: string,
  drawn: Omit<ScoreBlock, 'kind' | 'rows'>,
): ScoreBlock {
  const at = columns.findIndex(({ title }) => title === column);
  return {
    kind: 'scores',
    ...drawn,
    rows: rows.flatMap(({ name, cells }) => {
      const cell = cells[at];
      return cell === undefined || typeof cell === 'string' ? [] : [{ name, ...cell }];
    }),
  };
}

/** A score with its interval, or what stands in its place. */
export function scoreText(
  cell: Score | string | undefined,
  { scale = 1, digits = 1 }: Omit<ScoreColumn, 'title'> = {},
): string {
  if (cell === undefined || typeof cell === 'string') return cell ?? '';
  const { value, low, high } = cell;
  const text = (number: number): string => fixed(scale * number, digits);
  if (Number.isNaN(value)) return 'none';
  return isKnown(low) && isKnown(high) ? `${text(value)} (${text(low)} to ${text(high)})` : text(value);
}
