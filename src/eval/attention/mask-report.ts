/**
 * How well attention covers objects (section 4.2.2 of the paper): of each head the mask that holds a share of the attention,
 * for each object the best head's Jaccard index, the mean over objects; beside it the mask of the mean head, which needs no
 * choice, and CorLoc of the box around its largest part. Compared at the size the network sees.
 *
 * Beside the network stand what it must beat: itself untrained, a centered box of half the area, and the whole image.
 */
import type { MaskedImages } from '../../data/masked-images.ts';
import { type SkippedImage, unfitReason } from '../../data/skipped-images.ts';
import { comparedTitles } from '../../features/baselines.ts';
import type { FrozenBackbone } from '../../features/frozen-backbone.ts';
import type { Weights } from '../../features/network-weights.ts';
import type { OnProgress } from '../../features/on-progress.ts';
import type { Mask } from '../../image/mask.ts';
import { objectsOf, onlyLabel } from '../../image/object-labels.ts';
import { bootstrap, type Interval } from '../../rows/bootstrap.ts';
import { pairedGains } from '../../rows/paired-gains.ts';
import { recordOf } from '../../rows/record-of.ts';
import { type Attended, attend } from './attend.ts';
import { enlargeMask, maskLikeView, type PatchView } from './attention-maps.ts';
import { jaccard, jaccardTable, objectScores } from './attention-masks.ts';
import { boundingBox, isLocalized } from './localization.ts';

export type MaskCompared = 'trained' | 'untrained' | 'box' | 'image';

export const maskComparedTitles: Readonly<Record<MaskCompared, string>> = {
  trained: comparedTitles.trained,
  untrained: comparedTitles.untrained,
  box: 'a centered box of half the area',
  image: 'the whole image',
};

/** In the order in which they are shown. */
export const maskComparedNames = Object.keys(maskComparedTitles) as readonly MaskCompared[];

/** Scores of one image under one of them. */
export interface ImageMaskScores {
  /** Best head's Jaccard index of each object. */
  readonly best: readonly number[];
  readonly bestHeads: readonly number[];
  /** The mean head's, of each object. */
  readonly meanHead: readonly number[];
  /** Whether the box around the mean head's mask matches an object's. */
  readonly isLocalized: boolean;
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
  readonly scores: Readonly<Record<MaskCompared, MaskSummary>>;
  readonly intervals: Readonly<Record<MaskCompared, Readonly<Record<keyof MaskSummary, Interval>>>>;
  /** 95 % intervals of how much higher the best head's Jaccard index of the trained network is, object by object. */
  readonly gains: Readonly<Record<Exclude<MaskCompared, 'trained'>, Interval>>;
  readonly images: readonly {
    readonly index: number;
    readonly name: string;
    readonly scores: Readonly<Record<MaskCompared, ImageMaskScores>>;
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
  readonly onProgress?: OnProgress;
}

/** The objects of a mask as the network sees the image, how many without a pixel are lost, and what belongs to nobody. */
export function objectsInView(
  mask: Mask,
  view: Pick<PatchView, 'grid' | 'resized'>,
): { readonly objects: readonly Mask[]; readonly lost: number; readonly ignored: Mask | undefined } {
  const { labels, voidLabel } = objectsOf(mask);
  const seen = maskLikeView(mask, view);
  const left = labels.filter((label) => seen.data.includes(label));
  return {
    objects: left.map((label) => onlyLabel(seen, label)),
    lost: labels.length - left.length,
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
    onProgress?.('attention masks', index, images.length);
    const given = await images.read(index);
    if (given === undefined) continue;
    const { name, image, mask } = given;
    const now = await attend(backbone, trained, image, { size, share }).catch((error: unknown) => {
      if (!(error instanceof RangeError)) throw error;
      unfit.push({ key: name, reason: unfitReason(error) });
    });
    if (now === undefined) continue;
    const { objects, lost: unseen, ignored } = objectsInView(mask, now.view);
    if (objects.length === 0) {
      empty.push(name);
      continue;
    }
    lost += unseen;
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
  onProgress?.('attention masks', images.length, images.length);
  if (rows.length === 0) {
    const [first] = unfit;
    if (first !== undefined) throw new Error(`${first.key} ${first.reason}`);
    throw new Error(
      `None of the ${images.length} images has a mask with an object: mark objects with any value but 0.`,
    );
  }
  const every = Uint32Array.from(rows.keys());
  const intervals = bootstrap(rows.length, (drawn) =>
    maskComparedNames.flatMap((name) => {
      const { bestHead, meanHead, corLoc } = summary(rows, name, drawn);
      return [bestHead, meanHead, corLoc];
    }),
  );
  const record = <T>(of: (name: MaskCompared, at: number) => T): Record<MaskCompared, T> =>
    recordOf(maskComparedNames.map((each, i) => [each, of(each, i)]));
  return {
    scores: record((name) => summary(rows, name, every)),
    intervals: record((_, at) => ({
      bestHead: intervals[3 * at]!,
      meanHead: intervals[3 * at + 1]!,
      corLoc: intervals[3 * at + 2]!,
    })),
    gains: gainsOf(rows),
    images: rows,
    objects: rows.reduce((sum, { scores }) => sum + scores.trained.best.length, 0),
    lost,
    empty,
    unfit,
  };
}

/** The objects of one image stand and fall together. */
function gainsOf(rows: MaskReport['images']): MaskReport['gains'] {
  const of = (name: MaskCompared): number[] => rows.flatMap(({ scores }) => scores[name].best);
  const images = rows.flatMap(({ scores }, image) => scores.trained.best.map(() => image));
  const others = { untrained: of('untrained'), box: of('box'), image: of('image') };
  return pairedGains(of('trained'), others, images);
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
function centeredBox(height: number, width: number): Mask {
  const inside = (at: number, side: number): boolean =>
    Math.abs(at + 0.5 - side / 2) < (side * Math.SQRT1_2) / 2;
  const data = Uint8Array.from({ length: height * width }, (_, i) =>
    inside(Math.floor(i / width), height) && inside(i % width, width) ? 1 : 0,
  );
  return { height, width, data };
}

function summary(rows: MaskReport['images'], name: MaskCompared, drawn: ArrayLike<number>): MaskSummary {
  let [objects, best, mean, localized] = [0, 0, 0, 0];
  for (let i = 0; i < drawn.length; i++) {
    const scores = rows[drawn[i]!]!.scores[name];
    objects += scores.best.length;
    for (const value of scores.best) best += value;
    for (const value of scores.meanHead) mean += value;
    if (scores.isLocalized) localized++;
  }
  return { bestHead: best / objects, meanHead: mean / objects, corLoc: localized / drawn.length };
}
