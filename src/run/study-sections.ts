/** The sections of a study's page: the table, k-NN over time and over images, the collapses, and attention to the same images. */
import { capitalized } from '../eval/statement.ts';
import { counted } from '../numbers/counted.ts';
import type { EvaluationSection, Tile } from '../report/blocks.ts';
import type { LineChart, Series } from '../report/charts/chart.ts';
import type { AttentionExample, Report } from '../report/model.ts';
import type { LeftOut, StudyRun } from './study.ts';
import { type RunResult, studyTable } from './study-results.ts';

/** A run that was trained, with what its own page shows. */
export interface StudiedRun {
  readonly run: StudyRun;
  readonly result: RunResult;
  readonly report: Report;
}

/** Runs of one entry have one color: its place among all. */
export function studyColors(studied: readonly { readonly run: StudyRun }[]): number[] {
  const entries = [...new Set(studied.map(({ run }) => run.entry))];
  return studied.map(({ run }) => entries.indexOf(run.entry));
}

/** @param note how the scores were measured */
export function studySections(
  studied: readonly StudiedRun[],
  leftOut: readonly LeftOut[],
  note: string,
): EvaluationSection[] {
  const found = [
    tableSection(studied, leftOut, note),
    courseSection(studied),
    collapseSection(studied),
    attentionSection(studied),
  ];
  return found.filter((section) => section !== undefined);
}

/** What the names of columns mean. */
const meanings: readonly (readonly [column: string, meaning: string])[] = [
  ['NMI', 'how well groups that k-means finds agree with the classes, 0 to 1'],
  ['rank', 'in how many directions features differ'],
  ['images/s', 'in training, whatever else the machine did meanwhile'],
  ['images', 'seen in training, with repetitions'],
  ['MiB', 'the largest memory of the process that trained'],
];

function explained(columns: readonly string[]): string {
  const shown = meanings.filter(([column]) => columns.includes(column));
  return shown.map(([column, meaning]) => `${capitalized(column)}: ${meaning}.`).join(' ');
}

function tableSection(
  studied: readonly StudiedRun[],
  leftOut: readonly LeftOut[],
  note: string,
): EvaluationSection {
  const results = studied.map(({ result }) => result);
  const [head = [], ...rows] = studyTable(results);
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  const spread =
    seeds > 1
      ? `Mean and standard deviation over ${seeds} seeds`
      : 'In brackets the ends of the 95 % interval, over the images that were asked';
  const failed = results.filter(({ state }) => state === 'failed');
  return {
    title: 'Beside each other',
    intro: `${note} ${spread}. ${explained(head)}`,
    blocks: [
      { kind: 'table', head, rows },
      ...failed.map(({ name }) => ({
        kind: 'text' as const,
        text: `${name} failed before its end; its own report says why.`,
      })),
      ...(leftOut.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              head: ['Not trained', 'Why'],
              rows: leftOut.map(({ name, reason }) => [name, reason]),
            },
          ]),
    ],
  };
}

/** Nothing without labels. */
function courseSection(studied: readonly StudiedRun[]): EvaluationSection | undefined {
  const colors = studyColors(studied);
  const series = (x: 'minutes' | 'images'): Series[] =>
    studied.flatMap(({ run, result: { course } }, i) =>
      course.knn.length === 0 ? [] : [{ name: run.name, color: colors[i] ?? i, x: course[x], y: course.knn }],
    );
  if (series('images').length === 0) return undefined;
  const chart = (title: string, xName: string, x: 'minutes' | 'images') => ({
    kind: 'chart' as const,
    title,
    xName,
    series: series(x),
    fromZero: true,
    unit: '\u202f%',
  });
  return {
    title: 'k-NN on the way',
    intro: `The online evaluations of all runs, on the same images of the training set.${caution(studied)} What learns most in a given time need not learn most from a given number of images.`,
    blocks: [
      chart('k-NN accuracy over time, %', 'minutes of training', 'minutes'),
      chart('k-NN accuracy over images, %', 'images seen', 'images'),
    ],
  };
}

/** A score of fewer images is hardly one. */
const FEW = 100;

function caution(studied: readonly StudiedRun[]): string {
  const images = Math.min(
    ...studied.map(({ report }) => report.curves?.evaluationImages ?? Number.POSITIVE_INFINITY),
  );
  return images < FEW ? ` Of ${counted(images, 'image')} only: they say little.` : '';
}

/** Each measure of the method, for the runs that are made to collapse and the one that is not. */
function collapseSection(studied: readonly StudiedRun[]): EvaluationSection | undefined {
  const lines = studied.flatMap(({ run, report }) => {
    const { collapse: name } = run.entry;
    const seeds = studied.filter((other) => other.run.entry === run.entry);
    return name === undefined || seeds[0]?.run !== run
      ? []
      : [{ name, run: run.name, measures: report.curves?.measures }];
  });
  if (lines.length < 2) return undefined;
  const measures = lines.flatMap((line) => line.measures ?? []);
  const titles = [...new Set(measures.map(({ title }) => title))];
  const charts = titles.map((title): LineChart => {
    const references = measures.find((measure) => measure.title === title)?.references;
    return {
      title,
      xName: 'step',
      ...(references === undefined ? {} : { references }),
      fromZero: true,
      series: lines.flatMap((line, color) =>
        (line.measures ?? [])
          .filter((measure) => measure.title === title)
          .map(({ steps, values }) => ({ name: line.name, color, x: steps, y: values })),
      ),
    };
  });
  return {
    title: 'Collapses',
    intro: `What keeps features from becoming all alike, taken away one at a time, in ${counted(lines.length, 'run')} of this study: ${lines.map(({ name, run }) => `${name} (${run})`).join(', ')}.`,
    blocks: charts.map((chart) => ({ kind: 'chart' as const, ...chart })),
  };
}

/** Where each network looks in the same few images; the first seed stands for all. */
function attentionSection(studied: readonly StudiedRun[]): EvaluationSection | undefined {
  const shown = studied.flatMap(({ run, report }) =>
    report.attention === undefined || studied.find((other) => other.run.entry === run.entry)?.run !== run
      ? []
      : [{ name: run.entry.name, examples: report.attention.examples }],
  );
  const [first] = shown;
  if (first === undefined) return undefined;
  return {
    title: 'Where they look',
    intro: `The attention of one head of each network to the same images, at the end of its run; the first is the network of ${first.name} before its first step.`,
    blocks: [
      {
        kind: 'tiles',
        aligned: true,
        groups: first.examples.map(({ name, label, input, ...example }) => ({
          title: label === undefined ? name : `${name} (${label})`,
          tiles: [
            { picture: input, name, caption: 'image' },
            ...untrainedTile(example, name),
            ...shown.flatMap(({ name: entry, examples }): Tile[] => {
              const map = examples.find((other) => other.name === name)?.heads[0]?.maps.at(-1);
              return map === undefined
                ? []
                : [{ picture: map, name: `${entry}, attention to ${name}`, caption: entry, pixelated: true }];
            }),
          ],
        })),
      },
    ],
  };
}

function untrainedTile({ steps, heads }: Pick<AttentionExample, 'steps' | 'heads'>, name: string): Tile[] {
  const map = steps[0] === 0 ? heads[0]?.maps[0] : undefined;
  return map === undefined
    ? []
    : [{ picture: map, name: `untrained, attention to ${name}`, caption: 'untrained', pixelated: true }];
}
