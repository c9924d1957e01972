/**
 * Soft masks on a grid of patches: how much of each label a patch holds. From a mask (official `read_seg`, `to_one_hot`) and
 * back to one at pixel resolution (the end of `eval_video_tracking_davis`: bilinear, `norm_mask`, arg max, PIL NEAREST).
 */
import { type Mask, resizeMask } from '../../image/mask.ts';

export interface SoftMasks {
  /** One more than the largest label. */
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  /** [channels, rows, columns] */
  readonly values: Float32Array;
}

/**
 * A mask of any size on the grid (nearest), one-hot. A label that no patch samples has no part in what follows; labels above
 * the largest that is sampled get no channel.
 */
export function oneHotMasks(mask: Mask, rows: number, columns: number): SoftMasks {
  const { data } = resizeMask(mask, rows, columns);
  const channels = 1 + data.reduce((largest, label) => Math.max(largest, label), 0);
  const values = new Float32Array(channels * data.length);
  for (const [patch, label] of data.entries()) values[label * data.length + patch] = 1;
  return { channels, rows, columns, values };
}

/**
 * One label at pixel resolution, scaled to 0 .. 1 (min-max) where its maximum is above 0. A constant label stays as it is:
 * the official scaling divides zero by zero there and gives NaN.
 *
 * @returns [rows * patch, columns * patch]
 */
export function scaledChannel(
  { rows, columns, values }: SoftMasks,
  channel: number,
  patch: number,
): Float32Array {
  const grid = values.subarray(channel * rows * columns, (channel + 1) * rows * columns);
  const map = upsample(grid, rows, columns, patch);
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of map) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (high > 0 && high > low) for (let i = 0; i < map.length; i++) map[i] = (map[i]! - low) / (high - low);
  return map;
}

/**
 * The label of each pixel: that of the largest scaled soft mask, the first of equal ones.
 *
 * @param size of the mask to make; sampled from the patches' pixels by PIL's NEAREST
 */
export function hardMask(
  masks: SoftMasks,
  patch: number,
  size: { readonly height: number; readonly width: number },
): Mask {
  const [height, width] = [masks.rows * patch, masks.columns * patch];
  const largest = scaledChannel(masks, 0, patch);
  const data = new Uint8Array(height * width);
  for (let channel = 1; channel < masks.channels; channel++) {
    const map = scaledChannel(masks, channel, patch);
    for (let i = 0; i < map.length; i++) {
      if (map[i]! <= largest[i]!) continue;
      largest[i] = map[i]!;
      data[i] = channel;
    }
  }
  return resizeMask({ height, width, data }, size.height, size.width);
}

/** Bilinear, half-pixel centers, edges repeated (PyTorch's interpolate, align_corners false). */
function upsample(grid: Float32Array, rows: number, columns: number, factor: number): Float32Array {
  const [down, across] = [linearTaps(rows, factor), linearTaps(columns, factor)];
  const width = columns * factor;
  const map = new Float32Array(rows * factor * width);
  for (let y = 0; y < rows * factor; y++) {
    const [upper, lower] = [down.first[y]! * columns, down.second[y]! * columns];
    const v = down.share[y]!;
    for (let x = 0; x < width; x++) {
      const [left, right, u] = [across.first[x]!, across.second[x]!, across.share[x]!];
      const above = grid[upper + left]! * (1 - u) + grid[upper + right]! * u;
      const below = grid[lower + left]! * (1 - u) + grid[lower + right]! * u;
      map[y * width + x] = above * (1 - v) + below * v;
    }
  }
  return map;
}

/** The two samples that each output sample lies between, and the share of the second. */
function linearTaps(size: number, factor: number) {
  const first = new Int32Array(size * factor);
  const second = new Int32Array(size * factor);
  const share = new Float64Array(size * factor);
  for (let i = 0; i < size * factor; i++) {
    const at = Math.max(0, (i + 0.5) / factor - 0.5);
    first[i] = Math.floor(at);
    second[i] = Math.min(size - 1, first[i]! + 1);
    share[i] = at - first[i]!;
  }
  return { first, second, share };
}
