/**
 * Video frames as the official `eval_video_segmentation.py` reads them (`read_frame`, `color_normalize`): the short side
 * becomes 480, the other side the aspect ratio's, rounded down to a multiple of 64 (so a square frame becomes 480 x 448), and
 * the standard deviation of red is 0.228 (sic).
 *
 * Departure: the official resize is OpenCV's bilinear on bytes with 11-bit weights; here the weights are exact, so a level
 * may differ by one. Neither smooths when it shrinks.
 */
import type { Image } from '../../image/image.ts';
import { type ChannelStatistics, imagenetStatistics } from '../../image/normalize.ts';

export const videoStatistics: ChannelStatistics = {
  mean: [0.485, 0.456, 0.406],
  std: [0.228, 0.224, 0.225],
};

/** The reader's own numbers for a network of ImageNet's statistics; those of the weights for any other. */
export function videoStatisticsFor(statistics: ChannelStatistics): ChannelStatistics {
  const isUsual = (['mean', 'std'] as const).every(
    (part) => String(statistics[part]) === String(imagenetStatistics[part]),
  );
  return isUsual ? videoStatistics : statistics;
}

/** The multiple that the side which follows is rounded down to. */
const MULTIPLE = 64;

/** The size at which a frame is read; a square counts as landscape. */
export function videoFrameSize(
  height: number,
  width: number,
  short = 480,
): { readonly height: number; readonly width: number } {
  const other = (long: number, side: number): number =>
    Math.floor((short * long) / side / MULTIPLE) * MULTIPLE;
  return height > width
    ? { height: other(height, width), width: short }
    : { height: short, width: other(width, height) };
}

/** `(x - mean) / std`, channel by channel, in float32. @param planes samples in 0..1, [channels, ...] */
export function normalizePlanes(planes: Float32Array, { mean, std }: ChannelStatistics): Float32Array {
  const plane = planes.length / mean.length;
  return planes.map((x, i) => {
    const channel = Math.floor(i / plane);
    return Math.fround(x - Math.fround(mean[channel]!)) / Math.fround(std[channel]!);
  });
}

/**
 * A frame as the network gets it.
 *
 * @param image RGB
 * @returns normalized, [3, height, width]
 */
export function videoFrame(
  image: Image,
  short = 480,
  statistics = videoStatistics,
): { readonly pixels: Float32Array; readonly height: number; readonly width: number } {
  const { height, width } = videoFrameSize(image.height, image.width, short);
  if (height === 0 || width === 0 || image.channels !== 3) {
    throw new RangeError(
      `A frame of ${image.height} x ${image.width} pixels and ${image.channels} channels cannot be read at a short side of ${short}: give RGB frames and a short side of at least ${MULTIPLE}.`,
    );
  }
  const [down, across] = [linearTaps(image.height, height), linearTaps(image.width, width)];
  const planes = new Float32Array(3 * height * width);
  const pixel = (y: number, x: number, c: number): number => image.data[(y * image.width + x) * 3 + c]!;
  for (const [y, row] of down.entries()) {
    for (const [x, column] of across.entries()) {
      for (let c = 0; c < 3; c++) {
        const at = (from: number): number =>
          pixel(from, column.first, c) * (1 - column.share) + pixel(from, column.second, c) * column.share;
        const level = Math.round(at(row.first) * (1 - row.share) + at(row.second) * row.share);
        planes[(c * height + y) * width + x] = level / 255;
      }
    }
  }
  return { pixels: normalizePlanes(planes, statistics), height, width };
}

/** The two samples that each output sample lies between, and the share of the second (half-pixel centers). */
function linearTaps(inSize: number, outSize: number): { first: number; second: number; share: number }[] {
  return Array.from({ length: outSize }, (_, i) => {
    const at = Math.max(0, Math.min(inSize - 1, ((i + 0.5) * inSize) / outSize - 0.5));
    const first = Math.floor(at);
    return { first, second: Math.min(inSize - 1, first + 1), share: at - first };
  });
}
