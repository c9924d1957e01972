/** Sums, means and maxima over axes. */
import { GraphError } from '../errors.ts';
import { apply, axisOf, type Op, type Shape, sameShape, type Tensor, type TensorType } from '../tensor.ts';
import { div, equal, mul, scale, square, where } from './elementwise.ts';
import { expand, reshape } from './layout.ts';
import { scalar } from './leaf.ts';

type ReduceAttributes = { axes: readonly number[]; keep: boolean };

/** How a reduction is asked for: `axes` defaults to all; `keep` leaves reduced axes in place with size 1. */
export interface ReduceOptions {
  readonly axes?: readonly number[];
  readonly keep?: boolean;
}

function reducedShape(shape: Shape, axes: readonly number[], keep: boolean): Shape {
  return keep ? shape.map((n, i) => (axes.includes(i) ? 1 : n)) : shape.filter((_, i) => !axes.includes(i));
}

function reducedType(x: TensorType | undefined, { axes, keep }: ReduceAttributes): TensorType {
  if (x === undefined) throw new GraphError('wants a tensor');
  for (const axis of axes) axisOf(axis, x.shape.length);
  return { dtype: x.dtype, shape: reducedShape(x.shape, axes, keep) };
}

/** Stretches a reduced tensor back over the axes it lost. */
function unreduce(reduced: Tensor, full: Shape, axes: readonly number[]): Tensor {
  return expand(reshape(reduced, reducedShape(full, axes, true)), full);
}

export const sumOp: Op<ReduceAttributes> = {
  name: 'sum',
  infer: ([x], attributes) => [reducedType(x, attributes)],
  gradient: (node, [g]) => (g === undefined ? [] : [unreduce(g, node.input(0).shape, node.attributes.axes)]),
};

export const sumOfSquaresOp: Op<ReduceAttributes> = {
  name: 'sumOfSquares',
  infer: ([x], attributes) => [reducedType(x, attributes)],
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const x = node.input(0);
    return [mul(x, scale(reshape(g, reducedShape(x.shape, node.attributes.axes, true)), 2))];
  },
  decompose: (node) => [sum(square(node.input(0)), node.attributes)],
};

export const maxOp: Op<ReduceAttributes> = {
  name: 'max',
  infer: ([x], attributes) => [reducedType(x, attributes)],
  // Ties share the gradient equally, as in PyTorch's amax.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const x = node.input(0);
    const { axes } = node.attributes;
    const isMax = equal(x, unreduce(node.output(), x.shape, axes));
    const chosen = where(isMax, scalar(1), scalar(0));
    const count = sum(chosen, { axes, keep: true });
    return [mul(unreduce(g, x.shape, axes), div(chosen, count))];
  },
};

function reduce(op: Op<ReduceAttributes>, x: Tensor, { axes, keep = false }: ReduceOptions): Tensor {
  const all =
    axes === undefined
      ? x.shape.map((_, i) => i)
      : axes.map((axis) => axisOf(axis, x.rank)).sort((a, b) => a - b);
  return all.length === 0 ? x : apply(op, [x], { axes: all, keep });
}

export const sum = (x: Tensor, options: ReduceOptions = {}): Tensor => reduce(sumOp, x, options);
/** Sum of the squares, without an array for the squares. */
export const sumOfSquares = (x: Tensor, options: ReduceOptions = {}): Tensor =>
  reduce(sumOfSquaresOp, x, options);
export const max = (x: Tensor, options: ReduceOptions = {}): Tensor => reduce(maxOp, x, options);

export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const total = reduce(sumOp, x, options);
  return scale(total, total.size / x.size);
}

/** Sums a gradient over the axes along which an operand of that shape was broadcast. */
export function sumTo(g: Tensor, shape: Shape): Tensor {
  if (sameShape(g.shape, shape)) return g;
  const lead = g.rank - shape.length;
  const axes = g.shape.flatMap((n, i) => (i < lead || (shape[i - lead] === 1 && n !== 1) ? [i] : []));
  // Leading axes that are only summed over merge into one: a column sum of a matrix.
  if (axes.length === lead && lead > 0 && shape.length === 1) {
    const columns = g.dim(-1);
    return sum(reshape(g, [g.size / columns, columns]), { axes: [0] });
  }
  return reshape(sum(g, { axes, keep: true }), shape);
}
