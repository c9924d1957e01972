/**
 * Windows of maps, for convolutions and pooling: `unfold` lays the elements of each window side by side (im2col), after which
 * a convolution is one matrix product and a pooling one reduction. Channels are last: [images, height, width, channels],
 * so that a window is a handful of whole rows of channels and one `Gather` collects them all. Gradients are collected in the
 * same way; adding up overlapping windows would be several times slower.
 */
import { GraphError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { concat, gather, reshape, slice, transpose } from './layout.ts';
import { constant, indices } from './leaf.ts';

export interface UnfoldOptions {
  /** Side of the (square) window. */
  readonly kernel: number;
  readonly stride?: number;
  /** Rows and columns added on every side. */
  readonly padding?: number;
  /** What they are filled with, zero unless given. */
  readonly fill?: number;
}

/** Windows along an axis of so many pixels. */
export function windowsAlong(
  pixels: number,
  { kernel, stride, padding }: Required<Omit<UnfoldOptions, 'fill'>>,
): number {
  const count = Math.floor((pixels + 2 * padding - kernel) / stride) + 1;
  if (count >= 1) return count;
  throw new GraphError(`a window of ${kernel} pixels does not fit ${pixels + 2 * padding}`);
}

/** Stands for the fill value in a list of pixel positions. */
const OUTSIDE = -1;

/** Pixels by position (row by row), [B, H, W, C] -> [B, positions, C]. */
export function takePixels(x: Tensor, positions: readonly number[], fill = 0): Tensor {
  const [b, pixels, c] = [x.dim(0), x.dim(1) * x.dim(2), x.dim(3)];
  const flat = reshape(x, [b, pixels, c]);
  if (!positions.includes(OUTSIDE)) return gather(flat, indices(positions), 1);
  // One more pixel with the fill value, so that nothing has to be padded.
  const filled = concat([flat, constant(new Float32Array(b * c).fill(fill), [b, 1, c])], 1);
  const inside = positions.map((position) => (position === OUTSIDE ? pixels : position));
  return gather(filled, indices(inside), 1);
}

/**
 * Every window's elements: [B, H, W, C] -> [B, H', W', kernel * kernel * C], ordered (row, column, channel).
 * H' = floor((H + 2 padding - kernel) / stride) + 1.
 */
export function unfold(x: Tensor, { kernel, stride = 1, padding = 0, fill = 0 }: UnfoldOptions): Tensor {
  if (x.rank !== 4)
    throw new GraphError(`unfold: wants [images, height, width, channels], got [${x.shape.join(', ')}]`);
  const [b, h, w, c] = [x.dim(0), x.dim(1), x.dim(2), x.dim(3)];
  const along = (pixels: number): number => windowsAlong(pixels, { kernel, stride, padding });
  const [outH, outW] = [along(h), along(w)];
  if (kernel === 1 && stride === 1 && padding === 0) return x;
  if (kernel === stride && padding === 0) {
    // Windows side by side: only a change of order.
    const whole = slice(slice(x, 1, 0, outH * kernel), 2, 0, outW * kernel);
    const split = reshape(whole, [b, outH, kernel, outW, kernel, c]);
    return reshape(transpose(split, [0, 1, 3, 2, 4, 5]), [b, outH, outW, kernel * kernel * c]);
  }
  const positions: number[] = [];
  for (let row = 0; row < outH; row++) {
    for (let column = 0; column < outW; column++) {
      for (let tap = 0; tap < kernel * kernel; tap++) {
        const y = row * stride - padding + Math.floor(tap / kernel);
        const z = column * stride - padding + (tap % kernel);
        positions.push(y < 0 || y >= h || z < 0 || z >= w ? OUTSIDE : y * w + z);
      }
    }
  }
  return reshape(takePixels(x, positions, fill), [b, outH, outW, kernel * kernel * c]);
}

/** Pixels of x at one place relative to the stride: the same taps of their windows' results reach them. */
export interface Phase {
  /** Positions of the pixels in x, row by row. */
  readonly pixels: readonly number[];
  /** Taps (ky * kernel + kx) of the windows they are in. */
  readonly taps: readonly number[];
  /** The gradients of the results of those windows, [B * pixels, taps * O]. */
  readonly collected: Tensor;
}

/** Every pixel of x collects the gradients of the results whose windows it is in: stride * stride phases. */
export function collectResults(
  g: Tensor,
  x: Tensor,
  kernel: number,
  { stride, padding }: Required<Pick<UnfoldOptions, 'stride' | 'padding'>>,
): Phase[] {
  const [b, h, w, out] = [x.dim(0), x.dim(1), x.dim(2), g.dim(3)];
  const phases: Phase[] = [];
  for (let i = 0; i < stride * stride; i++) {
    const rows = axisPhase(Math.floor(i / stride), h, g.dim(1), kernel, stride, padding);
    const columns = axisPhase(i % stride, w, g.dim(2), kernel, stride, padding);
    const taps = rows.taps.flatMap((ky) => columns.taps.map((kx) => ky * kernel + kx));
    const pixels = rows.pixels.flatMap((y) => columns.pixels.map((z) => y * w + z));
    if (taps.length === 0 || pixels.length === 0) continue;
    const positions = rows.sources.flatMap((ys) =>
      columns.sources.flatMap((xs) =>
        ys.flatMap((y) => xs.map((z) => (y < 0 || z < 0 ? OUTSIDE : y * g.dim(2) + z))),
      ),
    );
    const collected = reshape(takePixels(g, positions), [b * pixels.length, taps.length * out]);
    phases.push({ pixels, taps, collected });
  }
  return phases;
}

/** What each phase makes of its pixels, [B, pixels, C], put where they are in x. */
export function inPlace(phases: readonly Phase[], x: Tensor, make: (phase: Phase) => Tensor): Tensor {
  const [b, h, w, channels] = [x.dim(0), x.dim(1), x.dim(2), x.dim(3)];
  const order = new Array<number>(h * w).fill(OUTSIDE); // where among all pixels of the phases each pixel is
  let placed = 0;
  for (const { pixels } of phases) for (const pixel of pixels) order[pixel] = placed++;
  const together = concat(phases.map(make), 1);
  if (inOrder(order)) return reshape(together, x.shape);
  return reshape(takePixels(reshape(together, [b, placed, 1, channels]), order), x.shape);
}

export const inOrder = (positions: readonly number[]): boolean =>
  positions.every((position, i) => position === i);

/** Along one axis: the pixels of a phase, the taps that reach them, and for each pixel and tap the result it comes from. */
function axisPhase(
  phase: number,
  size: number,
  results: number,
  kernel: number,
  stride: number,
  padding: number,
): { readonly pixels: number[]; readonly taps: number[]; readonly sources: number[][] } {
  const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const pixels = range(size).filter((pixel) => (pixel + padding) % stride === phase);
  const taps = range(kernel).filter((tap) => tap % stride === phase);
  const sources = pixels.map((pixel) =>
    taps.map((tap) => {
      const result = (pixel + padding - tap) / stride;
      return result < results ? Math.max(result, OUTSIDE) : OUTSIDE;
    }),
  );
  return { pixels, taps, sources };
}
