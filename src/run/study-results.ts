/** What the runs of a study came to, read from their folders, and the table and charts that set them beside each other. */
import { z } from 'zod';
import { fixed } from '../numbers/counted.ts';
import type { Score } from '../report/score-grid.ts';
import { batchOf } from '../train/config.ts';
import { spreadOf } from './final-scores.ts';
import type { LogLine, RunFolder } from './run-folder-node.ts';
import { overallRate } from './run-log.ts';
import { readRecord, stepsOf } from './run-record.ts';
import type { StudyRun } from './study.ts';

/** What is measured of a run, in the order of the table. */
const titles = {
  knn: 'k-NN %',
  linear: 'linear %',
  nmi: 'NMI',
  rank: 'rank',
  imagesPerSecond: 'images/s',
  images: 'images',
  memory: 'MiB',
} as const;
export type ScoreName = keyof typeof titles;
const scoreNames = Object.keys(titles) as readonly ScoreName[];

const digits: Readonly<Record<ScoreName, number>> = {
  ...{ knn: 1, linear: 1, nmi: 2, rank: 1, imagesPerSecond: 0, images: 0, memory: 0 },
};

export type Scores = Readonly<Partial<Record<ScoreName, Score>>>;

export interface RunResult {
  readonly name: string;
  /** The method or variant. */
  readonly entry: string;
  readonly seed: number;
  readonly folder: string;
  /** Whether it came to its end. */
  readonly state: 'done' | 'failed';
  readonly scores: Scores;
  readonly untrained: Scores;
  readonly pixels: Scores;
  /** k-NN accuracy in percent at the online evaluations. */
  readonly course: Course;
}

/** Where a run was at each of its online evaluations. */
export interface Course {
  readonly images: readonly number[];
  /** Minutes of training. */
  readonly minutes: readonly number[];
  readonly knn: readonly number[];
}

const interval = z.object({ low: z.number().nullable(), high: z.number().nullable() });
type Interval = z.infer<typeof interval>;
const each = <T extends z.ZodType>(of: T) => z.object({ trained: of, untrained: of, pixels: of });

const files = {
  knn: each(z.object({ top1: z.record(z.string(), z.number()) })).extend({
    intervals: each(z.record(z.string(), interval)),
  }),
  linear: each(z.object({ top1: z.number() })).extend({ intervals: each(z.object({ top1: interval })) }),
  cluster: each(z.object({ nmi: z.number() })).extend({ intervals: each(z.object({ nmi: interval })) }),
} as const;

/** Reads what an evaluation left in a run folder; undefined where it was not run, or without scores. */
function evaluation<T>(folder: RunFolder, name: string, kept: z.ZodType<T>): T | undefined {
  const file = `eval/${name}.json`;
  return folder.has(file) ? kept.safeParse(JSON.parse(folder.readText(file))).data : undefined;
}

/** @param peakMemory bytes, where it was measured */
export function runResult(
  { entry, name }: StudyRun,
  folder: RunFolder,
  { state, peakMemory }: { readonly state: RunResult['state']; readonly peakMemory: number | undefined },
): RunResult {
  const record = readRecord(folder);
  const { seed } = record.config;
  const batch = batchOf(record.config);
  const log = folder.readLog();
  const [knn, linear, cluster] = [
    evaluation(folder, 'knn', files.knn),
    evaluation(folder, 'linear', files.linear),
    evaluation(folder, 'cluster', files.cluster),
  ];
  const measuredOf = (of: 'trained' | 'untrained' | 'pixels'): Scores => ({
    ...scored('knn', Object.values(knn?.[of].top1 ?? {})[0], Object.values(knn?.intervals[of] ?? {})[0]),
    ...scored('linear', linear?.[of].top1, linear?.intervals[of].top1),
    ...scored('nmi', cluster?.[of].nmi, cluster?.intervals[of].nmi),
  });
  const ranks = log.filter(({ feature_rank: rank }) => typeof rank === 'number');
  const [first, last] = [ranks[0], ranks.at(-1)];
  const rate = overallRate(log, batch);
  const trained = log.findLast((line) => 'train_loss' in line);
  return {
    name,
    entry: entry.name,
    seed,
    folder: folder.path,
    state,
    scores: {
      ...measuredOf('trained'),
      ...scored('rank', last && Number(last.feature_rank)),
      ...scored('imagesPerSecond', Number.isNaN(rate) ? undefined : rate),
      ...scored('images', state === 'done' ? stepsOf(record) * batch : Number(trained?.step ?? 0) * batch),
      ...scored('memory', peakMemory === undefined ? undefined : peakMemory / 2 ** 20),
    },
    untrained: {
      ...measuredOf('untrained'),
      ...scored('rank', first?.step === 0 ? Number(first.feature_rank) : undefined),
    },
    pixels: measuredOf('pixels'),
    course: courseOf(log, batch),
  };
}

function scored(name: ScoreName, value: number | undefined, ends?: Interval): Scores {
  if (value === undefined) return {};
  const { low, high } = ends ?? {};
  return { [name]: typeof low === 'number' && typeof high === 'number' ? { value, low, high } : { value } };
}

/** A line of the log says how fast the steps since the line before were. */
export function courseOf(log: readonly LogLine[], batch: number): Course {
  const [at, minutes] = [[0], [0]];
  for (const { step, images_per_second: rate } of log) {
    if (typeof rate !== 'number') continue;
    const images = (Number(step) - (at.at(-1) ?? 0)) * batch;
    minutes.push((minutes.at(-1) ?? 0) + images / rate / 60);
    at.push(Number(step));
  }
  const minutesAt = (step: number): number => {
    const next = at.findIndex((each) => each >= step);
    const [end, begin] = next < 0 ? [at.length - 1, at.length - 1] : [next, Math.max(0, next - 1)];
    const [x0 = 0, x1 = 0, y0 = 0, y1 = 0] = [at[begin], at[end], minutes[begin], minutes[end]];
    return x1 === x0 ? y1 : y0 + ((step - x0) / (x1 - x0)) * (y1 - y0);
  };
  const seen = log.filter(({ knn_top1: knn }) => typeof knn === 'number');
  const steps = seen.map(({ step }) => Number(step));
  return {
    images: steps.map((step) => step * batch),
    minutes: steps.map(minutesAt),
    knn: seen.map(({ knn_top1: knn }) => Number(knn)),
  };
}

/** Rows of one entry, and of what it stands beside. */
interface Row {
  readonly name: string;
  readonly runs: readonly Scores[];
}

/**
 * The table: a row for each entry, the mean of its runs and their deviation where there are several, a score with its interval where
 * there is one; then the network before its first step, once where all begin alike, and raw pixels. The first row heads the columns.
 */
export function studyTable(results: readonly RunResult[]): string[][] {
  const entries = [...new Set(results.map(({ entry }) => entry))];
  const runsOf = (entry: string | undefined): RunResult[] => results.filter((run) => run.entry === entry);
  const [measured] = results.filter(({ untrained }) => Object.keys(untrained).length > 0);
  const rows: Row[] = [
    ...entries.map((name) => ({ name, runs: runsOf(name).map(({ scores }) => scores) })),
    ...untrainedRows(entries.map((name) => ({ name, runs: runsOf(name).map(({ untrained }) => untrained) }))),
    { name: 'raw pixels', runs: measured === undefined ? [] : [measured.pixels] },
  ].filter(({ runs }) => runs.some((scores) => Object.keys(scores).length > 0));
  const has = (name: ScoreName): boolean => rows.some(({ runs }) => runs.some((run) => run[name]));
  // The rank says what there is to say without labels.
  const shown = scoreNames.filter((name) => has(name) && !(name === 'rank' && has('knn')));
  return [
    ['', ...shown.map((name) => titles[name])],
    ...rows.map(({ name, runs }) => [name, ...shown.map((score) => cell(score, runs))]),
  ];
}

/** One backbone may begin in several ways, as with the fixed positions of MAE: entries that begin alike share a row. */
function untrainedRows(entries: readonly Row[]): Row[] {
  const rows = new Map<string, Row & { readonly names: string[] }>();
  for (const { name, runs } of entries) {
    if (runs.every((scores) => Object.keys(scores).length === 0)) continue;
    const shown = scoreNames.map((score) => cell(score, runs)).join();
    const row = rows.get(shown) ?? { name: 'untrained', runs, names: [] };
    row.names.push(name);
    rows.set(shown, row);
  }
  const found = [...rows.values()];
  return found.map(({ name, runs, names }) => ({
    name: found.length === 1 ? name : `${name}: ${names.join(', ')}`,
    runs,
  }));
}

function cell(name: ScoreName, runs: readonly Scores[]): string {
  const found = runs.flatMap((run) => run[name] ?? []);
  const [first] = found;
  if (first === undefined) return '-';
  const text = (value: number): string => fixed(value, digits[name]);
  const isBudget = name === 'images' && found.every(({ value }) => value === first.value);
  if (found.length > 1 && !isBudget) {
    const spread = spreadOf(found.map(({ value }) => ({ value }))).value;
    return `${text(spread?.mean ?? Number.NaN)} ± ${text(spread?.deviation ?? Number.NaN)}`;
  }
  const { value, low, high } = first;
  return low === undefined || high === undefined
    ? text(value)
    : `${text(value)} (${text(low)} to ${text(high)})`;
}

/** Mean and deviation of every score of each entry. */
export function studySpread(results: readonly RunResult[]): Record<string, ReturnType<typeof spreadOf>> {
  const entries = [...new Set(results.map(({ entry }) => entry))];
  return Object.fromEntries(
    entries.map((entry) => {
      const runs = results.filter((run) => run.entry === entry);
      const values = runs.map(({ scores }) =>
        Object.fromEntries(Object.entries(scores).map(([name, { value }]) => [name, value])),
      );
      return [entry, spreadOf(values)];
    }),
  );
}
