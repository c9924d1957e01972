/**
 * The hue shift of torchvision's adjust_hue on a PIL image: to PIL's 8-bit HSV, a shift modulo 256, and back. The round
 * trip loses precision even without a shift, and the roundings to float32 stand where PIL's C code has `float` variables.
 */
import type { Image } from './image.ts';

/** The number of 8-bit hue steps, 0..255, that a factor in -0.5..0.5 moves: numpy's `uint8(factor * 255)`. */
export function hueShift(factor: number): number {
  return Math.trunc(factor * 255) & 255;
}

/** PIL's 8-bit hue of an RGB pixel whose largest and smallest sample differ. */
function hue8(red: number, green: number, blue: number, value: number, range: number): number {
  const r = Math.fround((value - red) / range);
  const g = Math.fround((value - green) / range);
  const b = Math.fround((value - blue) / range);
  const sextants = Math.fround(red === value ? b - g : green === value ? 2 + r - b : 4 + g - r);
  return Math.trunc(255 * Math.fround((sextants / 6 + 1) % 1));
}

/** Moves the hue by `factor` of the circle (-0.5..0.5); gray images stay as they are. */
export function adjustHue(image: Image, factor: number): Image {
  if (image.channels === 1) return image;
  const shift = hueShift(factor);
  const { data } = image;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const red = data[i]!;
    const green = data[i + 1]!;
    const blue = data[i + 2]!;
    const value = Math.max(red, green, blue);
    const range = value - Math.min(red, green, blue);
    let hue = 0;
    let saturation = 0;
    if (range > 0) {
      hue = hue8(red, green, blue, value, range);
      saturation = Math.trunc(255 * Math.fround(range / value));
    }

    const position = (6 * ((hue + shift) & 255)) / 255;
    const sextant = Math.floor(position);
    const e = Math.fround(position - sextant);
    const s = Math.fround(saturation / 255);
    const p = Math.round(value * (1 - s));
    const q = Math.round(value * (1 - Math.fround(s * e)));
    const t = Math.round(value * (1 - s * (1 - e)));
    const [r, g, b] = sextantColor(sextant % 6, value, p, q, t);
    out[i] = r;
    out[i + 1] = g;
    out[i + 2] = b;
  }
  return { ...image, data: out };
}

/** The sextant's arrangement of the largest (v), smallest (p), falling (q) and rising (t) sample. */
function sextantColor(
  sextant: number,
  v: number,
  p: number,
  q: number,
  t: number,
): readonly [number, number, number] {
  switch (sextant) {
    case 0:
      return [v, t, p];
    case 1:
      return [q, v, p];
    case 2:
      return [p, v, t];
    case 3:
      return [p, q, v];
    case 4:
      return [t, p, v];
    default:
      return [v, p, q];
  }
}
