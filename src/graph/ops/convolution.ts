/**
 * Convolution and pooling as window views: `windows` lays the elements of each window side by side (im2col), after which
 * a convolution is one matrix product and a pooling one reduction. Channels are last: [images, height, width, channels],
 * so that a window is a handful of whole rows of channels and one `Gather` collects them all.
 */
import { GraphError } from '../errors.ts';
import { apply, type Op, type Tensor } from '../tensor.ts';
import { dilate, gather, pad, reshape, slice, transpose } from './layout.ts';
import { indices } from './leaf.ts';
import { gemm } from './product.ts';
import { max, mean } from './reduce.ts';

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

/**
 * Every window's elements: [B, H, W, C] -> [B, H', W', kernel * kernel * C], ordered (row, column, channel).
 * H' = floor((H + 2 padding - kernel) / stride) + 1.
 */
export function windows(x: Tensor, { kernel, stride = 1, padding = 0, fill = 0 }: WindowOptions): Tensor {
  if (x.rank !== 4)
    throw new GraphError(`windows: wants [images, height, width, channels], got [${x.shape.join(', ')}]`);
  const [b, h, w, c] = [x.dim(0), x.dim(1) + 2 * padding, x.dim(2) + 2 * padding, x.dim(3)];
  const outH = Math.floor((h - kernel) / stride) + 1;
  const outW = Math.floor((w - kernel) / stride) + 1;
  if (outH < 1 || outW < 1)
    throw new GraphError(`windows: a ${kernel} x ${kernel} window does not fit ${h} x ${w} pixels`);
  if (kernel === 1 && stride === 1) return x;
  if (kernel === stride && padding === 0) {
    // Windows side by side: only a change of order.
    const whole = slice(slice(x, 1, 0, outH * kernel), 2, 0, outW * kernel);
    const split = reshape(whole, [b, outH, kernel, outW, kernel, c]);
    return reshape(transpose(split, [0, 1, 3, 2, 4, 5]), [b, outH, outW, kernel * kernel * c]);
  }
  const padded = pad(pad(x, 1, padding, padding, fill), 2, padding, padding, fill);
  const positions: number[] = [];
  for (let row = 0; row < outH; row++) {
    for (let column = 0; column < outW; column++) {
      for (let tap = 0; tap < kernel * kernel; tap++) {
        positions.push((row * stride + Math.floor(tap / kernel)) * w + column * stride + (tap % kernel));
      }
    }
  }
  const pixels = gather(reshape(padded, [b, h * w, c]), indices(positions), 1);
  return reshape(pixels, [b, outH, outW, kernel * kernel * c]);
}

type ConvolutionAttributes = { stride: number; padding: number };

/**
 * Passes a convolution's result through and knows its derivatives: inputs are the result, x, the weight and the windows.
 * The gradient of x is again a convolution, of the result's gradient with the weight turned by half a turn; adding up
 * overlapping windows would be several times slower.
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
    const [out, channels, kernel] = [weight.dim(0), weight.dim(1), weight.dim(2)];
    const rows = reshape(g, [-1, out]);
    const dFlat = gemm(rows, reshape(columns, [-1, columns.dim(-1)]), { transA: true }); // [out, k k C]
    const dWeight = transpose(reshape(dFlat, [out, kernel, kernel, channels]), [0, 3, 1, 2]);
    return [undefined, inputGradient(g, x, weight, node.attributes), dWeight, undefined];
  },
  lower: (node, to) => [to.name(node.input(0))],
};

function inputGradient(
  g: Tensor,
  x: Tensor,
  weight: Tensor,
  { stride, padding }: ConvolutionAttributes,
): Tensor {
  const [out, channels, kernel] = [weight.dim(0), weight.dim(1), weight.dim(2)];
  const taps = kernel * kernel;
  // [C, k k O] with the taps in reverse: the weight turned by half a turn.
  const byInput = reshape(transpose(weight, [1, 2, 3, 0]), [channels, taps, out]);
  const turned =
    taps === 1 ? byInput : gather(byInput, indices(Array.from({ length: taps }, (_, i) => taps - 1 - i)), 1);
  const flat = reshape(turned, [channels, taps * out]);
  if (kernel === 1) {
    const small = reshape(gemm(reshape(g, [-1, out]), flat, { transB: true }), [
      ...g.shape.slice(0, 3),
      channels,
    ]);
    return placeIn(
      placeIn(dilate(dilate(small, 1, stride), 2, stride), 1, -padding, x.dim(1)),
      2,
      -padding,
      x.dim(2),
    );
  }
  const before = kernel - 1 - padding;
  const spread = dilate(dilate(g, 1, stride), 2, stride);
  const placed = placeIn(placeIn(spread, 1, before, x.dim(1) + kernel - 1), 2, before, x.dim(2) + kernel - 1);
  const columns = windows(placed, { kernel });
  const dx = gemm(reshape(columns, [-1, taps * out]), flat, { transB: true });
  return reshape(dx, x.shape);
}

/** Puts `before` zeros in front (or cuts, if negative) and zeros or a cut at the end, for a given size. */
function placeIn(x: Tensor, axis: number, before: number, size: number): Tensor {
  const cut = slice(x, axis, Math.max(-before, 0), x.dim(axis));
  const front = Math.max(before, 0);
  const kept = slice(cut, axis, 0, Math.min(cut.dim(axis), size - front));
  return pad(kept, axis, front, size - front - kept.dim(axis));
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
