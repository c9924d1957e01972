/**
 * Copies in a folder. The network and thumbnails propose pairs, the pixels of both images, laid over each other, decide
 * (`confirm-copy.ts`); files of the same pixels need neither. How sure that is, is measured on the folder itself: on pairs of
 * different images, which may not count, and on copies that were made for it, which should.
 */
import { evenly } from '../../data/evenly.ts';
import type { SkippedImage } from '../../data/skipped-images.ts';
import type { Source } from '../../data/source.ts';
import type { Engine } from '../../engine/engine.ts';
import { embedImages } from '../../features/embed-images.ts';
import type { FrozenBackbone } from '../../features/frozen-backbone.ts';
import { checkMemory } from '../../features/memory-limit.ts';
import type { Weights } from '../../features/network-weights.ts';
import type { OnProgress } from '../../features/on-progress.ts';
import { readImages } from '../../features/shown-images.ts';
import { cropAway } from '../../image/attacks.ts';
import type { Image } from '../../image/image.ts';
import { counted } from '../../numbers/counted.ts';
import { Random } from '../../random/random.ts';
import { type FeatureRows, pickRows } from '../../rows/feature-rows.ts';
import { comparePixels, type PixelComparison } from './confirm-copy.ts';
import type { Jpeg } from './copy-attacks.ts';
import { copyCandidates, type RowPair } from './copy-candidates.ts';
import { type Copy, type CopyGroup, connect, copyGroups } from './duplicates.ts';
import { MINIATURE_SIDE, miniature } from './image-planes.ts';

export interface DedupeOptions {
  readonly source: Source;
  readonly backbone: FrozenBackbone;
  readonly weights: Weights;
  readonly engine: Engine;
  /** Least cosine of a copy's feature with that of the image that is kept; any unless given. */
  readonly threshold?: number | undefined;
  /** Least agreement of the pixels, 0 to 1; measured unless given, and never below 0.85 then. */
  readonly agreement?: number | undefined;
  /** Bytes of an image's file, where they are known: of equally large images the one with more is kept. */
  readonly bytes?: ((index: number) => number) | undefined;
  /** Images that must stay, whatever they are copies of. */
  readonly pinned?: ReadonlySet<number> | undefined;
  /** Compresses the copies that are made to measure. */
  readonly jpeg: Jpeg;
  readonly seed?: number;
  readonly onProgress?: OnProgress;
}

/** How sure the decision is, measured on the folder's own images. */
export interface DedupeCheck {
  /** Pairs of images that neither the network nor thumbnails find alike. */
  readonly different: number;
  /** The largest agreement of these pairs; 0 where there are none. */
  readonly nearest: number;
  /** Images that were cut by 5 % and compressed by JPEG 50. */
  readonly altered: number;
  /** So many of these were told to be copies. */
  readonly recognized: number;
}

/** An image of the folder; rows of the groups count these. */
export interface DedupeImage {
  /** Number in the source. */
  readonly index: number;
  readonly width: number;
  readonly height: number;
}

export interface DedupeReport {
  readonly images: readonly DedupeImage[];
  readonly groups: readonly CopyGroup[];
  /** Cosine of the features of two rows. */
  readonly similarity: (a: number, b: number) => number;
  /** Least agreement of a copy. */
  readonly agreement: number;
  readonly check: DedupeCheck;
  readonly skipped: readonly SkippedImage[];
}

/** Below this two photos are no copies of each other, whatever the folder: see docs/evaluation.md for the measurement. */
export const LEAST_AGREEMENT = 0.85;
/** Pairs of different images, and images with an altered copy, that are looked at to measure. */
const DIFFERENT = 2000;
const ALTERED = 200;
const REMOVED = 0.05;
const QUALITY = 50;

interface Seen extends DedupeImage {
  /** Of the decoded pixels. */
  readonly hash: string;
  readonly look: Image;
}

/** Whether a name says that the file is a copy, as systems name them: "a copy.jpg", "a (1).jpg", "Copy of a.jpg". */
export function isNamedCopy(key: string): boolean {
  return /(\bcopy( \d+)?| \(\d+\))\.[^./\\]+$|(^|[/\\])copy of /i.test(key);
}

/** @throws Error if fewer than two images can be read, or a feature is not finite */
export async function dedupeReport(options: DedupeOptions): Promise<DedupeReport> {
  const { source, engine, threshold, bytes = () => 0, pinned = new Set(), seed = 0, onProgress } = options;
  const skipped: SkippedImage[] = [];
  const { images, features } = await readAll(options, skipped);
  if (images.length < 2) {
    throw new Error(
      `${source.name} holds ${images.length === 1 ? 'one image that can be read' : 'no image that can be read'}: duplicates need two.`,
    );
  }
  const pixels = images.map(({ width, height }) => width * height);
  const sizes = images.map(({ index }) => bytes(index));
  const stays = images.map(({ index }) => Number(pinned.has(index)));
  const named = images.map(({ index }) => Number(isNamedCopy(source.key(index))));
  const order = Array.from(images.keys()).sort(
    (a, b) =>
      stays[b]! - stays[a]! ||
      pixels[b]! - pixels[a]! ||
      sizes[b]! - sizes[a]! ||
      named[a]! - named[b]! ||
      a - b,
  );
  // Of the same pixels one is enough to be compared.
  const samePixels = new Map<string, number[]>();
  for (const row of order) {
    const { hash } = images[row]!;
    samePixels.set(hash, [...(samePixels.get(hash) ?? []), row]);
  }
  const single = [...samePixels.values()].flatMap(([first]) => first ?? []).sort((a, b) => a - b);
  const similarity = (a: number, b: number): number => dot(features, a, b);
  const known = new Map<number, PixelComparison>();
  const looked = (a: number, b: number): PixelComparison => {
    const [first, second] = [Math.min(a, b), Math.max(a, b)];
    const key = first * images.length + second;
    const found = known.get(key) ?? comparePixels(images[first]!.look, images[second]!.look);
    known.set(key, found);
    return found;
  };
  const found = await copyCandidates(
    engine,
    pickRows(features, single),
    single.map((row) => images[row]!.look),
  );
  const proposed = found.map(([a, b]): RowPair => [single[a]!, single[b]!]);
  const pairs: RowPair[] = [];
  for (const [done, pair] of proposed.entries()) {
    if (done % 1000 === 0) onProgress?.('pairs', done, proposed.length);
    if (looked(...pair).agreement >= (options.agreement ?? LEAST_AGREEMENT)) pairs.push(pair);
  }
  const different = strangers(proposed, pairs, single, seed).map((pair) => looked(...pair).agreement);
  const nearest = different.reduce((most, value) => Math.max(most, value), 0);
  const agreement = options.agreement ?? Math.max(LEAST_AGREEMENT, (1 + nearest) / 2);
  const compare = (kept: number, other: number): Omit<Copy, 'row'> | undefined => {
    if (stays[other] === 1) return undefined;
    if (threshold !== undefined && similarity(kept, other) < threshold - ROUNDING) return undefined;
    if (images[kept]!.hash === images[other]!.hash) return { exact: true, agreement: 1, mirrored: false };
    const found = looked(kept, other);
    return found.agreement >= agreement ? { exact: false, ...found } : undefined;
  };
  const equal = [...samePixels.values()].flatMap(([first = 0, ...others]) =>
    others.map((row) => [first, row] as const),
  );
  return {
    images: images.map(({ index, width, height }) => ({ index, width, height })),
    groups: copyGroups({ order, pairs: [...equal, ...pairs], compare }),
    similarity,
    agreement,
    check: {
      different: different.length,
      nearest,
      ...(await recognize(options, images, agreement)),
    },
    skipped,
  };
}

/** What float32 may take from a cosine, so that equal rows pass a threshold of 1. */
const ROUNDING = 1e-6;

/** Features, looks and hashes of all images that can be read, in one pass. */
async function readAll(
  { source, backbone, weights, onProgress }: DedupeOptions,
  skipped: SkippedImage[],
): Promise<{ images: Seen[]; features: FeatureRows }> {
  const look = MINIATURE_SIDE * MINIATURE_SIDE * source.channels;
  checkMemory(
    (4 * backbone.dim + look) * source.length,
    `The features of ${counted(source.length, 'image')} of ${source.name}`,
  );
  const values = new Float32Array(source.length * backbone.dim);
  const images: Seen[] = [];
  const seen = new Map<number, Omit<Seen, 'hash'> & { readonly hash: Promise<string> }>();
  const batches = embedImages(source, backbone, weights, {
    normalize: true,
    onSkip: (key, reason) => void skipped.push({ key, reason }),
    onImage: (image, index) => {
      const { width, height } = image;
      seen.set(index, { index, width, height, hash: pixelHash(image), look: miniature(image) });
    },
  });
  for await (const { indices, rows } of batches) {
    values.set(rows.values, images.length * rows.dim);
    for (const index of indices) {
      const image = seen.get(index)!;
      images.push({ ...image, hash: await image.hash });
      seen.delete(index);
    }
    onProgress?.(`features of ${source.name}`, images.length, source.length);
  }
  return {
    images,
    features: { values: values.subarray(0, images.length * backbone.dim), dim: backbone.dim },
  };
}

/** Equal for the same pixels only: SHA-256. */
async function pixelHash({ width, height, data }: Image): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', Uint8Array.from(data));
  return `${width} ${height} ${new Uint8Array(digest).join()}`;
}

/** Pairs of images at random that surely differ: nobody proposed them, and no confirmed pairs connect them. */
function strangers(
  proposed: readonly RowPair[],
  confirmed: readonly RowPair[],
  rows: readonly number[],
  seed: number,
): RowPair[] {
  const known = new Set(proposed.map(([a, b]) => `${a} ${b}`));
  const connected = connect(confirmed);
  const random = new Random(seed, 'different images');
  const drawn: RowPair[] = [];
  const tries = Math.min(2 * DIFFERENT, rows.length * (rows.length - 1));
  for (let i = 0; i < tries && drawn.length < DIFFERENT; i++) {
    const [x, y] = [rows[random.integer(rows.length)]!, rows[random.integer(rows.length)]!];
    const [a, b] = [Math.min(x, y), Math.max(x, y)];
    if (a !== b && !known.has(`${a} ${b}`) && connected.get(a)?.has(b) !== true) drawn.push([a, b]);
  }
  return drawn;
}

/** How many of some images are told to be copies after they were cut and compressed. */
async function recognize(
  { source, jpeg, seed = 0, onProgress }: DedupeOptions,
  images: readonly Seen[],
  least: number,
): Promise<Pick<DedupeCheck, 'altered' | 'recognized'>> {
  const rows = evenly(images.length, ALTERED);
  const looks = new Map(rows.map((row) => [images[row]!.index, images[row]!.look]));
  let [done, recognized] = [0, 0];
  for await (const { index, image } of readImages(source, { indices: [...looks.keys()] })) {
    const copy = await jpeg(cropAway(image, REMOVED, new Random(seed, 'dedupe', index)), QUALITY);
    if (comparePixels(looks.get(index)!, miniature(copy)).agreement >= least) recognized++;
    onProgress?.('changed copies', ++done, rows.length);
  }
  return { altered: rows.length, recognized };
}

/** The cosine of two rows of length 1. */
function dot({ values, dim }: FeatureRows, a: number, b: number): number {
  let sum = 0;
  for (let d = 0; d < dim; d++) sum += values[a * dim + d]! * values[b * dim + d]!;
  return Math.min(1, sum);
}
