/**
 * Small images of attention: a map of patches as a heat tile, one pixel a patch (the page enlarges it with sharp edges), and
 * a mask of patches laid over its image.
 */
import type { Image } from '../../image/image.ts';
import { heatColors } from './colormap.ts';

/**
 * Colors a map of patches: 0 is the darkest color, `top` and above the brightest. NaN is drawn in mid gray.
 *
 * @param values [rows, columns], row-major
 * @param enlarge each patch becomes a square of this many pixels
 */
export function heatTile(
  values: Float32Array,
  rows: number,
  columns: number,
  top: number,
  enlarge = 1,
): Image {
  if (values.length !== rows * columns) {
    throw new Error(`A map of ${values.length} values does not fill ${rows} x ${columns} patches.`);
  }
  const width = columns * enlarge;
  const data = new Uint8Array(rows * enlarge * width * 3);
  const perUnit = top > 0 ? 255 / top : 0;
  for (let y = 0, at = 0; y < rows * enlarge; y++) {
    const row = Math.floor(y / enlarge) * columns;
    for (let x = 0; x < width; x++, at += 3) {
      const value = values[row + Math.floor(x / enlarge)]!;
      if (Number.isNaN(value)) {
        data.fill(128, at, at + 3);
        continue;
      }
      const color = 3 * Math.min(255, Math.max(0, Math.round(value * perUnit)));
      data[at] = heatColors[color]!;
      data[at + 1] = heatColors[color + 1]!;
      data[at + 2] = heatColors[color + 2]!;
    }
  }
  return { width, height: rows * enlarge, channels: 3, data };
}

/**
 * The value that a tile's brightest color should stand for: the 98th percentile of all given maps together, so that one
 * outstanding patch does not leave the rest in the dark.
 */
export function brightestValue(maps: readonly Float32Array[]): number {
  const finite = maps.flatMap((map) => [...map].filter(Number.isFinite)).sort((a, b) => a - b);
  return finite[Math.ceil(0.98 * finite.length) - 1] ?? 0;
}

/**
 * The image where the mask holds, and a darkened gray version of it elsewhere.
 *
 * @param mask [rows, columns] of patches, row-major; what is not 0 is kept
 */
export function maskOverlay(image: Image, mask: Uint8Array, rows: number, columns: number): Image {
  if (mask.length !== rows * columns) {
    throw new Error(`A mask of ${mask.length} values does not fill ${rows} x ${columns} patches.`);
  }
  const { width, height, channels } = image;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, from = 0, to = 0; y < height; y++) {
    const row = Math.floor((y * rows) / height) * columns;
    for (let x = 0; x < width; x++, from += channels, to += 3) {
      const red = image.data[from]!;
      const green = channels === 3 ? image.data[from + 1]! : red;
      const blue = channels === 3 ? image.data[from + 2]! : red;
      const kept = mask[row + Math.floor((x * columns) / width)] !== 0;
      const gray = 0.3 * (0.299 * red + 0.587 * green + 0.114 * blue);
      data[to] = kept ? red : gray;
      data[to + 1] = kept ? green : gray;
      data[to + 2] = kept ? blue : gray;
    }
  }
  return { width, height, channels: 3, data };
}
