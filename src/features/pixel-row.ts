/** The pixels of an image as a feature: what networks are compared with. */
import type { Image } from '../image/image.ts';
import { normalizationTable, normalize, statisticsFor } from '../image/normalize.ts';
import { resize } from '../image/resize.ts';

/** Larger images are shrunk to this side: more pixels do not help a comparison, and do not fit. */
export const PIXEL_SIDE = 32;

/** @returns the image squashed to [side, side] and normalized: [channels * side * side] */
export function pixelRow(image: Image, side = PIXEL_SIDE): Float32Array {
  const row = new Float32Array(side * side * image.channels);
  normalize(resize(image, side, side, 'bicubic'), normalizationTable(statisticsFor(image.channels)), row);
  return row;
}
