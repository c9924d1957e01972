/** Moving elements without arithmetic: reshape, transpose, slice, pad, concat, gather, expand. */
import { GraphError } from '../errors.ts';
import {
  apply,
  axisOf,
  type DType,
  madeBy,
  type Op,
  type Shape,
  type SliceRange,
  sameShape,
  sizeOf,
  type Tensor,
  type TensorType,
} from '../tensor.ts';
import { broadcastShape } from './elementwise.ts';
import { sumTo } from './reduce.ts';

function given(x: TensorType | undefined): TensorType {
  if (x === undefined) throw new GraphError('wants a tensor');
  return x;
}

type ReshapeAttributes = { shape: readonly number[] };

export const reshapeOp: Op<ReshapeAttributes> = {
  name: 'reshape',
  infer: ([x], { shape }) => {
    const { dtype, shape: from } = given(x);
    if (sizeOf(from) !== sizeOf(shape) || !shape.every(Number.isInteger)) {
      throw new GraphError(`[${from.join(', ')}] has other elements than [${shape.join(', ')}]`);
    }
    return [{ dtype, shape }];
  },
  gradient: (node, [g]) => (g === undefined ? [] : [reshape(g, node.input(0).shape)]),
  // Rows of the leading axis are a contiguous block, which is a block of the input's leading axis if the sizes divide.
  slice: (node, { axis, start, end }, slice) => {
    const x = node.input(0);
    const out = node.output();
    if (axis !== 0 || x.rank === 0) return undefined;
    const row = out.size / out.dim(0);
    const inputRow = x.size / x.dim(0);
    if ((start * row) % inputRow !== 0 || (end * row) % inputRow !== 0) return undefined;
    const rows = slice(x, { axis: 0, start: (start * row) / inputRow, end: (end * row) / inputRow });
    return reshape(rows, [end - start, ...out.shape.slice(1)]);
  },
};

/** The same elements in row-major order under another shape; one size may be -1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((product, n) => (n === -1 ? product : product * n), 1);
  const full = shape.map((n) => (n === -1 ? x.size / known : n));
  if (sameShape(x.shape, full)) return x;
  const source = madeBy(x, reshapeOp)?.input(0) ?? x;
  return sameShape(source.shape, full) ? source : apply(reshapeOp, [source], { shape: full });
}

type TransposeAttributes = { order: readonly number[] };

export const transposeOp: Op<TransposeAttributes> = {
  name: 'transpose',
  infer: ([x], { order }) => {
    const { dtype, shape } = given(x);
    const sorted = [...order].sort((a, b) => a - b);
    if (order.length !== shape.length || sorted.some((axis, i) => axis !== i)) {
      throw new GraphError(`[${order.join(', ')}] is not an order of the axes of [${shape.join(', ')}]`);
    }
    return [{ dtype, shape: order.map((axis) => shape[axis] ?? 0) }];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { order } = node.attributes;
    return [
      transpose(
        g,
        order.map((_, i) => order.indexOf(i)),
      ),
    ];
  },
  slice: (node, range, slice) => {
    const { order } = node.attributes;
    return transpose(slice(node.input(0), { ...range, axis: order[range.axis] ?? 0 }), order);
  },
};

/** Axis i of the result is axis `order[i]` of x; the default reverses them. */
export function transpose(
  x: Tensor,
  order: readonly number[] = x.shape.map((_, i) => x.rank - 1 - i),
): Tensor {
  return order.every((axis, i) => axis === i) ? x : apply(transposeOp, [x], { order });
}

type SliceAttributes = { axis: number; start: number; end: number; step: number };

export const sliceOp: Op<SliceAttributes> = {
  name: 'slice',
  infer: ([x], { axis, start, end, step }) => {
    const { dtype, shape } = given(x);
    const size = shape[axis] ?? 0;
    if (start < 0 || end > size || start > end || step < 1) {
      throw new GraphError(`${start}:${end}:${step} is not a range of axis ${axis} of [${shape.join(', ')}]`);
    }
    return [{ dtype, shape: shape.map((n, i) => (i === axis ? Math.ceil((end - start) / step) : n)) }];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { axis, start, step } = node.attributes;
    const size = node.input(0).dim(axis);
    const spread = dilate(g, axis, step);
    const after = size - start - spread.dim(axis);
    // A stride that does not divide leaves too many zeros at the end.
    const kept = after < 0 ? slice(spread, axis, 0, size - start) : spread;
    return [pad(kept, axis, start, Math.max(after, 0))];
  },
  slice: (node, range, slice) => {
    // Slices of one axis join. Slices of two axes stay as they are: each could pass the other for ever.
    const { axis, start, step } = node.attributes;
    if (range.axis !== axis || step !== 1) return undefined;
    return slice(node.input(0), { axis, start: start + range.start, end: start + range.end });
  },
};

/** Elements start, start + step, ... below end of one axis. Negative axis, start and end count from the end. */
export function slice(x: Tensor, axis: number, start: number, end: number, step = 1): Tensor {
  const at = axisOf(axis, x.rank);
  const size = x.dim(at);
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  return from === 0 && to === size && step === 1
    ? x
    : apply(sliceOp, [x], { axis: at, start: from, end: to, step });
}

/** The range of a slice without stride, for passes that move slices. */
export function rangeOf(x: Tensor): SliceRange | undefined {
  const attributes = madeBy(x, sliceOp)?.attributes;
  return attributes?.step === 1 ? attributes : undefined;
}

/** step - 1 zeros after each element of an axis: what undoes a strided slice. */
function dilate(x: Tensor, axis: number, step: number): Tensor {
  if (step === 1) return x;
  const { shape } = x;
  const apart = reshape(x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const padded = pad(apart, axis + 1, 0, step - 1);
  return reshape(
    padded,
    shape.map((n, i) => (i === axis ? n * step : n)),
  );
}

type PadAttributes = { axis: number; before: number; after: number; value: number };

export const padOp: Op<PadAttributes> = {
  name: 'pad',
  infer: ([x], { axis, before, after }) => {
    const { dtype, shape } = given(x);
    if (before < 0 || after < 0) throw new GraphError(`cannot pad by ${before} and ${after}`);
    return [{ dtype, shape: shape.map((n, i) => (i === axis ? before + n + after : n)) }];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { axis, before } = node.attributes;
    return [slice(g, axis, before, before + node.input(0).dim(axis))];
  },
};

/** A value (zero unless given) before and after along an axis. */
export function pad(x: Tensor, axis: number, before: number, after: number, value = 0): Tensor {
  const at = axisOf(axis, x.rank);
  return before === 0 && after === 0 ? x : apply(padOp, [x], { axis: at, before, after, value });
}

/** Where a tensor padded with zeros came from, for the sum of gradients of slices. */
export function paddingOf(x: Tensor): { axis: number; before: number; inner: Tensor } | undefined {
  const node = madeBy(x, padOp);
  return node?.attributes.value === 0 ? { ...node.attributes, inner: node.input(0) } : undefined;
}

type ConcatAttributes = { axis: number };

export const concatOp: Op<ConcatAttributes> = {
  name: 'concat',
  infer: (parts, { axis }) => {
    const { dtype, shape } = given(parts[0]);
    for (const part of parts) {
      if (
        part.dtype !== dtype ||
        part.shape.length !== shape.length ||
        part.shape.some((n, i) => i !== axis && n !== shape[i])
      ) {
        throw new GraphError(
          `[${part.shape.join(', ')}] does not continue [${shape.join(', ')}] along axis ${axis}`,
        );
      }
    }
    const total = parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0);
    return [{ dtype, shape: shape.map((n, i) => (i === axis ? total : n)) }];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { axis } = node.attributes;
    let start = 0;
    return node.inputs.map((part) => {
      const from = start;
      start += part.dim(axis);
      return slice(g, axis, from, start);
    });
  },
  slice: (node, range, slice) => {
    const { axis } = node.attributes;
    if (range.axis !== axis)
      return concat(
        node.inputs.map((part) => slice(part, range)),
        axis,
      );
    // A range inside one part needs that part only.
    let start = 0;
    for (const part of node.inputs) {
      const end = start + part.dim(axis);
      if (range.start >= start && range.end <= end)
        return slice(part, { axis, start: range.start - start, end: range.end - start });
      start = end;
    }
    return undefined;
  },
};

/** Tensors one after another along an axis. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const [first] = parts;
  if (first === undefined) throw new GraphError('concat: wants at least one tensor');
  return parts.length === 1 ? first : apply(concatOp, parts, { axis: axisOf(axis, first.rank) });
}

type ExpandAttributes = { shape: readonly number[] };

export const expandOp: Op<ExpandAttributes> = {
  name: 'expand',
  infer: ([x], { shape }) => {
    const from = given(x);
    if (!sameShape(broadcastShape(from.shape, shape), shape)) {
      throw new GraphError(`[${from.shape.join(', ')}] does not stretch to [${shape.join(', ')}]`);
    }
    return [{ dtype: from.dtype, shape }];
  },
  gradient: (node, [g]) => (g === undefined ? [] : [sumTo(g, node.input(0).shape)]),
  slice: (node, range, slice) => {
    const x = node.input(0);
    const out = node.output();
    const axis = range.axis - (out.rank - x.rank);
    const shape = out.shape.map((n, i) => (i === range.axis ? range.end - range.start : n));
    return expand(axis < 0 || x.dim(axis) === 1 ? x : slice(x, { ...range, axis }), shape);
  },
};

/** Stretches axes of size 1 (and missing leading axes) to a shape. */
export function expand(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : apply(expandOp, [x], { shape });
}

/** What was stretched, when x is nothing but that. */
export function unexpanded(x: Tensor): Tensor {
  return madeBy(x, expandOp)?.input(0) ?? x;
}

type GatherAttributes = { axis: number };

export const gatherOp: Op<GatherAttributes> = {
  name: 'gather',
  infer: ([x, index], { axis }) => {
    const { dtype, shape } = given(x);
    if (index?.dtype !== 'i64') throw new GraphError('wants integer positions');
    return [{ dtype, shape: [...shape.slice(0, axis), ...index.shape, ...shape.slice(axis + 1)] }];
  },
  // The transpose of choosing rows is adding rows up: a product with the matrix of chosen positions would be large, ScatterND adds in place.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { axis } = node.attributes;
    return [scatterAdd(g, node.input(1), node.input(0).dim(axis), axis)];
  },
};

/** Positions along an axis, in the order of an integer tensor; an out-of-range position is an error at run time. */
export function gather(x: Tensor, index: Tensor, axis: number): Tensor {
  return apply(gatherOp, [x, index], { axis: axisOf(axis, x.rank) });
}

/**
 * The transpose of `gather`: what stands at `axis` is added up at the positions of an integer tensor, `size` of them.
 *
 * @param x [..., index.shape, ...]
 * @returns [..., size, ...], zero where no position points to
 */
export function scatterAdd(x: Tensor, index: Tensor, size: number, axis: number): Tensor {
  const rest = x.shape.filter((_, i) => i < axis || i >= axis + index.rank);
  const rows = reshape(bringToFront(x, axis, index.rank), [index.size, sizeOf(rest)]);
  const added = apply(scatterAddOp, [rows, reshape(index, [index.size, 1])], { rows: size });
  return transpose(reshape(added, [size, ...rest]), moveFirstTo(axis, rest.length + 1));
}

/** Moves `count` axes starting at `axis` to the front. */
function bringToFront(x: Tensor, axis: number, count: number): Tensor {
  const all = x.shape.map((_, i) => i);
  const moved = all.slice(axis, axis + count);
  return transpose(x, [...moved, ...all.filter((i) => !moved.includes(i))]);
}

/** The order that moves axis 0 to position `axis`. */
function moveFirstTo(axis: number, rank: number): readonly number[] {
  const rest = Array.from({ length: rank - 1 }, (_, i) => i + 1);
  return [...rest.slice(0, axis), 0, ...rest.slice(axis)];
}

type ScatterAttributes = { rows: number };

export const scatterAddOp: Op<ScatterAttributes> = {
  name: 'scatterAdd',
  infer: ([x], { rows }) => {
    const { dtype, shape } = given(x);
    return [{ dtype, shape: [rows, shape[1] ?? 0] }];
  },
  gradient: (node, [g]) =>
    g === undefined ? [] : [gather(g, reshape(node.input(1), [node.input(1).size]), 0)],
};

type CastAttributes = { dtype: DType };

export const castOp: Op<CastAttributes> = {
  name: 'cast',
  infer: ([x], { dtype }) => {
    const { shape } = given(x);
    return [{ dtype, shape }];
  },
  gradient: (node, [g]) => {
    const { dtype } = node.input(0);
    return g === undefined || (dtype !== 'f32' && dtype !== 'f16') ? [] : [cast(g, dtype)];
  },
};

/** The same values in another type. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : apply(castOp, [x], { dtype });
}
