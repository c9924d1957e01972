/**
 * Convolution and pooling as window views: `windows` lays the elements of each window side by side (im2col), after which
 * a convolution is one matrix product and a pooling one reduction. Channels are last: [images, height, width, channels],
 * so that a window is a handful of whole rows of channels and one `Gather` collects them all.
 */
import { GraphError } from '../errors.ts';
import { apply, type Op, type Tensor } from '../tensor.ts';
import { concat, gather, reshape, slice, transpose } from './layout.ts';
import { constant, indices } from './leaf.ts';
import { gemm, matmul } from './product.ts';
import { max, mean, sum } from './reduce.ts';

/** The lowest finite float32. */
const LOWEST = -3.4028234663852886e38;

export interface WindowOptions {
  /** Side of the (square) window. */
  readonly kernel: number;
  readonly stride?: number;
  /** Rows and columns added on every side. */
  readonly padding?: number;
  /** What they are filled with, zero unless given. */
  readonly fill?: number;
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
export function windows(x: Tensor, { kernel, stride = 1, padding = 0, fill = 0 }: WindowOptions): Tensor {
  if (x.rank !== 4)
    throw new GraphError(`windows: wants [images, height, width, channels], got [${x.shape.join(', ')}]`);
  const [b, h, w, c] = [x.dim(0), x.dim(1), x.dim(2), x.dim(3)];
  const outH = Math.floor((h + 2 * padding - kernel) / stride) + 1;
  const outW = Math.floor((w + 2 * padding - kernel) / stride) + 1;
  if (outH < 1 || outW < 1) {
    throw new GraphError(
      `windows: a ${kernel} x ${kernel} window does not fit ${h + 2 * padding} x ${w + 2 * padding} pixels`,
    );
  }
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
 * Passes a convolution's result through and knows its derivatives: inputs are the result, x, the weight and the windows.
 * The gradient of x is collected in the same way as windows are; adding up overlapping windows would be several times slower.
 */
const convolutionOp: Op<ConvolutionAttributes> = {
  name: 'convolution',
  infer: ([product]) => {
    if (product === undefined) throw new GraphError('wants the convolution');
    return [product];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [x, weight, columns] = [node.input(1), node.input(2), node.input(3)];
    return [
      undefined,
      inputGradient(g, x, weight, node.attributes),
      weightGradient(g, weight, columns),
      undefined,
    ];
  },
  lower: (node, to) => [to.name(node.input(0))],
};

/** Products over this many ranges of rows, added up, are a third faster than one product over all of them. */
const RANGES = 4;

/** Up to this many results, transposing the results' gradients (the smaller operand) is a third faster than transposing the windows. */
const FEW_RESULTS = 32;

function weightGradient(g: Tensor, weight: Tensor, columns: Tensor): Tensor {
  const [out, channels, kernel] = [weight.dim(0), weight.dim(1), weight.dim(2)];
  const rows = g.size / out;
  const ranges = rows % RANGES === 0 ? RANGES : 1;
  const inRanges = (x: Tensor): Tensor => reshape(x, [ranges, rows / ranges, x.dim(-1)]);
  const overRanges = (a: Tensor, b: Tensor): Tensor =>
    sum(matmul(inRanges(a), inRanges(b), { transA: true }), { axes: [0] });
  return out <= FEW_RESULTS
    ? transpose(reshape(overRanges(g, columns), [out, kernel, kernel, channels]), [0, 3, 1, 2])
    : transpose(reshape(overRanges(columns, g), [kernel, kernel, channels, out]), [3, 2, 0, 1]);
}

/**
 * The gradient of x: every pixel collects from the results whose windows it is in. Pixels at the same place relative to the
 * stride are in windows by the same taps, so each of these stride * stride phases is one product.
 */
function inputGradient(
  g: Tensor,
  x: Tensor,
  weight: Tensor,
  { stride, padding }: ConvolutionAttributes,
): Tensor {
  const [out, channels, kernel] = [weight.dim(0), weight.dim(1), weight.dim(2)];
  const [b, h, w] = [x.dim(0), x.dim(1), x.dim(2)];
  const byTap = reshape(transpose(weight, [1, 2, 3, 0]), [channels, kernel * kernel, out]); // [C, k k, O]
  const phases = Array.from({ length: stride * stride }, (_, i) => ({
    rows: axisPhase(Math.floor(i / stride), h, g.dim(1), kernel, stride, padding),
    columns: axisPhase(i % stride, w, g.dim(2), kernel, stride, padding),
  }));
  const parts: Tensor[] = [];
  const order = new Array<number>(h * w).fill(OUTSIDE); // where in `parts` each pixel is
  let placed = 0;
  for (const { rows, columns } of phases) {
    const taps = rows.taps.flatMap((ky) => columns.taps.map((kx) => ky * kernel + kx));
    if (taps.length === 0 || rows.pixels.length * columns.pixels.length === 0) continue;
    const positions = rows.sources.flatMap((ys) =>
      columns.sources.flatMap((xs) =>
        ys.flatMap((y) => xs.map((z) => (y < 0 || z < 0 ? OUTSIDE : y * g.dim(2) + z))),
      ),
    );
    const pixels = rows.pixels.length * columns.pixels.length;
    const collected = reshape(takePixels(g, positions), [b * pixels, taps.length * out]);
    const all = taps.every((tap, i) => tap === i) && taps.length === kernel * kernel;
    const chosen = all ? byTap : gather(byTap, indices(taps), 1);
    const flat = reshape(chosen, [channels, taps.length * out]);
    parts.push(reshape(gemm(collected, flat, { transB: true }), [b, pixels, channels]));
    for (const y of rows.pixels) for (const z of columns.pixels) order[y * w + z] = placed++;
  }
  const together = concat(parts, 1);
  if (order.every((position, i) => position === i)) return reshape(together, x.shape);
  return reshape(takePixels(reshape(together, [b, placed, 1, channels]), order), x.shape);
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
  const [out, channels, kernel] = [weight.dim(0), weight.dim(1), weight.dim(2)];
  if (channels !== x.dim(-1) || weight.dim(3) !== kernel) {
    throw new GraphError(`conv2d: weight [${weight.shape.join(', ')}] does not fit ${x.dim(-1)} channels`);
  }
  const columns = windows(x, { kernel, stride, padding }); // [B, H', W', k k C]
  const flat = reshape(transpose(weight, [0, 2, 3, 1]), [out, kernel * kernel * channels]);
  const product = gemm(reshape(columns, [-1, columns.dim(-1)]), flat, { transB: true });
  const y = reshape(product, [...columns.shape.slice(0, 3), out]);
  return apply(convolutionOp, [y, x, weight, columns], { stride, padding });
}

/** Largest value of each window, [B, H, W, C] -> [B, H', W', C]; padding never wins. */
export function maxPool(x: Tensor, options: Omit<WindowOptions, 'fill'>): Tensor {
  const view = windows(x, { ...options, fill: LOWEST });
  return max(reshape(view, [...view.shape.slice(0, 3), options.kernel ** 2, x.dim(-1)]), { axes: [3] });
}

/** Mean of each window, [B, H, W, C] -> [B, H', W', C]; padding counts as zeros. */
export function meanPool(x: Tensor, options: Omit<WindowOptions, 'fill'>): Tensor {
  const view = windows(x, options);
  const { kernel } = options;
  return mean(reshape(view, [...view.shape.slice(0, 3), kernel * kernel, x.dim(-1)]), { axes: [3] });
}
