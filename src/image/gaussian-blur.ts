/**
 * PIL's GaussianBlur, which is not a Gaussian: three extended box blurs (Gwosdek et al. 2011, "Theoretical foundations of
 * Gaussian convolution by extended box filtering") along the rows, then three along the columns, each rounded to 8 bits,
 * with edges replicated. An extended box of fractional radius k + a weighs 2 k + 1 samples fully and one more on each
 * side in part. The roundings to float32 stand where PIL's C code has `float` variables.
 */
import type { Image } from './image.ts';

/** One box pass in 24-bit fixed point: `inner` for the 2 k + 1 samples in the middle, `outer` for the two beside them. */
export interface BoxPass {
  readonly k: number;
  readonly inner: number;
  readonly outer: number;
}

/** The radius of the box of which three passes have the variance of a Gaussian with standard deviation `radius`. */
function boxRadius(radius: number): number {
  const radius32 = Math.fround(radius);
  const variance = Math.fround(Math.fround(radius32 * radius32) / 3);
  const length = Math.fround(Math.sqrt(12 * variance + 1));
  const whole = Math.floor((length - 1) / 2);
  const numerator = Math.fround(
    (2 * whole + 1) * Math.fround(whole * (whole + 1) - Math.fround(3 * variance)),
  );
  const denominator = Math.fround(6 * Math.fround(variance - (whole + 1) * (whole + 1)));
  return Math.fround(whole + Math.fround(numerator / denominator));
}

/** The box pass of a blur with the given PIL radius (a standard deviation in pixels). */
export function boxPass(radius: number): BoxPass {
  const box = boxRadius(radius);
  const k = Math.trunc(box);
  const inner = Math.trunc(Math.fround(2 ** 24 / Math.fround(Math.fround(box * 2) + 1)));
  const outer = Math.trunc((2 ** 24 - (2 * k + 1) * inner) / 2);
  return { k, inner, outer };
}

/** One pass over a line of `count` samples, `step` apart, from index `at` of `from` to the same places of `to`. */
function blurLine(
  from: Uint8Array,
  to: Uint8Array,
  at: number,
  step: number,
  count: number,
  pass: BoxPass,
): void {
  const { k, inner, outer } = pass;
  const sample = (i: number): number => from[at + step * Math.max(0, Math.min(count - 1, i))]!;
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let j = i - k; j <= i + k; j++) sum += sample(j);
    const value = inner * sum + outer * (sample(i - k - 1) + sample(i + k + 1)) + 2 ** 23;
    to[at + step * i] = Math.floor(value / 2 ** 24);
  }
}

/** PIL's GaussianBlur with `radius` (a standard deviation in pixels), in plain TypeScript. */
export function gaussianBlur(image: Image, radius: number): Image {
  const pass = boxPass(radius);
  const { width, height, channels } = image;
  const stride = width * channels;
  let from = image.data.slice();
  let to = new Uint8Array(from.length);
  for (let n = 0; n < 3; n++) {
    for (let y = 0; y < height; y++) {
      for (let c = 0; c < channels; c++) blurLine(from, to, y * stride + c, channels, width, pass);
    }
    [from, to] = [to, from];
  }
  for (let n = 0; n < 3; n++) {
    for (let x = 0; x < stride; x++) blurLine(from, to, x, stride, height, pass);
    [from, to] = [to, from];
  }
  return { ...image, data: from };
}
