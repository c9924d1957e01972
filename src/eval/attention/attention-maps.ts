/**
 * Attention maps of images of any size (official `visualize_attention.py`): the image as the network sees it, how the class
 * token of the last block attends to the patches, and these maps at pixel resolution.
 *
 * Sizes are the official ones: two numbers give the exact height and width (the aspect ratio is lost), one number the short
 * side (it is kept); what does not fill a patch at the right and lower edge is cut off, nothing is centered. Objects'
 * masks go the same way (`maskLikeView`).
 */
import type { Image } from '../../image/image.ts';
import { cropMask, type Mask, resizeMask } from '../../image/mask.ts';
import {
  type ChannelStatistics,
  imagenetStatistics,
  normalizationTable,
  normalize,
} from '../../image/normalize.ts';
import { resize, shortSideShape } from '../../image/resize.ts';

/** How patches tile the pixels a network sees. */
export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
  /** Side of a patch, pixels. */
  readonly patch: number;
}

/** An image as a network gets it. */
export interface PatchView {
  /** Normalized, [channels, grid.rows * patch, grid.columns * patch] */
  readonly pixels: Float32Array;
  readonly grid: PatchGrid;
  /** The same pixels as an image. */
  readonly image: Image;
  /** Size after the resize, before the edges were cut off. */
  readonly resized: { readonly height: number; readonly width: number };
}

/** So many times as long as they are broad images may be. */
const THINNEST = 32;

/**
 * The shapes of `patchView`, without its pixels.
 *
 * @throws RangeError when the resized image is smaller than a patch
 */
export function viewShape(
  image: { readonly height: number; readonly width: number },
  size: readonly number[],
  patch: number,
): Pick<PatchView, 'grid' | 'resized'> {
  const [first, second] = size;
  if (first === undefined || size.length > 2) {
    throw new RangeError(
      `An image size of ${size.length} numbers means nothing: give [height, width], or [short side].`,
    );
  }
  const resized = second === undefined ? shortSideShape(image, first) : { height: first, width: second };
  const { height, width } = resized;
  const grid = { rows: Math.floor(height / patch), columns: Math.floor(width / patch), patch };
  if (grid.rows < 1 || grid.columns < 1) {
    throw new RangeError(
      `An image of ${height} x ${width} pixels has no room for a patch of ${patch}: choose a larger image size.`,
    );
  }
  return { resized, grid };
}

/**
 * Resizes (bilinear), cuts off what does not fill a patch, normalizes.
 *
 * @param size [height, width], or [short side]
 * @throws RangeError when the resized image is smaller than a patch, or the image very thin and only its short side is given
 */
export function patchView(
  image: Image,
  size: readonly number[],
  patch: number,
  statistics: ChannelStatistics = imagenetStatistics,
): PatchView {
  const { resized, grid } = viewShape(image, size, patch);
  const [first, second] = size;
  const [short, long] = [image.height, image.width].sort((a, b) => a - b) as [number, number];
  if (second === undefined && long > THINNEST * short)
    throw new RangeError(
      `An image of ${image.height} x ${image.width} pixels is too thin to be seen at a short side of ${first}: give both sides (height and width), or leave the image out.`,
    );
  const whole = resize(image, resized.height, resized.width, 'bilinear');
  const cut = topLeft(whole, grid.rows * patch, grid.columns * patch);
  const pixels = new Float32Array(cut.data.length);
  normalize(cut, normalizationTable(statistics), pixels);
  return { pixels, grid, image: cut, resized };
}

function topLeft({ width: from, channels, data: pixels }: Image, height: number, width: number): Image {
  const data = new Uint8Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    const start = y * from * channels;
    data.set(pixels.subarray(start, start + width * channels), y * width * channels);
  }
  return { height, width, channels, data };
}

/** An object's mask, of the image's size or any other, as the view shows it: resized (nearest) and cut off alike. */
export function maskLikeView(mask: Mask, { grid, resized }: Pick<PatchView, 'grid' | 'resized'>): Mask {
  const { rows, columns, patch } = grid;
  return cropMask(resizeMask(mask, resized.height, resized.width), rows * patch, columns * patch);
}

/**
 * How the class token attends to the patches, head by head; as they are, not renormalized.
 *
 * @param attention softmax of the last block for one image, [heads, tokens, tokens], the class token first
 * @returns [heads, tokens - 1]
 */
export function classTokenMaps(attention: Float32Array, heads: number): Float32Array {
  const tokens = Math.round(Math.sqrt(attention.length / heads));
  if (tokens < 2 || heads * tokens * tokens !== attention.length) {
    throw new RangeError(
      `${attention.length} numbers are no attention of ${heads} heads between tokens: give [heads, tokens, tokens] of one image.`,
    );
  }
  const maps = new Float32Array(heads * (tokens - 1));
  for (let head = 0; head < heads; head++) {
    const row = head * tokens * tokens;
    maps.set(attention.subarray(row + 1, row + tokens), head * (tokens - 1));
  }
  return maps;
}

/** The mean over heads of maps or of whole attention: [heads, n] -> [n]. */
export function meanHead(values: Float32Array, heads: number): Float32Array {
  const size = values.length / heads;
  const mean = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let head = 0; head < heads; head++) sum += values[head * size + i]!;
    mean[i] = sum / heads;
  }
  return mean;
}

/** Values of patches at pixel resolution (nearest): [rows * columns] -> [rows * patch, columns * patch]. */
export function enlargeMap(map: Float32Array, grid: PatchGrid): Float32Array {
  return enlarge(map, grid, new Float32Array(map.length * grid.patch ** 2));
}

/** A mask of patches at pixel resolution: [rows * columns] -> [rows * patch, columns * patch]. */
export function enlargeMask(mask: Uint8Array, grid: PatchGrid): Mask {
  const { rows, columns, patch } = grid;
  const data = enlarge(mask, grid, new Uint8Array(mask.length * patch ** 2));
  return { height: rows * patch, width: columns * patch, data };
}

function enlarge<T extends Float32Array | Uint8Array>(map: T, { rows, columns, patch }: PatchGrid, to: T): T {
  if (map.length !== rows * columns) {
    throw new RangeError(
      `A map of ${map.length} patches does not fill a grid of ${rows} x ${columns}: give the grid of its image.`,
    );
  }
  const width = columns * patch;
  for (let y = 0; y < rows * patch; y++) {
    const row = Math.floor(y / patch) * columns;
    for (let column = 0; column < columns; column++)
      to.fill(map[row + column]!, y * width + column * patch, y * width + (column + 1) * patch);
  }
  return to;
}
