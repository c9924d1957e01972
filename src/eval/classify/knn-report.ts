/** The k-NN evaluation of a trained network beside what it must beat, with bootstrap intervals. */
import { labeledSets, learners } from '../../data/labels.ts';
import type { Source } from '../../data/source.ts';
import {
  type BaselineName,
  type ComparedName,
  type CompareOptions,
  comparedNames,
  compareFeatures,
  forBaselines,
} from '../../features/baselines.ts';
import type { Extracted } from '../../features/extract.ts';
import type { Known } from '../../features/known-baselines.ts';
import { counted } from '../../numbers/counted.ts';
import { type Interval, shareIntervals } from '../../rows/bootstrap.ts';
import { pairedGains } from '../../rows/paired-gains.ts';
import { recordOf } from '../../rows/record-of.ts';
import { knn } from './knn.ts';
import { type LargestClass, largestClass } from './largest-class.ts';

/** Percent correct by k. */
export interface Accuracy {
  readonly top1: Readonly<Record<string, number>>;
  /** Absent below six classes, where it is always 100, and for fewer than five neighbors, which vote for fewer classes. */
  readonly top5?: Readonly<Record<string, number>>;
}

export interface KnnReport extends Readonly<Record<ComparedName, Accuracy>> {
  /** 95 % intervals of top-1 in percent, by k. */
  readonly intervals: Readonly<Record<ComparedName, Readonly<Record<string, Interval>>>>;
  /** 95 % intervals of how many percent more the trained network tells right, image by image, by k. */
  readonly gains: Readonly<Record<BaselineName, Readonly<Record<string, Interval>>>>;
  /** What always answering the largest class would score, by k, where classes are very unequal. */
  readonly largest?: Readonly<Record<string, LargestClass>>;
  readonly bankImages: number;
  readonly testImages: number;
  /** Images that could not be read. */
  readonly skipped: Extracted['skipped'];
  /** True where the bank was its own test set, each image without itself. */
  readonly leaveOneOut: boolean;
}

export interface KnnReportOptions extends CompareOptions {
  readonly train: Source;
  /** Left out: each image of `train` is looked up among the others. */
  readonly test?: Source;
  readonly ks: readonly number[];
  readonly temperature: number;
  /** Baselines that were measured before, and where they are kept. */
  readonly known?: Known<KnnResult> | undefined;
}

/** Of one that is compared. */
export interface KnnResult {
  readonly accuracy: Accuracy;
  /** By k. */
  readonly intervals: Readonly<Record<string, Interval>>;
  /** For every k 100 for each test image that was told right, 0 for the others. */
  readonly hits: readonly Float64Array[];
}

const FIVE = 5;

/** @throws Error if a source has no classes, or a class of the test set is unknown to the bank */
export async function knnReport(options: KnnReportOptions): Promise<KnnReport> {
  const { ks, temperature, known, engine, onProgress } = options;
  const { train, test, toTrain } = labeledSets(options.train, options.test, learners.knn);
  const most = train.length - (test === undefined ? 1 : 0);
  if (ks.every((k) => k > most)) throw tooFew(train.length, ks);
  const names = comparedNames.filter((name) => known?.get(name) === undefined);
  const sources = test === undefined ? [train] : [train, test];
  const { sets, compared } = await compareFeatures(sources, { ...options, names });
  const leaveOneOut = test === undefined;
  const bankLabels = sets[0]!.labels;
  const queryLabels = sets.at(-1)!.labels.map(toTrain);
  const available = bankLabels.length - (leaveOneOut ? 1 : 0);
  const usable = ks.filter((k) => k <= available);
  if (usable.length === 0) throw tooFew(bankLabels.length, ks);
  const found = new Map<ComparedName, KnnResult>();
  for (const { name, sets: rows } of compared) {
    const watch = (done: number): void => onProgress?.(`neighbors, ${name}`, done, queryLabels.length);
    watch(0);
    const [bank, queries = bank] = rows;
    const results = await knn(
      engine,
      { features: bank!, labels: bankLabels },
      { features: queries!, labels: queryLabels },
      { ks: usable, temperature, classes: train.classes.length, leaveOneOut },
    );
    watch(queryLabels.length);
    const hits = results.map(({ predictions }) =>
      Float64Array.from(predictions, (label, i) => (label === queryLabels[i] ? 100 : 0)),
    );
    const intervals = shareIntervals(hits, 100);
    const byK = <T>(values: readonly T[]): Record<string, T> =>
      Object.fromEntries(values.map((value, i) => [usable[i], value]));
    const fives =
      train.classes.length <= FIVE
        ? []
        : results.flatMap(({ top5 }, i) => (usable[i]! < FIVE ? [] : [[usable[i], top5] as const]));
    const result: KnnResult = {
      accuracy: {
        top1: byK(results.map(({ top1 }) => top1)),
        ...(fives.length === 0 ? {} : { top5: Object.fromEntries(fives) }),
      },
      intervals: byK(intervals),
      hits,
    };
    found.set(name, result);
    known?.keep(name, result);
  }
  const resultOf = (name: ComparedName): KnnResult => found.get(name) ?? known!.get(name)!;
  const pick = <T>(of: (result: KnnResult) => T): Record<ComparedName, T> =>
    recordOf(comparedNames.map((name) => [name, of(resultOf(name))]));
  const hitsOf = new Map(comparedNames.map((name) => [name, resultOf(name).hits]));
  const largest = usable.flatMap((k, i) => {
    const answer = largestClass(queryLabels, train.classes.length, resultOf('trained').hits[i]!);
    return answer === undefined ? [] : [[k, answer] as const];
  });
  return {
    ...pick(({ accuracy }) => accuracy),
    intervals: pick(({ intervals }) => intervals),
    gains: gainsByK(hitsOf, usable),
    ...(largest.length === 0 ? {} : { largest: Object.fromEntries(largest) }),
    skipped: sets.flatMap((set) => set.skipped),
    bankImages: bankLabels.length,
    testImages: queryLabels.length,
    leaveOneOut,
  };
}

/** @param hits of every k, a column for each that is compared */
function gainsByK(
  hits: ReadonlyMap<ComparedName, readonly Float64Array[]>,
  ks: readonly number[],
): KnnReport['gains'] {
  const byK = ks.map((_, i) => {
    const of = (name: ComparedName): Float64Array => hits.get(name)?.[i] ?? new Float64Array();
    return pairedGains(of('trained'), forBaselines(of));
  });
  return forBaselines((name) => Object.fromEntries(ks.map((k, i) => [k, byK[i]![name]])));
}

function tooFew(bank: number, ks: readonly number[]): Error {
  return new Error(
    `The bank has ${counted(bank, 'image')}, fewer than every k of ${ks.join(', ')} needs: give a smaller --k.`,
  );
}
