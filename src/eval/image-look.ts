/**
 * A small look at an image: enough of its pixels to tell whether two files show the same picture, few enough to hold those of
 * every image at once. The whole image is squeezed into a square, so that a stretched copy looks like its original.
 */
import { luma } from '../image/color.ts';
import type { Image } from '../image/image.ts';
import { resize } from '../image/resize.ts';

/** Side of a look in pixels: a multiple of 4, which `planesOf` halves twice, and of 3, which `thumbnailRow` asks for. */
export const LOOK_SIDE = 48;
/** Side of the thumbnails that are compared with all others. */
const THUMBNAIL = 16;

/** [side, side] */
export interface Plane {
  readonly side: number;
  readonly values: Float32Array;
}

/** @returns [48, 48, channels] */
export function imageLook(image: Image): Image {
  return resize(image, LOOK_SIDE, LOOK_SIDE, 'bilinear');
}

/** The brightness of a look at a quarter, half and all of its side: coarse first. */
export function planesOf(look: Image): readonly Plane[] {
  const whole = { side: look.width, values: brightness(look) };
  const half = shrunk(whole, 2);
  return [shrunk(half, 2), half, whole];
}

/** The brightness at [16, 16] with mean 0, a row for comparisons by cosine; zeros where there is nothing to see. */
export function thumbnailRow(look: Image): Float32Array {
  const { values } = shrunk({ side: look.width, values: brightness(look) }, look.width / THUMBNAIL);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

function brightness({ data, channels }: Image): Float32Array {
  return Float32Array.from({ length: data.length / channels }, (_, i) =>
    channels === 1 ? data[i]! : luma(data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!),
  );
}

/** Means of squares of `factor` pixels. */
function shrunk({ side, values }: Plane, factor: number): Plane {
  const small = side / factor;
  const sums = new Float32Array(small * small);
  for (let y = 0; y < side; y++) {
    const row = Math.floor(y / factor) * small;
    for (let x = 0; x < side; x++) sums[row + Math.floor(x / factor)]! += values[y * side + x]!;
  }
  return { side: small, values: sums.map((sum) => sum / (factor * factor)) };
}
