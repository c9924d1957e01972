/**
 * A small look at an image: enough of its pixels to tell whether two files show the same picture, few enough to hold those of
 * every image at once. The whole image is squeezed into a square, so that a stretched copy looks like its original.
 */
import { luma } from '../../image/color.ts';
import { gaussianBlur } from '../../image/gaussian-blur.ts';
import type { Image } from '../../image/image.ts';
import { resize } from '../../image/resize.ts';
import { mean } from '../../rows/mean.ts';

/** Side of a look in pixels: a multiple of 4, which `planesOf` halves twice, and of 3, which `thumbnailRow` asks for. */
export const MINIATURE_SIDE = 48;
/** Standard deviation of the blur, pixels of the look: how sharp a copy was saved does not count. */
const SOFTNESS = 0.8;
/** Side of the thumbnails that are compared with all others. */
const THUMBNAIL = 16;

/** The brightness of a look, [width, width, 1]. */
export interface Plane {
  readonly width: number;
  readonly channels: 1;
  readonly data: Float32Array;
}

/** @returns [48, 48, channels] */
export function miniature(image: Image): Image {
  return gaussianBlur(resize(image, MINIATURE_SIDE, MINIATURE_SIDE, 'bilinear'), SOFTNESS);
}

/** The brightness of a look at a quarter, half and all of its side: coarse first. */
export function planesOf(look: Image): readonly Plane[] {
  const whole = brightness(look);
  const half = shrunk(whole, 2);
  return [shrunk(half, 2), half, whole];
}

/** The brightness at [16, 16] with mean 0, a row for comparisons by cosine; zeros where there is nothing to see. */
export function thumbnailRow(look: Image): Float32Array {
  const { data } = shrunk(brightness(look), look.width / THUMBNAIL);
  const level = mean(data);
  return data.map((value) => value - level);
}

function brightness({ width, data, channels }: Image): Plane {
  const values = new Float32Array(data.length / channels);
  for (let i = 0; i < values.length; i++)
    values[i] = channels === 1 ? data[i]! : luma(data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!);
  return { width, channels: 1, data: values };
}

/** Means of squares of `factor` pixels. */
function shrunk({ width, data }: Plane, factor: number): Plane {
  const small = width / factor;
  const means = new Float32Array(small * small);
  for (let y = 0; y < width; y++) {
    const row = Math.floor(y / factor) * small;
    for (let x = 0; x < width; x++)
      means[row + Math.floor(x / factor)]! += data[y * width + x]! / factor ** 2;
  }
  return { width: small, channels: 1, data: means };
}
