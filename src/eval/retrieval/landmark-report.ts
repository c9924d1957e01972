/**
 * Revisited Oxford and Paris (official `eval_image_retrieval.py`): the whole database ranked for each query, mean average
 * precision at three levels of difficulty. Images keep their aspect ratio and are described one by one, as there. The query
 * boxes of the benchmark, which the official script leaves alone, can be used: the box is shrunk as its whole image would be.
 */
import { evenly } from '../../data/evenly.ts';
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
import type { Box, Image } from '../../image/image.ts';
import { resizedCrop, resizeShortSide, thumbnail } from '../../image/resize.ts';
import { counted } from '../../numbers/counted.ts';
import { roundHalfEven } from '../../numbers/round-half-even.ts';
import { bootstrapMeans, type Interval } from '../../rows/bootstrap.ts';
import { pairedGains } from '../../rows/paired-gains.ts';
import { recordOf } from '../../rows/record-of.ts';
import { findImages, type LandmarkTruth } from './landmark-truth.ts';
import {
  type RetrievalLevel,
  rankDatabase,
  retrievalLevels,
  retrievalScores,
  truthAtLevel,
} from './retrieval.ts';
import type { RetrievalExample } from './retrieval-report.ts';

export interface LandmarkScores {
  /** 0 to 1, over the queries that have positives at this level; NaN where none has. */
  readonly map: number;
  /** By k. */
  readonly meanPrecisionAt: Readonly<Record<string, number>>;
  /** 95 %, of `map`, over the queries. */
  readonly interval: Interval;
}

export type LandmarkLevels = Readonly<Record<RetrievalLevel, LandmarkScores>>;

export interface LandmarkReport extends Readonly<Record<ComparedName, LandmarkLevels>> {
  readonly queries: number;
  readonly database: number;
  /** 95 % intervals of how much higher the medium mean average precision of the trained network is, query by query. */
  readonly gains: Readonly<Record<BaselineName, Interval>>;
  /** Images to whiten with that could not be read. */
  readonly skipped: readonly SkippedImage[];
  readonly whitening?: { readonly images: number; readonly dim: number };
  /** Of the trained network, medium; junk is left out of what was found. */
  readonly examples: readonly RetrievalExample[];
}

export interface LandmarkReportOptions extends CompareOptions {
  readonly database: Source;
  readonly queries: Source;
  readonly truth: LandmarkTruth;
  /** Cut out the boxes of the queries. */
  readonly cropQueries?: boolean;
  /** The longer side of an image, pixels; the network's own size unless given (official: 224; 512 for Paris). */
  readonly size?: number;
  readonly multiScale?: boolean;
  readonly whiten?: Source | undefined;
}

const KAPPAS = [1, 5, 10];
/** Pixels that a convolutional network gets at least. */
const LEAST_SIDE = 16;
const EXAMPLES = 10;
const SHOWN = 8;

/** @throws Error if an image of the ground truth is missing or cannot be read, or a box is needed and missing */
export async function landmarkReport(options: LandmarkReportOptions): Promise<LandmarkReport> {
  const { truth, backbone, engine, onProgress, cropQueries = false, size = backbone.size } = options;
  const database = findImages(options.database, truth.imlist);
  const queries = findImages(options.queries, truth.qimlist);
  const boxless = truth.gnd.findIndex(({ bbx }) => bbx === undefined);
  if (cropQueries && boxless >= 0)
    throw new Error(`The query ${truth.qimlist[boxless]} has no box (bbx): leave --crop_queries out.`);
  const skipped: SkippedImage[] = [];
  const describe = (
    source: Source,
    indices: readonly number[] | undefined,
    view: (image: Image, place: number) => Image,
  ): Promise<DescribedImages> =>
    describeImages(
      shownImages(source, (image, _, place) => atLeast(view(image, place), least), {
        ...(indices === undefined
          ? {
              onSkip: (key: string, reason: string) =>
                void skipped.push({ key: pathIn(source, key), reason }),
            }
          : { indices, onSkip: refuse(source) }),
      }),
      {
        weights: comparedWeights(options),
        descriptor:
          options.multiScale === true ? multiScaleDescriptor(backbone) : featureDescriptor(backbone),
        count: indices?.length ?? source.length,
        channels: source.channels,
        name: `${counted(indices?.length ?? source.length, 'image')} of ${source.name}`,
        skipped,
        statistics: backbone.preprocessing.statistics,
        batch: 1,
        onProgress: (done) =>
          onProgress?.(`features of ${source.name}`, done, indices?.length ?? source.length),
      },
    );
  const patch = backbone.config.kind === 'vit' ? backbone.config.patchSize : LEAST_SIDE;
  const least = options.multiScale === true ? 2 * patch : patch;
  const whole = (image: Image): Image => thumbnail(image, size);
  const sets = [
    await describe(options.database, database, whole),
    await describe(options.queries, queries, (image, place) => {
      const box = truth.gnd[place]?.bbx;
      return box === undefined || !cropQueries ? whole(image) : queryBox(image, box, size);
    }),
  ];
  const whitening =
    options.whiten === undefined ? undefined : await describe(options.whiten, undefined, whole);
  const pca = await pixelComponents(engine, sets[0]!);
  const compared = await compareDescribed(engine, sets, { whitening, pca });
  const scored: [ComparedName, LandmarkLevels][] = [];
  const medium = new Map<string, Float64Array>();
  let examples: RetrievalExample[] = [];
  for (const { name, sets: rows } of compared) {
    const ranking = await rankDatabase(engine, rows[0]!, rows[1]!);
    const results = retrievalLevels.map((level) =>
      retrievalScores(
        ranking.ranks,
        truth.gnd.map((each) => truthAtLevel(each, level)),
        KAPPAS,
      ),
    );
    medium.set(name, results[1]!.averagePrecision);
    const intervals = bootstrapMeans(results.map(({ averagePrecision }) => averagePrecision));
    scored.push([
      name,
      recordOf(
        retrievalLevels.map((level, i) => {
          const { map, meanPrecisionAt } = results[i]!;
          const precisions = KAPPAS.map((k, at) => [k, meanPrecisionAt[at]!]);
          return [
            level,
            { map, meanPrecisionAt: Object.fromEntries(precisions), interval: intervals[i]! },
          ] as const;
        }),
      ),
    ]);
    if (name !== 'trained') continue;
    examples = evenly(queries.length, EXAMPLES).map((query) => {
      const { easy, hard, junk } = truth.gnd[query]!;
      const [right, passed] = [new Set([...easy, ...hard]), new Set(junk)];
      const at = query * ranking.database;
      const ranks = ranking.ranks.subarray(at, at + ranking.database).filter((row) => !passed.has(row));
      return {
        query: queries[query]!,
        averagePrecision: results[1]!.averagePrecision[query]!,
        found: Array.from(ranks.subarray(0, SHOWN), (row) => ({
          image: database[row]!,
          similarity: ranking.similarities[at + row]!,
          right: right.has(row),
        })),
      };
    });
  }
  return {
    ...recordOf(scored),
    gains: pairedGains(
      medium.get('trained')!,
      forBaselines((name) => medium.get(name)!),
    ),
    queries: queries.length,
    database: database.length,
    skipped,
    ...(whitening === undefined
      ? {}
      : { whitening: { images: whitening.indices.length, dim: whiteningDim(whitening) } }),
    examples,
  };
}

/**
 * The box of a query, shrunk by what its whole image would be shrunk by (as the benchmark's own code does it); edges are
 * rounded to whole pixels as PIL's crop does, and kept inside the image.
 *
 * @param box left, top, right, lower edge
 * @param size the longer side of the whole image, pixels
 */
export function queryBox(image: Image, box: readonly number[], size: number): Image {
  const [left = 0, top = 0, right = 0, bottom = 0] = box.map(roundHalfEven);
  const inside: Box = {
    left: Math.max(0, left),
    top: Math.max(0, top),
    width: Math.min(image.width, right) - Math.max(0, left),
    height: Math.min(image.height, bottom) - Math.max(0, top),
  };
  if (inside.width < 1 || inside.height < 1)
    throw new Error(
      `The box ${box.join(', ')} holds no pixel of an image of ${image.width} x ${image.height}: give left, top, right and lower edge.`,
    );
  const part = resizedCrop(image, inside, inside.height, inside.width, 'bilinear');
  const share = Math.max(part.width, part.height) / Math.max(image.width, image.height);
  return thumbnail(part, Math.max(1, Math.round(size * share)));
}

/** A sliver of an image is enlarged until it has a patch. */
function atLeast(image: Image, side: number): Image {
  return Math.min(image.width, image.height) >= side ? image : resizeShortSide(image, side, 'bicubic');
}

/** A ranking without one of its images would be scored wrongly. */
function refuse(source: Source): (key: string, reason: string) => void {
  return (key, reason) => {
    throw new Error(`The ground truth needs all images, and ${pathIn(source, key)} ${reason}`);
  };
}
