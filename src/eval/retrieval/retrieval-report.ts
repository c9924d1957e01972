/** Retrieval in anyone's folder, the trained network beside what it must beat, with bootstrap intervals over the queries. */
import { evenly } from '../../data/evenly.ts';
import { type Grouping, imageGroups } from '../../data/image-groups.ts';
import { pathIn, type SkippedImage } from '../../data/skipped-images.ts';
import type { Source } from '../../data/source.ts';
import {
  type BaselineName,
  type ComparedName,
  type CompareOptions,
  compareDescribed,
  comparedWeights,
  forBaselines,
  pixelComponents,
  whiteningDim,
} from '../../features/baselines.ts';
import { type DescribedImages, describeImages } from '../../features/describe-images.ts';
import { featureDescriptor, multiScaleDescriptor } from '../../features/descriptors.ts';
import { shownImages } from '../../features/shown-images.ts';
import type { Image } from '../../image/image.ts';
import { inputView } from '../../image/preprocessing.ts';
import { counted } from '../../numbers/counted.ts';
import { bootstrapMeans, type Interval, shareIntervals } from '../../rows/bootstrap.ts';
import { countEach } from '../../rows/count-each.ts';
import { type FeatureRows, l2NormalizedRows, pickRows } from '../../rows/feature-rows.ts';
import type { LabeledFeatures } from '../../rows/labeled-features.ts';
import { nearestNeighbors } from '../../rows/nearest-neighbors.ts';
import { pairedGains } from '../../rows/paired-gains.ts';
import { recordOf } from '../../rows/record-of.ts';
import {
  type FolderRetrieval,
  folderRetrieval,
  type LabelRetrieval,
  labelRetrieval,
  RECALL_KS,
} from './label-retrieval.ts';
import { areGroupsOfFour, chanceNsScore, retrievalChance } from './retrieval-chance.ts';

export interface Retrieved {
  /** Mean average precision, 0 to 1. */
  readonly map: number;
  /** Share of queries with an image of their group among the k nearest, by k. */
  readonly recallAt: Readonly<Record<string, number>>;
  /** Mean number of images of the group among the 4 nearest, itself included; only where each of four images asks the others. */
  readonly nsScore?: number;
  /** 95 % intervals: `map`, `recall@k` and `nsScore`. */
  readonly intervals: Readonly<Record<string, Interval>>;
}

/** A query and what was found for it: image numbers of the sources. */
export interface RetrievalExample {
  readonly query: number;
  readonly averagePrecision: number;
  readonly found: readonly { readonly image: number; readonly similarity: number; readonly right: boolean }[];
}

export interface RetrievalReport extends Readonly<Record<ComparedName, Retrieved>> {
  /** What a random ranking scores: expected values. */
  readonly chance: Omit<Retrieved, 'intervals'>;
  /** 95 % intervals of how much higher the mean average precision of the trained network is, query by query. */
  readonly gains: Readonly<Record<BaselineName, Interval>>;
  /** The k of recall at k that were left out, since even a random ranking finds an image among so many. */
  readonly certain: readonly number[];
  readonly queries: number;
  readonly database: number;
  /** Queries that have an image of their group to find; the others count nowhere. */
  readonly queriesWithPositives: number;
  readonly whitening?: { readonly images: number; readonly dim: number };
  /** Of the trained network: queries spread evenly over all. */
  readonly examples: readonly RetrievalExample[];
  readonly skipped: readonly SkippedImage[];
}

export interface RetrievalReportOptions extends CompareOptions {
  readonly images: Source;
  /** The queries; left out: each image is looked up among the others. */
  readonly test?: Source | undefined;
  readonly grouping: Grouping;
  readonly ks?: readonly number[];
  /** Side of the square views, pixels; the network's own unless given. */
  readonly size?: number;
  /** Features of scales 1, 1/sqrt 2 and 1/2 together. */
  readonly multiScale?: boolean;
  /** Images to learn whitening from. */
  readonly whiten?: Source | undefined;
}

const EXAMPLES = 10;
const SHOWN = 8;

/** @throws Error if it is not known which images belong together, or no image has another to find */
export async function retrievalReport(options: RetrievalReportOptions): Promise<RetrievalReport> {
  const { images, test, grouping, ks: asked = RECALL_KS, backbone, engine, onProgress } = options;
  const sources = test === undefined ? [images] : [images, test];
  const groups = imageGroups(sources, grouping);
  requirePositives(sources, groups);
  const skipped: SkippedImage[] = [];
  const { size = backbone.size } = options;
  const view = (image: Image): Image => inputView(image, { ...backbone.preprocessing, size });
  const describe = (source: Source): Promise<DescribedImages> => {
    const onSkip = (key: string, reason: string): void =>
      void skipped.push({ key: pathIn(source, key), reason });
    return describeImages(shownImages(source, view, { onSkip }), {
      weights: comparedWeights(options),
      descriptor: options.multiScale === true ? multiScaleDescriptor(backbone) : featureDescriptor(backbone),
      count: source.length,
      channels: source.channels,
      name: `${counted(source.length, 'image')} of ${source.name}`,
      skipped,
      statistics: backbone.preprocessing.statistics,
      ...(options.multiScale === true ? { batch: 1 } : {}),
      onProgress: (done) => onProgress?.(`features of ${source.name}`, done, source.length),
    });
  };
  const sets: DescribedImages[] = [];
  for (const source of sources) sets.push(await describe(source));
  const whitening = options.whiten === undefined ? undefined : await describe(options.whiten);
  const labels = sets.map(({ indices }, i) => indices.map((index) => groups[i]![index]!));
  const pca = await pixelComponents(engine, sets[0]!);
  const compared = await compareDescribed(engine, sets, { whitening, pca });
  const leaveOneOut = test === undefined;
  const all = retrievalChance(labels[0]!, labels.at(-1)!, { ks: asked, leaveOneOut });
  const certain = asked.filter((k) => all.recallAt[k] === 1);
  const ks = asked.filter((k) => !certain.includes(k));
  const withNs = leaveOneOut && areGroupsOfFour(labels[0]!);
  const results = new Map<ComparedName, LabelRetrieval | FolderRetrieval>();
  for (const { name, sets: rows } of compared) {
    const watch = (done: number): void => onProgress?.(`retrieval, ${name}`, done, labels.at(-1)!.length);
    const labeled = (set: number): LabeledFeatures => ({ features: rows[set]!, labels: labels[set]! });
    watch(0);
    results.set(
      name,
      leaveOneOut
        ? await folderRetrieval(engine, labeled(0), { ks })
        : await labelRetrieval(engine, labeled(0), labeled(1), { ks }),
    );
    watch(labels.at(-1)!.length);
  }
  const precisionsOf = (name: ComparedName): Float64Array => results.get(name)!.averagePrecision;
  const precisions = precisionsOf('trained');
  const scored = [...results].map(([name, result]) => [name, summary(result, withNs)] as const);
  return {
    ...recordOf(scored),
    chance: {
      map: all.map,
      recallAt: Object.fromEntries(ks.map((k) => [k, all.recallAt[k]!])),
      ...(withNs ? { nsScore: chanceNsScore(labels[0]!.length) } : {}),
    },
    gains: pairedGains(precisions, forBaselines(precisionsOf)),
    certain,
    queries: precisions.length,
    database: labels[0]!.length - (test === undefined ? 1 : 0),
    queriesWithPositives: results.get('trained')!.queriesWithPositives,
    ...(whitening === undefined
      ? {}
      : { whitening: { images: whitening.indices.length, dim: whiteningDim(whitening) } }),
    examples: await examples(options, sets, labels, compared[0]!.sets, precisions),
    skipped,
  };
}

function summary(result: LabelRetrieval | FolderRetrieval, withNs: boolean): Retrieved {
  const { map, recallAt, averagePrecision, firstPlace } = result;
  const hits = recallAt.map(({ k }) =>
    firstPlace.map((place) => (Number.isFinite(place) ? Number(place < k) : Number.NaN)),
  );
  const near = withNs && 'nearCounts' in result ? [result.nearCounts] : [];
  const names = ['map', ...recallAt.map(({ k }) => `recall@${k}`), ...near.map(() => 'nsScore')];
  const intervals = [
    ...bootstrapMeans([averagePrecision]),
    ...shareIntervals(hits, 1),
    ...bootstrapMeans(near),
  ];
  return {
    map,
    recallAt: Object.fromEntries(recallAt.map(({ k, recall }) => [k, recall])),
    ...(withNs && 'nsScore' in result ? { nsScore: result.nsScore } : {}),
    intervals: Object.fromEntries(names.map((name, i) => [name, intervals[i]!])),
  };
}

/** Without this a folder with one image a class would score NaN. */
function requirePositives(sources: readonly Source[], groups: readonly Int32Array[]): void {
  const counts = countEach(groups[0]!);
  const own = groups.length === 1 ? 1 : 0;
  if (groups.at(-1)!.some((group) => (counts.get(group) ?? 0) > own)) return;
  throw new Error(
    own === 1
      ? `No image of ${sources[0]!.name} has another one of its group: retrieval needs at least two images of one.`
      : `No image of ${sources[1]!.name} has one of its group in ${sources[0]!.name}: give queries of things that are there.`,
  );
}

async function examples(
  { engine, test }: RetrievalReportOptions,
  sets: readonly DescribedImages[],
  labels: readonly Int32Array[],
  features: readonly FeatureRows[],
  precisions: Float64Array,
): Promise<RetrievalExample[]> {
  const asked = Array.from(precisions.keys()).filter((row) => !Number.isNaN(precisions[row]!));
  const rows = evenly(asked.length, EXAMPLES).map((i) => asked[i]!);
  const [bank, queries = bank] = features.map(l2NormalizedRows);
  const k = Math.min(SHOWN + 1, bank!.values.length / bank!.dim);
  const near = await nearestNeighbors(engine, bank!, pickRows(queries!, rows), { k });
  const queryLabels = labels.at(-1)!;
  return rows.map((row, i) => {
    const places = Array.from({ length: k }, (_, place) => i * k + place)
      .filter((at) => test !== undefined || near.rows[at] !== row)
      .slice(0, SHOWN);
    return {
      query: sets.at(-1)!.indices[row]!,
      averagePrecision: precisions[row]!,
      found: places.map((at) => ({
        image: sets[0]!.indices[near.rows[at]!]!,
        similarity: near.similarities[at]!,
        right: labels[0]![near.rows[at]!] === queryLabels[row],
      })),
    };
  });
}
