/**
 * The box of torchvision's RandomResizedCrop (its get_params): area and aspect ratio are drawn up to ten times until the
 * box fits into the image, then its position; a central crop with a clamped aspect ratio is what remains. On narrow
 * images and large areas that last case is common, so it is part of the distribution.
 */
import { roundHalfEven } from '../numbers/round-half-even.ts';
import type { Box } from './image.ts';

/** Where the draws come from; `Random` is one. */
export interface CropDraws {
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** A uniform integer in 0 .. bound - 1. */
  integer(bound: number): number;
}

const MIN_RATIO = 3 / 4;
const MAX_RATIO = 4 / 3;
const LOG_MIN_RATIO = Math.fround(Math.log(MIN_RATIO));
const LOG_MAX_RATIO = Math.fround(Math.log(MAX_RATIO));

/**
 * A random box of aspect ratio 3/4..4/3 (log-uniform) in an image of `height` times `width` pixels.
 *
 * @param scale smallest and largest share of the image's area
 * @param draws two `between` for each attempt (area share, log aspect ratio), then two `integer` (top, left)
 */
export function cropBox(
  height: number,
  width: number,
  scale: readonly [number, number],
  draws: CropDraws,
): Box {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * Math.fround(draws.between(scale[0], scale[1]));
    const ratio = Math.fround(Math.exp(Math.fround(draws.between(LOG_MIN_RATIO, LOG_MAX_RATIO))));
    const w = roundHalfEven(Math.sqrt(area * ratio));
    const h = roundHalfEven(Math.sqrt(area / ratio));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      const top = draws.integer(height - h + 1);
      const left = draws.integer(width - w + 1);
      return { top, left, height: h, width: w };
    }
  }
  let w = width;
  let h = height;
  if (width / height < MIN_RATIO) h = roundHalfEven(width / MIN_RATIO);
  else if (width / height > MAX_RATIO) w = roundHalfEven(height * MAX_RATIO);
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}
