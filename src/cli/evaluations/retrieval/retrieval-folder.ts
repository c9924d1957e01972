/** Retrieval in anyone's folders, the part of `dino eval retrieval` without official ground truth: what it says and shows. */
import type { Grouping } from '../../../data/image-groups.ts';
import type { Source } from '../../../data/source.ts';
import type { RetrievalReport } from '../../../eval/retrieval/retrieval-report.ts';
import {
  type ComparedName,
  comparedTitles,
  forBaselines,
  comparedNames as names,
} from '../../../features/baselines.ts';
import type { TableBlock } from '../../../report/blocks.ts';
import { capitalized, type EvaluationContext, type EvaluationResult, withInterval } from '../evaluation.ts';
import { verdict } from '../verdict.ts';
import { describeFeatures, exampleBlock } from './retrieval-examples.ts';

/** The row of what a random ranking scores. */
const CHANCE = 'by chance';

export interface FolderRetrieval {
  readonly source: Source;
  /** The queries, where they are other images. */
  readonly test: Source | undefined;
  readonly grouping: Grouping;
  readonly size: number;
  readonly multiScale: boolean;
}

export async function folderResult(
  report: RetrievalReport,
  { source, test, grouping, size, multiScale }: FolderRetrieval,
  { subject, warn }: EvaluationContext,
): Promise<EvaluationResult> {
  const { queries, database, queriesWithPositives, whitening, examples, skipped, chance, gains } = report;
  warnOf(report, warn);
  const same = {
    class: 'class folder',
    prefix: `first ${grouping.by === 'prefix' ? grouping.length : 0} letters of the name`,
    separator: `name up to "${grouping.by === 'separator' ? grouping.separator : ''}"`,
  }[grouping.by];
  const protocol = `retrieval of ${queriesWithPositives} queries among ${database} ${test === undefined ? 'other ' : ''}images by cosine, right is the same ${same}; ${describeFeatures(subject.backbone, size, multiScale, whitening)}`;
  const ks = Object.keys(chance.recallAt);
  const recallTitles = ks.map((k) => `recall@${k}`);
  const [map, ...others] = scoreRows(report, ks);
  const withNs = chance.nsScore !== undefined;
  return {
    protocol,
    shown: size,
    table: transposed([
      ['% (95 %)', ...names.map((name) => comparedTitles[name]), CHANCE],
      ['mAP', ...(map ?? [])],
      ...others.map((row, i) => [recallTitles[i] ?? 'N-S of 4', ...row]),
    ]),
    scores: {
      ...Object.fromEntries(
        names.map((name) => {
          const { intervals: _, ...scores } = report[name];
          return [name, scores];
        }),
      ),
      chance,
    },
    finding: verdict({
      scope: 'retrieval',
      what: 'Mean average precision',
      images: queriesWithPositives,
      of: 'queries',
      scale: 'unit',
      scores: { trained: report.trained.map, ...forBaselines((name) => report[name].map) },
      gains,
    }),
    details: {
      gains,
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
      skipped: skipped.map(({ key }) => key),
    },
    section: {
      title: 'Retrieval',
      intro: `${capitalized(protocol)}. Features are worth something where the trained network beats both the untrained one and the pixels by more than the intervals; "${CHANCE}" is what a random order scores.`,
      blocks: [
        {
          kind: 'scores',
          title: 'Mean average precision',
          rows: [
            ...names.map((name) => ({
              name: comparedTitles[name],
              value: report[name].map,
              ...report[name].intervals.map,
            })),
            { name: CHANCE, value: chance.map },
          ],
        },
        ...(others.length === 0
          ? []
          : [
              {
                kind: 'table',
                title: `Recall at k in percent${withNs ? ', and N-S of 4' : ''}`,
                ...otherScores([...recallTitles, ...(withNs ? ['N-S of 4'] : [])], others),
              } as const,
            ]),
        await exampleBlock(examples, test ?? source, source),
      ],
    },
  };
}

/** What was left out, and why. */
function warnOf(
  { skipped, certain, database, queries, queriesWithPositives }: RetrievalReport,
  warn: (text: string) => void,
): void {
  if (skipped.length > 0)
    warn(`${skipped.length} images could not be read, the first: ${skipped[0]?.key} (${skipped[0]?.reason})`);
  if (certain.length > 0)
    warn(
      `Recall at ${certain.join(', ')} left out: among so many of ${database} images even a random order finds one that is right.`,
    );
  if (queriesWithPositives < queries)
    warn(`${queries - queriesWithPositives} of ${queries} queries have no image to find and are left out.`);
}

/** Cells of the contenders and of chance: a row for mAP, for each recall, and for the N-S score where there is one. */
function scoreRows(report: RetrievalReport, ks: readonly string[]): string[][] {
  const { chance } = report;
  const row = (
    score: string,
    of: (scores: RetrievalReport['chance']) => number | undefined,
    [scale, digits]: readonly [number, number],
  ): string[] => {
    const cell = (name: ComparedName): string => {
      const { low = Number.NaN, high = Number.NaN } = report[name].intervals[score] ?? {};
      const value = scale * (of(report[name]) ?? Number.NaN);
      return withInterval(value, { low: scale * low, high: scale * high }, digits);
    };
    return [...names.map(cell), (scale * (of(chance) ?? Number.NaN)).toFixed(digits)];
  };
  return [
    row('map', ({ map }) => map, [100, 1]),
    ...ks.map((k) => row(`recall@${k}`, ({ recallAt }) => recallAt[k], [100, 1])),
    ...(chance.nsScore === undefined ? [] : [row('nsScore', ({ nsScore }) => nsScore, [1, 2])]),
  ];
}

/** @param rows cells of the contenders and of chance, for each title */
function otherScores(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
): Pick<TableBlock, 'head' | 'rows'> {
  const contenders = ['', ...names.map((name) => comparedTitles[name]), CHANCE];
  const [head = [], ...lines] = transposed([contenders, ...rows.map((row, i) => [titles[i] ?? '', ...row])]);
  return { head, rows: lines };
}

/** Rows of a table as its columns. */
function transposed(rows: readonly (readonly string[])[]): string[][] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? ''));
}
