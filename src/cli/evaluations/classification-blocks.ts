/** How evaluations of classifiers show what they found: bars of accuracies, what was taken for what, the classifier's files. */
import { type Confusion, mostConfused } from '../../eval/classification-scores.ts';
import type { Accuracies } from '../../eval/linear-report.ts';
import type { Block } from '../../report/blocks.ts';

/** More classes than this make a matrix that nobody can read; the pairs remain. */
const MATRIX_CLASSES = 40;
const PAIRS = 12;

/** Bars of top-1, and of top-5 where there is one; the first row leads. */
export function accuracyBlocks(
  rows: readonly { readonly name: string; readonly scores: Accuracies }[],
): Block[] {
  const bars = (title: string, of: 'top1' | 'top5'): Block => ({
    kind: 'scores',
    title,
    top: 100,
    unit: ' %',
    rows: rows.map(({ name, scores }) => ({
      name,
      value: scores[of] ?? Number.NaN,
      ...scores.intervals[of],
    })),
  });
  const hasFive = rows.some(({ scores }) => scores.top5 !== undefined);
  return [bars('Top-1', 'top1'), ...(hasFive ? [bars('Top-5', 'top5')] : [])];
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

/** Class names in the order of the classifier's outputs. */
export function labelsFile(classes: readonly string[]): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(classes, null, 2)}\n`);
}
