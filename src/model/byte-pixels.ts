/** Pixels that come as bytes, a quarter of what floats take: they become a network's input where it computes. */
import { cast, constant, div, scalar, sub, type Tensor, transpose } from '../graph/index.ts';

/** Mean and standard deviation of each channel, of pixels in 0 to 1. */
export interface PixelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * The same numbers, in the same order of operations, as `normalizationTable` gives them on the host.
 *
 * @param bytes [images, height, width, channels], u8
 * @returns [images, channels, height, width]
 */
export function normalizedPixels(bytes: Tensor, { mean, std }: PixelStatistics): Tensor {
  const channels = bytes.dim(-1);
  const perChannel = (values: readonly number[]): Tensor => constant(values, [channels]);
  const inUnit = div(cast(bytes, 'f32'), scalar(255));
  return transpose(div(sub(inUnit, perChannel(mean)), perChannel(std)), [0, 3, 1, 2]);
}
