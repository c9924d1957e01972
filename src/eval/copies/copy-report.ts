/**
 * Copy detection (official `eval_copy_detection.py`): altered images look for their originals among distractors. Images are
 * squashed to squares larger than those of training, described by class token and generalized mean of the patch tokens, and
 * whitened with what other images teach. On anyone's images the alterations are made here.
 */
import { evenly } from '../../data/evenly.ts';
import { pathIn, type SkippedImage } from '../../data/skipped-images.ts';
import type { Source } from '../../data/source.ts';
import {
  type ComparedName,
  type CompareOptions,
  compareDescribed,
  comparedWeights,
  whiteningDim,
} from '../../features/baselines.ts';
import { type DescribedImages, describeImages } from '../../features/describe-images.ts';
import { copyDescriptor } from '../../features/descriptors.ts';
import { type NumberedImage, readImages, shown } from '../../features/shown-images.ts';
import { resize } from '../../image/resize.ts';
import { counted } from '../../numbers/counted.ts';
import { bootstrap, type Interval, UNKNOWN } from '../../rows/bootstrap.ts';
import { stackRows } from '../../rows/feature-rows.ts';
import type { Neighbors } from '../../rows/nearest-neighbors.ts';
import { pairedGains } from '../../rows/paired-gains.ts';
import { recordOf } from '../../rows/record-of.ts';
import { copyAveragePrecision, rankCopies } from './copies.ts';
import { type Attack, attackedImages } from './copy-attacks.ts';
import { attackBlocks, queryBlocks } from './copy-blocks.ts';

export type CopyCompared = Exclude<ComparedName, 'pca'>;

export interface CopyScores {
  /** Mean average precision over all queries, 0 to 1. */
  readonly map: number;
  /** Of each block. */
  readonly blocks: Readonly<Record<string, number>>;
  /** 95 % of `map`, drawn over the originals: copies of one image stand and fall together. */
  readonly interval: Interval;
  readonly blockIntervals: Readonly<Record<string, Interval>>;
}

/** A query of an original, and the place (from 1) at which the trained network finds it; undefined beyond the 20th. */
export interface FoundCopy {
  /** Number of the query; with attacks, original * attacks + attack. */
  readonly query: number;
  readonly block: string;
  readonly place: number | undefined;
}

export interface CopyReport extends Readonly<Record<CopyCompared, CopyScores>> {
  /** 95 % intervals of how much higher the trained network's mean average precision is; drawn over the originals. */
  readonly gains: Readonly<Record<Exclude<CopyCompared, 'trained'>, Interval>>;
  readonly blocks: readonly { readonly name: string; readonly queries: number }[];
  readonly originals: number;
  readonly distractors: number;
  readonly whitening?: { readonly images: number; readonly dim: number };
  /** Of some originals all queries. */
  readonly examples: readonly { readonly original: number; readonly copies: readonly FoundCopy[] }[];
  readonly skipped: readonly SkippedImage[];
}

export interface CopyReportOptions extends CompareOptions {
  readonly originals: Source;
  /** Altered images in folders, or attacks to make them of some originals. */
  readonly queries:
    | Source
    | { readonly attacks: readonly Attack[]; readonly images: readonly number[]; readonly seed: number };
  readonly distractors?: Source | undefined;
  /** Images to learn whitening from; none is whitened without. */
  readonly whiten?: Source | undefined;
  /** Side of the squares, pixels. */
  readonly size: number;
}

const EXAMPLES = 3;
/** Tokens of a batch at most: attention takes memory by their square. */
const TOKENS = 4096;

/** The official 320 pixels for a network of 224, as much larger for others; whole patches. */
export function copySize(size: number, patchSize = 1): number {
  return Math.max(1, Math.round((size * 320) / 224 / patchSize)) * patchSize;
}

/** @throws Error if there is nothing to tell the originals from, or a block fits no originals */
export async function copyReport(options: CopyReportOptions): Promise<CopyReport> {
  const { originals, queries, distractors, engine, onProgress } = options;
  const database = originals.length + (distractors?.length ?? 0);
  if (database < 2) {
    throw new Error(
      `${originals.name} holds one image only, which every copy would find: give more originals or --distractors.`,
    );
  }
  const asked = 'attacks' in queries ? attackBlocks(queries.attacks) : queryBlocks(queries, originals);
  const skipped: SkippedImage[] = [];
  const describe = describer(options, skipped);
  const read = (source: Source) =>
    readImages(source, { onSkip: (key, reason) => void skipped.push({ key: pathIn(source, key), reason }) });
  const first = await describe('originals', originals.length, read(originals));
  const second = distractors && (await describe('distractors', distractors.length, read(distractors)));
  const altered =
    'attacks' in queries
      ? await describe(
          'copies',
          queries.images.length * queries.attacks.length,
          attackedImages(readImages(originals, { indices: queries.images }), queries.attacks, queries.seed),
        )
      : await describe('queries', queries.length, read(queries));
  const learned =
    options.whiten && (await describe('whitening', options.whiten.length, read(options.whiten)));
  const rowOf = new Map(Array.from(first.indices, (index, row) => [index, row]));
  const blockOf = altered.indices.map((index) => asked.blockOf(index));
  const positives = Array.from(altered.indices, (index) =>
    asked.positives(index).flatMap((original) => rowOf.get(original) ?? []),
  );
  const scored: [CopyCompared, CopyScores][] = [];
  const all = new Map<string, Float64Array>();
  let found: Neighbors | undefined;
  const sets = second === undefined ? [first, altered] : [first, second, altered];
  for (const { name, sets: rows } of await compareDescribed(engine, sets, { whitening: learned })) {
    onProgress?.(`copies, ${name}`, 0, altered.indices.length);
    const ranked = await rankCopies(engine, stackRows(rows.slice(0, -1)), rows.at(-1)!);
    onProgress?.(`copies, ${name}`, altered.indices.length, altered.indices.length);
    if (name === 'trained') found = ranked;
    const precisions = copyAveragePrecision(ranked, positives);
    all.set(name, precisions);
    scored.push([name as CopyCompared, scoreBlocks(precisions, positives, blockOf, asked.names)]);
  }
  return {
    ...recordOf(scored),
    gains: pairedGains(
      all.get('trained')!,
      { untrained: all.get('untrained')!, pixels: all.get('pixels')! },
      positives.map(([original = -1]) => original),
    ),
    blocks: asked.names.map((name, block) => ({
      name,
      queries: blockOf.filter((each) => each === block).length,
    })),
    originals: first.indices.length,
    distractors: second?.indices.length ?? 0,
    ...(learned === undefined
      ? {}
      : { whitening: { images: learned.indices.length, dim: whiteningDim(learned) } }),
    examples: examplesOf(found!, altered, positives, first, (row) => asked.names[blockOf[row]!] ?? ''),
    skipped,
  };
}

type Describe = (
  what: string,
  total: number,
  images: AsyncIterable<NumberedImage>,
) => Promise<DescribedImages>;

function describer(options: CopyReportOptions, skipped: readonly SkippedImage[]): Describe {
  const { backbone, size, onProgress } = options;
  const { config } = backbone;
  const tokens = config.kind === 'vit' ? (size / config.patchSize) ** 2 : 1;
  return (what, total, images) =>
    describeImages(
      shown(images, (image) => resize(image, size, size, 'bicubic')),
      {
        weights: comparedWeights(options),
        descriptor: copyDescriptor(backbone),
        count: total,
        channels: config.channels,
        name: `${counted(total, 'image')} (${what})`,
        skipped,
        statistics: backbone.preprocessing.statistics,
        batch: Math.min(32, Math.max(1, Math.floor(TOKENS / tokens))),
        onProgress: (done) => onProgress?.(`descriptors of ${what}`, done, total),
      },
    );
}

/** Means over all queries and over each block, NaN where none has an original. */
function scoreBlocks(
  precisions: Float64Array,
  positives: readonly (readonly number[])[],
  blockOf: Int32Array,
  names: readonly string[],
): CopyScores {
  const owners = new Map<number, { sums: Float64Array; counts: Float64Array }>();
  for (const [row, precision] of precisions.entries()) {
    const [owner] = positives[row] ?? [];
    if (owner === undefined) continue;
    const own = owners.get(owner) ?? {
      sums: new Float64Array(names.length + 1),
      counts: new Float64Array(names.length + 1),
    };
    owners.set(owner, own);
    for (const column of [0, 1 + blockOf[row]!]) {
      own.sums[column]! += precision;
      own.counts[column]!++;
    }
  }
  const all = [...owners.values()];
  const means = (rows: ArrayLike<number>): number[] => {
    const sums = new Float64Array(names.length + 1);
    const counts = new Float64Array(names.length + 1);
    for (let i = 0; i < rows.length; i++) {
      const { sums: s, counts: c } = all[rows[i]!]!;
      for (let column = 0; column < sums.length; column++) {
        sums[column]! += s[column]!;
        counts[column]! += c[column]!;
      }
    }
    return Array.from(sums, (sum, column) => sum / counts[column]!);
  };
  const [map = Number.NaN, ...blocks] = means(all.map((_, i) => i));
  const [interval, ...blockIntervals] = bootstrap(all.length, means);
  return {
    map,
    blocks: Object.fromEntries(names.map((name, i) => [name, blocks[i]!])),
    interval: interval ?? UNKNOWN,
    blockIntervals: Object.fromEntries(names.map((name, i) => [name, blockIntervals[i] ?? UNKNOWN])),
  };
}

function examplesOf(
  { k, rows }: Neighbors,
  altered: DescribedImages,
  positives: readonly (readonly number[])[],
  originals: DescribedImages,
  block: (row: number) => string,
): CopyReport['examples'] {
  const queries = new Map<number, FoundCopy[]>();
  for (const [row, wanted] of positives.entries()) {
    const [original] = wanted;
    if (original === undefined) continue;
    const place = rows.subarray(row * k, (row + 1) * k).findIndex((each) => wanted.includes(each));
    const copy = {
      query: altered.indices[row]!,
      block: block(row),
      place: place < 0 ? undefined : place + 1,
    };
    const list = queries.get(original);
    if (list === undefined) queries.set(original, [copy]);
    else list.push(copy);
  }
  const all = [...queries];
  return evenly(all.length, EXAMPLES).map((i) => {
    const [row, copies] = all[i]!;
    return { original: originals.indices[row]!, copies };
  });
}
