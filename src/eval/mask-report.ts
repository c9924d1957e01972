/**
 * How well attention covers objects (section 4.2.2 of the paper): of each head the mask that holds a share of the attention,
 * for each object the best head's Jaccard index, the mean over objects; beside it the mask of the mean head, which needs no
 * choice, and CorLoc of the box around its largest part. Compared at the size the network sees.
 *
 * Beside the network stand what it must beat: itself untrained, a centered box of half the area, and the whole image.
 */

import type { Image } from '../image/image.ts';
import type { Mask } from '../image/mask.ts';
import { type Attended, attend } from './attend.ts';
import { enlargeMask, maskLikeView, type PatchView } from './attention-maps.ts';
import { jaccard, jaccardTable, objectScores } from './attention-masks.ts';
import { bootstrap, type Interval } from './bootstrap.ts';
import type { FrozenBackbone, Weights } from './frozen-backbone.ts';
import { boundingBox, isLocalized } from './localization.ts';
import { objectsOf, onlyLabel } from './object-labels.ts';
import { type SkippedImage, unfitReason } from './skipped-images.ts';

export type MaskContender = 'trained' | 'untrained' | 'box' | 'image';

export const maskContenderTitles: Readonly<Record<MaskContender, string>> = {
  trained: 'trained network',
  untrained: 'the same, untrained',
  box: 'a centered box of half the area',
  image: 'the whole image',
};

/** Scores of one image under one contender. */
export interface ImageMaskScores {
  /** Best head's Jaccard index of each object. */
  readonly best: readonly number[];
  readonly bestHeads: readonly number[];
  /** The mean head's, of each object. */
  readonly meanHead: readonly number[];
  /** Whether the box around the mean head's mask matches an object's. */
  readonly isLocalized: boolean;
}

export interface MaskedImage {
  readonly name: string;
  readonly image: Image;
  /** Labels, of the image's shape; see `objectsOf`. */
  readonly mask: Mask;
}

/** Images with masks, by number. */
export interface MaskedImages {
  readonly length: number;
  /** @returns undefined for an image that is to be left out */
  read(index: number): Promise<MaskedImage | undefined>;
}

export interface MaskSummary {
  /** Mean over objects of the best head's Jaccard index: the paper's score. */
  readonly bestHead: number;
  /** Mean over objects of the mean head's. */
  readonly meanHead: number;
  /** Share of images whose box matches. */
  readonly corLoc: number;
}

export interface MaskReport {
  readonly scores: Readonly<Record<MaskContender, MaskSummary>>;
  readonly intervals: Readonly<Record<MaskContender, Readonly<Record<keyof MaskSummary, Interval>>>>;
  readonly images: readonly {
    readonly index: number;
    readonly name: string;
    readonly scores: Readonly<Record<MaskContender, ImageMaskScores>>;
  }[];
  readonly objects: number;
  /** Objects of these images that have no pixel at this size and were not compared. */
  readonly lost: number;
  /** Names of images whose mask holds no object, or none that has a pixel at this size. */
  readonly empty: readonly string[];
  /** Images whose shape the network cannot be shown at this size. */
  readonly unfit: readonly SkippedImage[];
}

export interface MaskReportOptions {
  readonly images: MaskedImages;
  readonly backbone: FrozenBackbone;
  readonly trained: Weights;
  readonly untrained: Weights;
  /** [short side], or [height, width]. */
  readonly size: readonly number[];
  readonly share: number;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

const contenders = Object.keys(maskContenderTitles) as MaskContender[];

/** The objects of a mask as the network sees the image, those without a pixel left out, and what belongs to nobody. */
export function objectsInView(
  mask: Mask,
  view: Pick<PatchView, 'grid' | 'resized'>,
): { readonly objects: readonly Mask[]; readonly ignored: Mask | undefined } {
  const { labels, voidLabel } = objectsOf(mask);
  const seen = maskLikeView(mask, view);
  return {
    objects: labels.filter((label) => seen.data.includes(label)).map((label) => onlyLabel(seen, label)),
    ignored: voidLabel === undefined ? undefined : onlyLabel(seen, voidLabel),
  };
}

/**
 * @throws Error for a network without attention, and when no image has an object
 */
export async function maskReport(options: MaskReportOptions): Promise<MaskReport> {
  const { images, backbone, trained, untrained, size, share, onProgress } = options;
  backbone.requireAttention('attention masks');
  const rows: MaskReport['images'][number][] = [];
  const empty: string[] = [];
  const unfit: SkippedImage[] = [];
  let lost = 0;
  for (let index = 0; index < images.length; index++) {
    const given = await images.read(index);
    onProgress?.('attention masks', index + 1, images.length);
    if (given === undefined) continue;
    const { name, image, mask } = given;
    const now = await attend(backbone, trained, image, { size, share }).catch((error: unknown) => {
      if (!(error instanceof RangeError)) throw error;
      unfit.push({ key: name, reason: unfitReason(error) });
    });
    if (now === undefined) continue;
    const { objects, ignored } = objectsInView(mask, now.view);
    if (objects.length === 0) {
      empty.push(name);
      continue;
    }
    lost += objectsOf(mask).labels.length - objects.length;
    const then = await attend(backbone, untrained, image, { size, share });
    const [height, width] = [now.view.image.height, now.view.image.width];
    rows.push({
      index,
      name,
      scores: {
        trained: attentionScores(now, objects, ignored),
        untrained: attentionScores(then, objects, ignored),
        box: fixedScores(centeredBox(height, width), objects, ignored),
        image: fixedScores({ height, width, data: new Uint8Array(height * width).fill(1) }, objects, ignored),
      },
    });
  }
  if (rows.length === 0) {
    const [first] = unfit;
    if (first !== undefined) throw new Error(`${first.key} ${first.reason}`);
    throw new Error(
      `None of the ${images.length} images has a mask with an object: mark objects with any value but 0.`,
    );
  }
  const summaries = contenders.map(
    (contender) => (drawn: ArrayLike<number>) => summary(rows, contender, drawn),
  );
  const every = Uint32Array.from(rows.keys());
  const flat = (drawn: ArrayLike<number>): number[] =>
    summaries.flatMap((of) => {
      const { bestHead, meanHead, corLoc } = of(drawn);
      return [bestHead, meanHead, corLoc];
    });
  const intervals = bootstrap(rows.length, flat);
  const nothing = { low: Number.NaN, high: Number.NaN };
  const record = <T>(of: (contender: MaskContender, at: number) => T): Record<MaskContender, T> =>
    Object.fromEntries(contenders.map((each, i) => [each, of(each, i)])) as Record<MaskContender, T>;
  return {
    scores: record((contender) => summary(rows, contender, every)),
    intervals: record((_, at) => ({
      bestHead: intervals[3 * at] ?? nothing,
      meanHead: intervals[3 * at + 1] ?? nothing,
      corLoc: intervals[3 * at + 2] ?? nothing,
    })),
    images: rows,
    objects: rows.reduce((sum, { scores }) => sum + scores.trained.best.length, 0),
    lost,
    empty,
    unfit,
  };
}

function attentionScores(
  { view: { grid }, masks, meanMask, heads }: Attended,
  objects: readonly Mask[],
  ignored: Mask | undefined,
): ImageMaskScores {
  const { best, bestHeads } = objectScores(jaccardTable(masks, heads, grid, objects, ignored), heads);
  const mean = jaccardTable(meanMask, 1, grid, objects, ignored);
  return {
    best: [...best],
    bestHeads: [...bestHeads],
    meanHead: [...mean],
    isLocalized: isLocalized({ mask: enlargeMask(meanMask, grid), boxes: boxesOf(objects) }),
  };
}

/** A mask that is the same for every image has one "head". */
function fixedScores(mask: Mask, objects: readonly Mask[], ignored: Mask | undefined): ImageMaskScores {
  const seen =
    ignored === undefined
      ? mask
      : { ...mask, data: mask.data.map((x, i) => (ignored.data[i] === 0 ? x : 0)) };
  const scores = objects.map((object) => jaccard(seen, object));
  return {
    best: scores,
    bestHeads: scores.map(() => 0),
    meanHead: scores,
    isLocalized: isLocalized({ mask, boxes: boxesOf(objects) }),
  };
}

function boxesOf(objects: readonly Mask[]) {
  return objects.flatMap((object) => boundingBox(object) ?? []);
}

/** Sides are 1 / sqrt 2 of the image's. */
export function centeredBox(height: number, width: number): Mask {
  const inside = (at: number, side: number): boolean =>
    Math.abs(at + 0.5 - side / 2) < (side * Math.SQRT1_2) / 2;
  const data = Uint8Array.from({ length: height * width }, (_, i) =>
    inside(Math.floor(i / width), height) && inside(i % width, width) ? 1 : 0,
  );
  return { height, width, data };
}

function summary(
  rows: MaskReport['images'],
  contender: MaskContender,
  drawn: ArrayLike<number>,
): MaskSummary {
  let [objects, best, mean, localized] = [0, 0, 0, 0];
  for (let i = 0; i < drawn.length; i++) {
    const scores = rows[drawn[i]!]!.scores[contender];
    objects += scores.best.length;
    for (const value of scores.best) best += value;
    for (const value of scores.meanHead) mean += value;
    if (scores.isLocalized) localized++;
  }
  return { bestHead: best / objects, meanHead: mean / objects, corLoc: localized / drawn.length };
}
