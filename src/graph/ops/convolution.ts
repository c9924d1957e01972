/**
 * 2-D convolution: the windows of a map laid side by side (`windows.ts`), times the weight in one matrix product. Channels are
 * last: [images, height, width, channels].
 */
import { GraphError } from '../errors.ts';
import { apply, type NodeOf, type Op, type Tensor } from '../tensor.ts';
import { concat, gather, reshape, transpose } from './layout.ts';
import { indices } from './leaf.ts';
import { gemm, matmul } from './product.ts';
import { sum } from './reduce.ts';
import { collectResults, inOrder, inPlace, type Phase, takePixels, unfold, windowsAlong } from './windows.ts';

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

/** The gradient of x: one product for each phase. */
function inputGradient(phases: readonly Phase[], x: Tensor, weight: Tensor): Tensor {
  const [out, channels, kernel] = [weight.dim(0), weight.dim(1), weight.dim(2)];
  const byTap = reshape(transpose(weight, [1, 2, 3, 0]), [channels, kernel * kernel, out]); // [C, k k, O]
  return inPlace(phases, x, ({ pixels, taps, collected }) => {
    const flat = reshape(takeTaps(byTap, taps), [channels, taps.length * out]);
    return reshape(gemm(collected, flat, { transB: true }), [x.dim(0), pixels.length, channels]);
  });
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
    const isWhole = phase.pixels.length === x.dim(1) * x.dim(2) && inOrder(phase.pixels);
    const pixels = isWhole ? x : takePixels(x, phase.pixels);
    const flat = correlate(reshape(pixels, [-1, channels]), phase.collected); // [C, taps * O]
    return reshape(flat, [channels, phase.taps.length, out]);
  });
  const places = Array.from(taps, (_, tap) => taps.indexOf(tap));
  const byTap = takeTaps(concat(parts, 1), places); // [C, k k, O]
  return transpose(reshape(byTap, [channels, kernel, kernel, out]), [3, 0, 1, 2]);
}

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
