/** How evaluations of classifiers show what they found: accuracies, and what was taken for what. */
import type { Block } from '../../report/blocks.ts';
import { gridBars, type ScoreGrid } from '../../report/score-grid.ts';
import { type Confusion, mostConfused } from './classification-scores.ts';
import type { Accuracies } from './linear-report.ts';

/** More classes than this make a matrix that nobody can read; the pairs remain. */
const MATRIX_CLASSES = 40;
const PAIRS = 12;
const [TOP1, TOP5] = ['top-1', 'top-5'];

/** Named accuracies; the first ones lead. */
export interface NamedAccuracies {
  readonly name: string;
  readonly scores: Accuracies;
  /** What else is printed of it. */
  readonly more?: readonly string[];
}

/** Top-1, and top-5 where there is one, in percent; then what else is told of each. */
export function accuracyGrid(
  rows: readonly NamedAccuracies[],
  { corner = '% (95 %)', more = [] }: { readonly corner?: string; readonly more?: readonly string[] } = {},
): ScoreGrid {
  const hasFive = rows.some(({ scores }) => scores.top5 !== undefined);
  return {
    corner,
    columns: [TOP1, ...(hasFive ? [TOP5] : []), ...more].map((title) => ({ title })),
    rows: rows.map(({ name, scores: { top1, top5, intervals }, more: told = [] }) => ({
      name,
      cells: [
        { value: top1, ...intervals.top1 },
        ...(hasFive ? [top5 === undefined ? undefined : { value: top5, ...intervals.top5 }] : []),
        ...told,
      ],
    })),
  };
}

/** Bars of top-1, and of top-5 where there is one. */
export function accuracyBlocks(grid: ScoreGrid): Block[] {
  const measured = [
    [TOP1, 'Top-1'],
    [TOP5, 'Top-5'],
  ] as const;
  return measured
    .filter(([column]) => grid.columns.some(({ title }) => title === column))
    .map(([column, title]) => gridBars(grid, column, { title, top: 100, unit: ' %' }));
}

/** The confusion matrix, and the pairs of classes that were confused most often. */
export function confusionBlocks(classes: readonly string[], confusion: Int32Array): Block[] {
  const pairs = mostConfused(confusion, classes.length, PAIRS);
  const blocks: Block[] = [];
  if (classes.length <= MATRIX_CLASSES) {
    blocks.push({
      kind: 'matrix',
      title: 'What was taken for what',
      caption: 'Test images of the trained network: a row for each true class, a column for each answer.',
      labels: classes,
      counts: confusion,
    });
  }
  if (pairs.length > 0) {
    blocks.push({
      kind: 'table',
      title: 'Confused most often',
      head: ['class', 'taken for', 'images', 'of the class'],
      rows: pairs.map((pair) => [
        classes[pair.label] ?? '',
        classes[pair.prediction] ?? '',
        String(pair.count),
        `${(100 * pair.share).toFixed(0)} %`,
      ]),
    });
  }
  return blocks;
}

/** Confused pairs with the names of their classes, for the record. */
export function namedPairs(classes: readonly string[], pairs: readonly Confusion[]) {
  return pairs.map(({ label, prediction, count, share }) => ({
    class: classes[label],
    takenFor: classes[prediction],
    count,
    share,
  }));
}
