/**
 * Brightness, contrast, saturation, grayscale, solarize and the color jitter, exactly as torchvision does them on PIL
 * images, in plain TypeScript. PIL's enhancers blend with a degenerate image in float32, `d + f (x - d)`, and truncate.
 * Gray images take part where it means something: their luma is the sample itself, grayscale and saturation keep them.
 */
import { adjustHue } from './hue.ts';
import type { Image } from './image.ts';

/** Luma of an RGB pixel, PIL's 16-bit fixed point. */
export function luma(red: number, green: number, blue: number): number {
  return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
}

/** `degenerate + factor (x - degenerate)`, truncated and clipped; `factor` in float32. */
function blend(degenerate: number, x: number, factor: number): number {
  const value = Math.fround(degenerate + Math.fround(factor * (x - degenerate)));
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
}

/** What each level becomes when it is blended with the level `degenerate`. */
function blendTable(degenerate: number, factor: number): Uint8Array {
  const factor32 = Math.fround(factor);
  const table = new Uint8Array(256);
  for (let x = 0; x < 256; x++) table[x] = blend(degenerate, x, factor32);
  return table;
}

/** What each level becomes when brightness is multiplied by `factor`. */
export function brightnessTable(factor: number): Uint8Array {
  return blendTable(0, factor);
}

/** What each level becomes when contrast is multiplied by `factor`, in an image of the mean luma `lumaSum / pixels`. */
export function contrastTable(factor: number, lumaSum: number, pixels: number): Uint8Array {
  return blendTable(Math.trunc(lumaSum / pixels + 0.5), factor);
}

/** What each level becomes when levels from `threshold` on are inverted. */
export function solarizeTable(threshold: number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, x) => (x < threshold ? x : 255 - x));
}

function mapLevels(image: Image, table: Uint8Array): Image {
  return { ...image, data: image.data.map((x) => table[x]!) };
}

/** The luma of each pixel, or the samples of a gray image. */
function lumas({ channels, data }: Image): Uint8Array {
  if (channels === 1) return data;
  const out = new Uint8Array(data.length / 3);
  for (let i = 0; i < out.length; i++) out[i] = luma(data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!);
  return out;
}

/** torchvision's adjust_brightness: 0 is black, 1 the image. */
export function adjustBrightness(image: Image, factor: number): Image {
  return mapLevels(image, brightnessTable(factor));
}

/** torchvision's adjust_contrast: 0 is the rounded mean luma everywhere, 1 the image. */
export function adjustContrast(image: Image, factor: number): Image {
  let sum = 0;
  for (const value of lumas(image)) sum += value;
  return mapLevels(image, contrastTable(factor, sum, image.width * image.height));
}

/** torchvision's adjust_saturation: 0 is gray, 1 the image. */
export function adjustSaturation(image: Image, factor: number): Image {
  if (image.channels === 1) return image;
  const factor32 = Math.fround(factor);
  const gray = lumas(image);
  return { ...image, data: image.data.map((x, i) => blend(gray[Math.trunc(i / 3)]!, x, factor32)) };
}

/** Luma in all channels (torchvision's RandomGrayscale when it acts). */
export function toGrayscale(image: Image): Image {
  if (image.channels === 1) return image;
  const gray = lumas(image);
  return { ...image, data: image.data.map((_, i) => gray[Math.trunc(i / 3)]!) };
}

/** Levels from `threshold` on inverted (PIL's ImageOps.solarize). */
export function solarize(image: Image, threshold = 128): Image {
  return mapLevels(image, solarizeTable(threshold));
}

/** The four steps of a color jitter by their torchvision numbers 0..3. */
export const jitterSteps = ['brightness', 'contrast', 'saturation', 'hue'] as const;
export type JitterStep = (typeof jitterSteps)[number];

const adjust = {
  brightness: adjustBrightness,
  contrast: adjustContrast,
  saturation: adjustSaturation,
  hue: adjustHue,
} as const;

/** torchvision's ColorJitter after its draw: the four steps in `order`, each from 8 bits to 8 bits. */
export function jitter(
  image: Image,
  order: readonly JitterStep[],
  factors: { readonly [step in JitterStep]: number },
): Image {
  let out = image;
  for (const step of order) out = adjust[step](out, factors[step]);
  return out;
}
