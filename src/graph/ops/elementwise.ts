/** Elementwise arithmetic with NumPy's broadcasting: each op with its derivative. */
import { GraphError } from '../errors.ts';
import {
  apply,
  madeBy,
  type Node,
  type Op,
  type Shape,
  type SliceRange,
  sameShape,
  type Tensor,
  type TensorType,
} from '../tensor.ts';
import { cast, unexpanded } from './layout.ts';
import { scalar, scalarValue } from './leaf.ts';
import { sumTo } from './reduce.ts';

/** The shape two shapes broadcast to. */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[i - rank + a.length] ?? 1;
    const n = b[i - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new GraphError(`shapes [${a.join(', ')}] and [${b.join(', ')}] do not broadcast`);
    }
    return m === 1 ? n : m;
  });
}

type None = Record<string, never>;

/** A slice of a broadcast result needs the same slice of each operand, unless the operand is stretched along that axis. */
function sliceOperand(
  x: Tensor,
  rank: number,
  range: SliceRange,
  slice: (x: Tensor, range: SliceRange) => Tensor,
): Tensor {
  const axis = range.axis - (rank - x.rank);
  return axis < 0 || x.dim(axis) === 1 ? x : slice(x, { ...range, axis });
}

type Derivatives = (node: Node, g: Tensor) => readonly [Tensor, Tensor];

function binary(name: string, derivatives: Derivatives): Op<None> {
  const op: Op<None> = {
    name,
    infer: ([a, b]) => [broadcastType(a, b)],
    gradient: (node, [g]) => {
      if (g === undefined) return [];
      const [da, db] = derivatives(node, g);
      return [sumTo(da, node.input(0).shape), sumTo(db, node.input(1).shape)];
    },
    slice: (node, range, slice) => {
      const { rank } = node.output();
      const operands = node.inputs.map((x) => sliceOperand(x, rank, range, slice));
      return apply(op, operands, {});
    },
  };
  return op;
}

function broadcastType(a: TensorType | undefined, b: TensorType | undefined): TensorType {
  if (a === undefined || b === undefined) throw new GraphError('wants two operands');
  if (a.dtype !== b.dtype) throw new GraphError(`types ${a.dtype} and ${b.dtype} differ`);
  return { dtype: a.dtype, shape: broadcastShape(a.shape, b.shape) };
}

export const addOp = binary('add', (_, g) => [g, g]);
export const subOp = binary('sub', (_, g) => [g, neg(g)]);
export const mulOp = binary('mul', (node, g) => [mul(g, node.input(1)), mul(g, node.input(0))]);
// d(a/b) = da/b - (a/b) db/b
export const divOp = binary('div', (node, g) => {
  const da = div(g, node.input(1));
  return [da, neg(mul(da, node.output()))];
});
export const maximumOp = binary('maximum', (node, g) => {
  const takesFirst = greater(node.input(0), node.input(1));
  return [where(takesFirst, g, scalar(0)), where(takesFirst, scalar(0), g)];
});

/** Broadcasting stretches an operand as it goes, so one that was stretched before is taken as it was. */
function combine(op: Op<None>, a: Tensor, b: Tensor): Tensor {
  const [sa, sb] = [unexpanded(a), unexpanded(b)];
  const shape = broadcastShape(a.shape, b.shape);
  if (sameShape(broadcastShape(sa.shape, b.shape), shape)) return apply(op, [sa, b], {});
  return apply(op, sameShape(broadcastShape(a.shape, sb.shape), shape) ? [a, sb] : [a, b], {});
}

export const add = (a: Tensor, b: Tensor): Tensor => combine(addOp, a, b);
export const sub = (a: Tensor, b: Tensor): Tensor => combine(subOp, a, b);
export const mul = (a: Tensor, b: Tensor): Tensor => {
  const [fa, fb] = [scalarValue(a), scalarValue(b)];
  if (fb !== undefined) return scale(a, fb);
  return fa === undefined ? combine(mulOp, a, b) : scale(b, fa);
};
export const div = (a: Tensor, b: Tensor): Tensor => combine(divOp, a, b);
/** The larger of two values; where they are equal the gradient goes to the second. */
export const maximum = (a: Tensor, b: Tensor): Tensor => combine(maximumOp, a, b);

/** The two operands when `x` is a product, for passes that look for one. */
export function factors(x: Tensor): readonly [Tensor, Tensor] | undefined {
  return operandsOf(x, mulOp);
}

/** The two operands when `x` is a sum, for passes that look for one. */
export function addends(x: Tensor): readonly [Tensor, Tensor] | undefined {
  return operandsOf(x, addOp);
}

function operandsOf(x: Tensor, op: Op<None>): readonly [Tensor, Tensor] | undefined {
  const node = madeBy(x, op);
  return node && [node.input(0), node.input(1)];
}

function unary(name: string, derivative: (node: Node, g: Tensor) => Tensor): Op<None> {
  const op: Op<None> = {
    name,
    infer: ([x]) => {
      if (x === undefined || (x.dtype !== 'f32' && x.dtype !== 'f16'))
        throw new GraphError('wants a float tensor');
      return [x];
    },
    gradient: (node, [g]) => (g === undefined ? [] : [derivative(node, g)]),
    slice: (node, range, slice) => apply(op, [slice(node.input(0), range)], {}),
  };
  return op;
}

export const negOp = unary('neg', (_, g) => neg(g));
export const expOp = unary('exp', (node, g) => mul(g, node.output()));
export const logOp = unary('log', (node, g) => div(g, node.input(0)));
export const sqrtOp = unary('sqrt', (node, g) => scale(div(g, node.output()), 0.5));
export const tanhOp = unary('tanh', (node, g) => sub(g, mul(g, square(node.output()))));
// erf'(x) = 2/sqrt(pi) exp(-x^2)
export const erfOp = unary('erf', (node, g) =>
  scale(mul(g, exp(neg(square(node.input(0))))), 2 / Math.sqrt(Math.PI)),
);

export const reluOp: Op<None> = {
  // Zero has gradient zero, as in PyTorch.
  ...unary('relu', (node, g) => mul(g, cast(greater(node.output(), scalar(0)), 'f32'))),
  slice: (node, range, slice) => relu(slice(node.input(0), range)),
  decompose: (node) => [maximum(node.input(0), scalar(0))],
};

export const squareOp: Op<None> = {
  ...unary('square', (node, g) => scale(mul(g, node.input(0)), 2)),
  slice: (node, range, slice) => square(slice(node.input(0), range)),
  decompose: (node) => [mul(node.input(0), node.input(0))],
};

export const neg = (x: Tensor): Tensor => apply(negOp, [x], {});
export const exp = (x: Tensor): Tensor => apply(expOp, [x], {});
export const log = (x: Tensor): Tensor => apply(logOp, [x], {});
export const sqrt = (x: Tensor): Tensor => apply(sqrtOp, [x], {});
export const tanh = (x: Tensor): Tensor => apply(tanhOp, [x], {});
export const erf = (x: Tensor): Tensor => apply(erfOp, [x], {});
export const square = (x: Tensor): Tensor => apply(squareOp, [x], {});
export const relu = (x: Tensor): Tensor => apply(reluOp, [x], {});

type ScaleAttributes = { factor: number };

export const scaleOp: Op<ScaleAttributes> = {
  name: 'scale',
  infer: ([x]) => {
    if (x === undefined) throw new GraphError('wants a tensor');
    return [x];
  },
  gradient: (node, [g]) => (g === undefined ? [] : [scale(g, node.attributes.factor)]),
  slice: (node, range, slice) => scale(slice(node.input(0), range), node.attributes.factor),
  decompose: (node) => [apply(mulOp, [node.input(0), scalar(node.attributes.factor)], {})],
};

/** `factor * x` for a number known now. Passes move such factors into neighboring matrix products. */
export function scale(x: Tensor, factor: number): Tensor {
  if (factor === 1) return x;
  const value = scalarValue(x);
  if (value !== undefined) return scalar(value * factor);
  const inner = scaleFactor(x);
  return inner === undefined ? apply(scaleOp, [x], { factor }) : scale(x.node.input(0), inner * factor);
}

/** The factor when `x` is `factor * something`, for passes that look for one. */
export function scaleFactor(x: Tensor): number | undefined {
  return madeBy(x, scaleOp)?.attributes.factor;
}

type ShiftAttributes = { offset: number };

export const shiftOp: Op<ShiftAttributes> = {
  name: 'shift',
  infer: ([x]) => {
    if (x === undefined) throw new GraphError('wants a tensor');
    return [x];
  },
  gradient: (_, [g]) => [g],
  slice: (node, range, slice) => shift(slice(node.input(0), range), node.attributes.offset),
  decompose: (node) => [add(node.input(0), scalar(node.attributes.offset))],
};

/** `x + offset` for a number known now. */
export function shift(x: Tensor, offset: number): Tensor {
  return apply(shiftOp, [x], { offset });
}

function comparison(name: string): Op<None> {
  return { name, infer: ([a, b]) => [{ dtype: 'bool', shape: broadcastType(a, b).shape }] };
}

export const greaterOp = comparison('greater');
export const equalOp = comparison('equal');

/** a > b, elementwise, as booleans for `where`. No gradient. */
export const greater = (a: Tensor, b: Tensor): Tensor => apply(greaterOp, [a, b], {});
/** a = b, elementwise. No gradient. */
export const equal = (a: Tensor, b: Tensor): Tensor => apply(equalOp, [a, b], {});

export const whereOp: Op<None> = {
  name: 'where',
  infer: ([condition, a, b]) => {
    if (condition?.dtype !== 'bool') throw new GraphError('wants a boolean condition');
    const { dtype, shape } = broadcastType(a, b);
    return [{ dtype, shape: broadcastShape(condition.shape, shape) }];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [condition, a, b] = [node.input(0), node.input(1), node.input(2)];
    return [
      undefined,
      sumTo(where(condition, g, scalar(0)), a.shape),
      sumTo(where(condition, scalar(0), g), b.shape),
    ];
  },
};

/** `condition ? a : b`, elementwise. */
export const where = (condition: Tensor, a: Tensor, b: Tensor): Tensor =>
  apply(whereOp, [condition, a, b], {});

const stopGradientOp: Op<None> = {
  name: 'stopGradient',
  infer: ([x]) => {
    if (x === undefined) throw new GraphError('wants a tensor');
    return [x];
  },
  gradient: () => [],
  slice: (node, range, slice) => stopGradient(slice(node.input(0), range)),
  decompose: (node) => node.inputs,
};

/** The same value; gradients do not pass. */
export const stopGradient = (x: Tensor): Tensor => apply(stopGradientOp, [x], {});
