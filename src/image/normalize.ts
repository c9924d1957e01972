/**
 * torchvision's ToTensor and Normalize: `(x / 255 - mean) / std` in float32, channels first. There are only 256 levels a
 * channel, so the arithmetic is done once, in a table.
 */
import type { Image } from './image.ts';

/** Mean and standard deviation of each channel, for samples in 0..1. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Statistics of ImageNet, which DINO and its relatives normalize with. */
export const imagenetStatistics: ChannelStatistics = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** Mean and standard deviation of ImageNet's luma, for gray images. */
const grayStatistics: ChannelStatistics = { mean: [0.449], std: [0.226] };

export function statisticsFor(channels: 1 | 3): ChannelStatistics {
  return channels === 3 ? imagenetStatistics : grayStatistics;
}

/** The normalized value of every level, `[channels, 256]`. */
export function normalizationTable({ mean, std }: ChannelStatistics): Float32Array {
  const table = new Float32Array(mean.length * 256);
  for (let c = 0; c < mean.length; c++) {
    for (let x = 0; x < 256; x++) {
      const centered = Math.fround(Math.fround(x / 255) - Math.fround(mean[c]!));
      table[c * 256 + x] = centered / Math.fround(std[c]!);
    }
  }
  return table;
}

/**
 * Writes an image as `[channels, height, width]` from `offset` of `out` on.
 *
 * @param table from `normalizationTable`, for as many channels as the image has
 */
export function normalize(image: Image, table: Float32Array, out: Float32Array, offset = 0): void {
  const { channels, data } = image;
  const plane = image.width * image.height;
  if (table.length !== channels * 256) {
    throw new RangeError(
      `An image with ${channels} channels was given a normalization of ${table.length / 256} channels: use one mean and one std for each channel.`,
    );
  }
  if (offset + plane * channels > out.length) {
    throw new RangeError(
      `An image of ${channels} x ${image.height} x ${image.width} does not fit into ${out.length} numbers from ${offset} on: use a larger output.`,
    );
  }
  if (channels === 1) {
    for (let i = 0; i < plane; i++) out[offset + i] = table[data[i]!]!;
    return;
  }
  const green = offset + plane;
  const blue = green + plane;
  for (let i = 0, from = 0; i < plane; i++, from += 3) {
    out[offset + i] = table[data[from]!]!;
    out[green + i] = table[256 + data[from + 1]!]!;
    out[blue + i] = table[512 + data[from + 2]!]!;
  }
}
