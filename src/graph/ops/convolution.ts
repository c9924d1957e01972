/**
 * Convolution and pooling as window views: `unfold` lays the elements of each window side by side (im2col), after which
 * a convolution is one matrix product and a pooling one reduction. Channels are last: [images, height, width, channels],
 * so that a window is a handful of whole rows of channels and one `Gather` collects them all.
 */
import { GraphError } from '../errors.ts';
import { apply, type NodeOf, type Op, type Tensor } from '../tensor.ts';
import { concat, gather, reshape, slice, transpose } from './layout.ts';
import { constant, indices } from './leaf.ts';
import { gemm, matmul } from './product.ts';
import { max, mean, sum } from './reduce.ts';

/** The lowest finite float32. */
const LOWEST = -3.4028234663852886e38;

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
function windowsAlong(
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
function takePixels(x: Tensor, positions: readonly number[], fill = 0): Tensor {
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

type ConvolutionAttributes = { stride: number; padding: number };

/**
 * Inputs are x and the weight. The gradient of x is collected in the same way as windows are; adding up overlapping windows
 * would be several times slower.
 */
export const convolutionOp: Op<ConvolutionAttributes> = {
  name: 'convolution',
  infer: ([x, weight], { stride, padding }) => {
    const [images, height, width, channels] = x?.shape ?? [];
    const [out, inputs, kernel = 0, columns] = weight?.shape ?? [];
    if (x === undefined || images === undefined || height === undefined || width === undefined)
      throw new GraphError(`wants [images, height, width, channels], got [${x?.shape.join(', ')}]`);
    if (out === undefined || inputs !== channels || columns !== kernel)
      throw new GraphError(`weight [${weight?.shape.join(', ')}] does not fit ${channels} channels`);
    const along = (pixels: number): number => windowsAlong(pixels, { kernel, stride, padding });
    return [{ dtype: x.dtype, shape: [images, along(height), along(width), out] }];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [x, weight] = [node.input(0), node.input(1)];
    const phases = collectResults(g, x, weight.dim(2), node.attributes);
    return [inputGradient(phases, x, weight), weightGradient(g, phases, x, weight, () => windowsOf(node))];
  },
  // A product of all windows with the weight.
  decompose: (node) => {
    const weight = node.input(1);
    const columns = windowsOf(node); // [B, H', W', k k C]
    const flat = reshape(transpose(weight, [0, 2, 3, 1]), [weight.dim(0), -1]);
    const product = gemm(reshape(columns, [-1, columns.dim(-1)]), flat, { transB: true });
    return [reshape(product, node.output().shape)];
  },
};

function windowsOf(node: NodeOf<typeof convolutionOp>): Tensor {
  return unfold(node.input(0), { kernel: node.input(1).dim(2), ...node.attributes });
}

/** Pixels of x at one place relative to the stride: the same taps of their windows' results reach them. */
interface Phase {
  /** Positions of the pixels in x, row by row. */
  readonly pixels: readonly number[];
  /** Taps (ky * kernel + kx) of the windows they are in. */
  readonly taps: readonly number[];
  /** The gradients of the results of those windows, [B * pixels, taps * O]. */
  readonly collected: Tensor;
}

/** Every pixel of x collects the gradients of the results whose windows it is in: stride * stride phases. */
function collectResults(
  g: Tensor,
  x: Tensor,
  kernel: number,
  { stride, padding }: ConvolutionAttributes,
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

/** The gradient of x: one product for each phase. */
function inputGradient(phases: readonly Phase[], x: Tensor, weight: Tensor): Tensor {
  const [out, channels, kernel] = [weight.dim(0), weight.dim(1), weight.dim(2)];
  const [b, h, w] = [x.dim(0), x.dim(1), x.dim(2)];
  const byTap = reshape(transpose(weight, [1, 2, 3, 0]), [channels, kernel * kernel, out]); // [C, k k, O]
  const order = new Array<number>(h * w).fill(OUTSIDE); // where in `parts` each pixel is
  let placed = 0;
  const parts = phases.map(({ pixels, taps, collected }) => {
    const flat = reshape(takeTaps(byTap, taps), [channels, taps.length * out]);
    for (const pixel of pixels) order[pixel] = placed++;
    return reshape(gemm(collected, flat, { transB: true }), [b, pixels.length, channels]);
  });
  const together = concat(parts, 1);
  if (inOrder(order)) return reshape(together, x.shape);
  return reshape(takePixels(reshape(together, [b, placed, 1, channels]), order), x.shape);
}

/**
 * The gradient of the weight. Where the windows of x are the larger array it comes from the results that the gradient of x
 * collects anyway, so that the windows need not be kept from the forward pass.
 */
function weightGradient(
  g: Tensor,
  phases: readonly Phase[],
  x: Tensor,
  weight: Tensor,
  windows: () => Tensor,
): Tensor {
  const [out, channels, kernel] = [weight.dim(0), weight.dim(1), weight.dim(2)];
  const taps = phases.flatMap((phase) => phase.taps);
  if (channels < out || taps.length < kernel * kernel) {
    const columns = windows();
    const flat = correlate(reshape(g, [-1, out]), reshape(columns, [-1, columns.dim(-1)])); // [O, k k C]
    return transpose(reshape(flat, [out, kernel, kernel, channels]), [0, 3, 1, 2]);
  }
  const parts = phases.map((phase) => {
    const pixels = inOrder(phase.pixels) ? x : takePixels(x, phase.pixels);
    const flat = correlate(reshape(pixels, [-1, channels]), phase.collected); // [C, taps * O]
    return reshape(flat, [channels, phase.taps.length, out]);
  });
  const places = Array.from(taps, (_, tap) => taps.indexOf(tap));
  const byTap = takeTaps(concat(parts, 1), places); // [C, k k, O]
  return transpose(reshape(byTap, [channels, kernel, kernel, out]), [3, 0, 1, 2]);
}

const inOrder = (positions: readonly number[]): boolean => positions.every((position, i) => position === i);

/** Some taps of [C, taps, O], in their order. */
function takeTaps(x: Tensor, taps: readonly number[]): Tensor {
  return taps.length === x.dim(1) && inOrder(taps) ? x : gather(x, indices(taps), 1);
}

/** Products over this many ranges of rows, added up, are a third faster than one product over all of them. */
const RANGES = 4;

/** Up to this width it is a third faster to transpose the narrow operand, above it a little faster to transpose the wide one. */
const NARROW = 32;

/** a' b, summed over many rows: [rows, m], [rows, n] with m <= n -> [m, n]. */
function correlate(a: Tensor, b: Tensor): Tensor {
  const rows = a.dim(0);
  const ranges = rows % RANGES === 0 ? RANGES : 1;
  const inRanges = (x: Tensor): Tensor => reshape(x, [ranges, rows / ranges, x.dim(1)]);
  const product = (left: Tensor, right: Tensor): Tensor =>
    sum(matmul(inRanges(left), inRanges(right), { transA: true }), { axes: [0] });
  return a.dim(1) <= NARROW ? product(a, b) : transpose(product(b, a));
}

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

/**
 * 2-D convolution.
 *
 * @param x [B, H, W, C]
 * @param weight [out, C, kernel, kernel], as PyTorch keeps it
 * @returns [B, H', W', out]
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  { stride = 1, padding = 0 }: { readonly stride?: number; readonly padding?: number } = {},
): Tensor {
  return apply(convolutionOp, [x, weight], { stride, padding });
}

/** Largest value of each window, [B, H, W, C] -> [B, H', W', C]; padding never wins. */
export function maxPool(x: Tensor, options: Omit<UnfoldOptions, 'fill'>): Tensor {
  const view = unfold(x, { ...options, fill: LOWEST });
  return max(reshape(view, [...view.shape.slice(0, 3), options.kernel ** 2, x.dim(-1)]), { axes: [3] });
}

/** Mean of each window, [B, H, W, C] -> [B, H', W', C]; padding counts as zeros. */
export function meanPool(x: Tensor, options: Omit<UnfoldOptions, 'fill'>): Tensor {
  const view = unfold(x, options);
  const { kernel } = options;
  return mean(reshape(view, [...view.shape.slice(0, 3), kernel * kernel, x.dim(-1)]), { axes: [3] });
}
