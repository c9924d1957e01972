/** The k-NN evaluation of a trained network beside what it must beat, with bootstrap intervals. */
import { labeledSets, learners } from '../../data/labels.ts';
import type { Source } from '../../data/source.ts';
import {
  type BaselineName,
  type ComparedName,
  type CompareOptions,
  compareFeatures,
  forBaselines,
} from '../../features/baselines.ts';
import type { Extracted } from '../../features/extract.ts';
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
}

const FIVE = 5;

/** @throws Error if a source has no classes, or a class of the test set is unknown to the bank */
export async function knnReport(options: KnnReportOptions): Promise<KnnReport> {
  const { ks, temperature, engine, onProgress } = options;
  const { train, test, toTrain } = labeledSets(options.train, options.test, learners.knn);
  const most = train.length - (test === undefined ? 1 : 0);
  if (ks.every((k) => k > most)) throw tooFew(train.length, ks);
  const { sets, compared } = await compareFeatures(test === undefined ? [train] : [train, test], options);
  const leaveOneOut = test === undefined;
  const bankLabels = sets[0]!.labels;
  const queryLabels = sets.at(-1)!.labels.map(toTrain);
  const available = bankLabels.length - (leaveOneOut ? 1 : 0);
  const usable = ks.filter((k) => k <= available);
  if (usable.length === 0) throw tooFew(bankLabels.length, ks);
  const hitsOf = new Map<ComparedName, Float64Array[]>();
  const scored: [ComparedName, { accuracy: Accuracy; intervals: Record<string, Interval> }][] = [];
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
    hitsOf.set(name, hits);
    const intervals = shareIntervals(hits, 100);
    const byK = <T>(values: readonly T[]): Record<string, T> =>
      Object.fromEntries(values.map((value, i) => [usable[i], value]));
    const fives =
      train.classes.length <= FIVE
        ? []
        : results.flatMap(({ top5 }, i) => (usable[i]! < FIVE ? [] : [[usable[i], top5] as const]));
    scored.push([
      name,
      {
        accuracy: {
          top1: byK(results.map(({ top1 }) => top1)),
          ...(fives.length === 0 ? {} : { top5: Object.fromEntries(fives) }),
        },
        intervals: byK(intervals),
      },
    ]);
  }
  const all = new Map(scored);
  const pick = <T>(
    of: (result: { accuracy: Accuracy; intervals: Record<string, Interval> }) => T,
  ): Record<ComparedName, T> => recordOf([...all].map(([name, result]) => [name, of(result)]));
  const largest = usable.flatMap((k, i) => {
    const found = largestClass(queryLabels, train.classes.length, hitsOf.get('trained')![i]!);
    return found === undefined ? [] : [[k, found] as const];
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
