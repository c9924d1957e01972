/**
 * What a network attends to in one image (official `visualize_attention.py`): the maps of all heads and their mean, their masks,
 * and what is known of each patch, in one pass. `patchColors` and `patchSimilarity` make pictures of the tokens.
 */
import type { Engine } from '../../engine/engine.ts';
import type { FrozenBackbone } from '../../features/frozen-backbone.ts';
import type { Weights } from '../../features/network-weights.ts';
import type { Scope, Tensor } from '../../graph/index.ts';
import type { Image } from '../../image/image.ts';
import { placeOutputs } from '../../model/places.ts';
import { l2NormalizedRows } from '../../rows/feature-rows.ts';
import { fitPca, projectPca } from '../../rows/pca.ts';
import { enlargeMask, meanHead, type PatchView, patchView, viewShape } from './attention-maps.ts';
import { attentionMask, attentionMasks, MASK_SHARE } from './attention-masks.ts';
import { largestComponent } from './localization.ts';

export interface AttendOptions {
  /** [short side], or [height, width]; the network's own size as short side unless given. */
  readonly size?: readonly number[];
  /** The share of a map's mass that its mask holds; 0.6 unless given. */
  readonly share?: number;
}

export interface Attended {
  readonly view: PatchView;
  readonly heads: number;
  /** [heads, rows * columns] */
  readonly maps: Float32Array;
  /** The mean over heads, [rows * columns]. */
  readonly mean: Float32Array;
  /** 1 for patches in the mask, [heads, rows * columns]. */
  readonly masks: Uint8Array;
  /** Of the mean over heads. */
  readonly meanMask: Uint8Array;
  /** What is known of each patch (`model/places.ts`): [rows * columns, dim]. */
  readonly tokens: Float32Array;
  readonly dim: number;
}

/**
 * @throws Error for a network without attention
 * @throws RangeError when the image has no room for a patch at this size, or needs more memory than there is
 */
export async function attend(
  backbone: FrozenBackbone,
  weights: Weights,
  image: Image,
  { size = [backbone.size], share = MASK_SHARE }: AttendOptions = {},
): Promise<Attended> {
  backbone.requireAttention('attention maps');
  const { heads, patch } = backbone;
  const trace = (scope: Scope, x: Tensor) => {
    const { attention, tokens } = placeOutputs(scope, x, backbone.config);
    return { maps: attention, tokens };
  };
  const { rows, columns } = viewShape(image, size, patch).grid;
  backbone.requireMemory({ count: 1, height: rows * patch, width: columns * patch }, trace);
  const view = patchView(image, size, patch, backbone.preprocessing.statistics);
  const { height, width } = view.image;
  const batch = { pixels: view.pixels, height, width };
  const { maps, tokens } = await backbone.compute('attend', weights, batch, trace);
  const mean = meanHead(maps, heads);
  return {
    view,
    heads,
    maps,
    mean,
    masks: attentionMasks(maps, heads, share),
    meanMask: attentionMask(mean, share),
    tokens,
    dim: backbone.dim,
  };
}

/**
 * The head to show first: the one whose mask lies most in one piece (share of its largest connected part), of equal ones the
 * one with the smallest mask. Nothing is known of objects here.
 */
export function clearestHead({ masks, heads, view: { grid } }: Attended): number {
  const patches = grid.rows * grid.columns;
  const area = (data: Uint8Array): number => data.reduce((sum, value) => sum + value, 0);
  let best = { head: 0, inOne: -1, size: 0 };
  for (let head = 0; head < heads; head++) {
    const mask = enlargeMask(masks.subarray(head * patches, (head + 1) * patches), { ...grid, patch: 1 });
    const size = area(mask.data);
    const inOne = size === 0 ? 0 : area(largestComponent(mask).data) / size;
    if (inOne > best.inOne || (inOne === best.inOne && size < best.size)) best = { head, inOne, size };
  }
  return best.head;
}

/**
 * Patch tokens as colors: their first three principal components, fitted on this image alone, scaled to 0 .. 255 each. Of
 * each component the sign is chosen so that its most extreme patch is bright.
 *
 * @returns one pixel a patch, RGB
 */
export async function patchColors(
  engine: Engine,
  { tokens, dim, view: { grid } }: Pick<Attended, 'tokens' | 'dim' | 'view'>,
): Promise<Image> {
  const patches = grid.rows * grid.columns;
  const rows = { values: tokens, dim };
  const { values, dim: found } = await projectPca(engine, await fitPca(engine, rows, 3), rows);
  const data = new Uint8Array(patches * 3);
  for (let c = 0; c < Math.min(3, found); c++) {
    const along = Float32Array.from({ length: patches }, (_, i) => values[i * found + c]!);
    const low = along.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const high = along.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const flip = -low > high;
    for (const [i, value] of along.entries()) {
      const share = high > low ? (value - low) / (high - low) : 0;
      data[3 * i + c] = Math.round(255 * (flip ? 1 - share : share));
    }
  }
  return { width: grid.columns, height: grid.rows, channels: 3, data };
}

/**
 * The patch that holds a pixel of the original image; pixels in the edge that was cut off belong to the nearest patch.
 *
 * @param row from the top, pixels of the image before the resize
 * @throws RangeError when the pixel lies outside the image
 */
export function patchAt(
  { grid, resized }: Pick<PatchView, 'grid' | 'resized'>,
  image: { readonly height: number; readonly width: number },
  row: number,
  column: number,
): number {
  if (!(row >= 0 && row < image.height && column >= 0 && column < image.width)) {
    throw new RangeError(
      `The pixel at row ${row}, column ${column} lies outside the image of ${image.height} x ${image.width} pixels: give a row and a column inside it.`,
    );
  }
  const y = Math.min(grid.rows - 1, Math.floor((row * resized.height) / image.height / grid.patch));
  const x = Math.min(grid.columns - 1, Math.floor((column * resized.width) / image.width / grid.patch));
  return y * grid.columns + x;
}

/** Cosines of one patch's token with those of all patches, [rows * columns]. */
export function patchSimilarity(
  { tokens, dim }: Pick<Attended, 'tokens' | 'dim'>,
  patch: number,
): Float32Array {
  const { values } = l2NormalizedRows({ values: tokens, dim });
  return Float32Array.from({ length: values.length / dim }, (_, i) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += values[i * dim + d]! * values[patch * dim + d]!;
    return sum;
  });
}
