/**
 * Convolutions as ONNX has them: images and maps are [B, C, H, W] there. The graph keeps channels last, so each convolution gets
 * a transposition on either side. What lies between two convolutions is moved before the transposition, and the two
 * transpositions that meet cancel. What happens to each channel after a convolution (batch norm by running statistics) goes
 * into its weight and bias.
 */
import { GraphError } from '../../errors.ts';
import { gelu, geluOp } from '../../ops/activation.ts';
import { convolutionOp } from '../../ops/convolution.ts';
import { depthwiseOp } from '../../ops/depthwise.ts';
import { add, addOp, mul, mulOp, neg, relu, reluOp, sub, subOp } from '../../ops/elementwise.ts';
import { reshape, transpose, transposeOp } from '../../ops/layout.ts';
import { patchProjectionOp } from '../../ops/patches.ts';
import { maxPoolOp } from '../../ops/pooling.ts';
import { apply, isOp, madeBy, type Node, type Op, sameShape, type Tensor } from '../../tensor.ts';
import { countUses, rewrite } from '../../traverse.ts';

type ConvAttributes = { stride: number; padding: number; groups: number };

/** [B, C, H, W], a weight [out, C / groups, kernel, kernel] and perhaps a bias [out] -> [B, out, H', W'] */
export const convOp: Op<ConvAttributes> = {
  name: 'conv',
  infer: ([x, weight], { stride, padding }) => {
    const [images, , height, width] = x?.shape ?? [];
    const [out, , kernel] = weight?.shape ?? [];
    if (x === undefined || images === undefined || height === undefined || width === undefined)
      throw new GraphError(`wants [images, channels, height, width], got [${x?.shape.join(', ')}]`);
    if (out === undefined || kernel === undefined)
      throw new GraphError(`wants a weight [out, channels, kernel, kernel]`);
    const along = (pixels: number): number => Math.floor((pixels + 2 * padding - kernel) / stride) + 1;
    return [{ dtype: x.dtype, shape: [images, out, along(height), along(width)] }];
  },
};

type PoolAttributes = { kernel: number; stride: number; padding: number };

/** [B, C, H, W] -> [B, C, H', W'] */
export const largestOp: Op<PoolAttributes> = {
  name: 'largest',
  infer: ([x], { kernel, stride, padding }) => {
    const along = (pixels = 0): number => Math.floor((pixels + 2 * padding - kernel) / stride) + 1;
    const [images = 0, channels = 0, height, width] = x?.shape ?? [];
    return x === undefined
      ? []
      : [{ dtype: x.dtype, shape: [images, channels, along(height), along(width)] }];
  },
};

/** Ops that are written with their channels first. */
export const ofWindows: ReadonlySet<Op> = new Set<Op>([
  convolutionOp,
  depthwiseOp,
  maxPoolOp,
  patchProjectionOp,
]);

const TO_FIRST = [0, 3, 1, 2];
const TO_LAST = [0, 2, 3, 1];

/** @returns the same tensors, convolutions as `convOp`, the largest values of windows as `largestOp` */
export function channelsFirst(roots: readonly Tensor[]): Tensor[] {
  const uses = countUses(roots);
  return rewrite(roots, (node, inputs) => {
    const [a, b, c] = inputs;
    if (a === undefined) return undefined;
    if (isOp(node, transposeOp)) return [reordered(a, node.attributes.order)];
    if (isOp(node, convolutionOp) && b !== undefined)
      return [convolved(a, b, { ...node.attributes, groups: 1 })];
    if (isOp(node, depthwiseOp) && b !== undefined)
      return [convolved(a, b, { ...node.attributes, stride: 1, groups: b.dim(0) })];
    if (isOp(node, maxPoolOp))
      return [transpose(apply(largestOp, [reordered(a, TO_FIRST)], node.attributes), TO_LAST)];
    if (isOp(node, patchProjectionOp) && b !== undefined && c !== undefined) {
      const map = apply(convOp, [a, b, c], { stride: b.dim(2), padding: 0, groups: 1 }); // [B, out, h, w]
      return [reshape(transpose(map, [2, 3, 0, 1]), node.output().shape)];
    }
    const x = beforeTransposition(a);
    if (x === undefined) return undefined;
    if (isOp(node, reluOp)) return [transpose(relu(x), TO_LAST)];
    if (isOp(node, geluOp)) return [transpose(gelu(x), TO_LAST)];
    if (b === undefined) return undefined;
    const isAlone = uses.get(node.input(0)) === 1;
    const inConvolution = isAlone ? perChannel(node, x, b) : undefined;
    if (inConvolution !== undefined) return [transpose(inConvolution, TO_LAST)];
    const other = beforeTransposition(b);
    return isOp(node, addOp) && other !== undefined && sameShape(x.shape, other.shape)
      ? [transpose(add(x, other), TO_LAST)]
      : undefined;
  });
}

/** A convolution of a map whose channels are last. */
function convolved(x: Tensor, weight: Tensor, attributes: ConvAttributes): Tensor {
  return transpose(apply(convOp, [reordered(x, TO_FIRST), weight], attributes), TO_LAST);
}

/** Axes in an order, where those of x were put in an order before: one transposition, or none. */
function reordered(x: Tensor, order: readonly number[]): Tensor {
  const before = madeBy(x, transposeOp);
  if (before === undefined) return transpose(x, order);
  const { order: first } = before.attributes;
  return transpose(
    before.input(0),
    order.map((axis) => first[axis] ?? axis),
  );
}

/** The map with its channels first that x was transposed from. */
function beforeTransposition(x: Tensor): Tensor | undefined {
  const node = madeBy(x, transposeOp);
  return node?.attributes.order.join() === TO_LAST.join() ? node.input(0) : undefined;
}

/** A convolution with a number for each channel taken off, multiplied by or added: another convolution. */
function perChannel(node: Node, x: Tensor, each: Tensor): Tensor | undefined {
  const conv = madeBy(x, convOp);
  if (conv === undefined || each.rank !== 1 || each.dim(0) !== x.dim(1)) return undefined;
  const [images, weight, bias] = [conv.input(0), conv.input(1), conv.inputs[2]];
  const again = (by: Tensor, plus: Tensor): Tensor => apply(convOp, [images, by, plus], conv.attributes);
  if (isOp(node, subOp)) return again(weight, bias === undefined ? neg(each) : sub(bias, each));
  if (isOp(node, addOp)) return again(weight, bias === undefined ? each : add(each, bias));
  if (!isOp(node, mulOp)) return undefined;
  const scaled = mul(weight, reshape(each, [each.dim(0), 1, 1, 1]));
  return bias === undefined
    ? apply(convOp, [images, scaled], conv.attributes)
    : again(scaled, mul(bias, each));
}
