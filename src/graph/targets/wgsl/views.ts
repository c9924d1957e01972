/** Changes of layout as strides: which element of a source each element of a tensor is. */
import { expandOp, reshapeOp, sliceOp, transposeOp } from '../../ops/layout.ts';
import { isOp, type Shape, sizeOf, type Tensor } from '../../tensor.ts';

/** Element [i, j, ...] of a tensor is element `offset + i * strides[0] + j * strides[1] + ...` of the source, counted row by row. */
export interface Strided {
  readonly source: Tensor;
  readonly strides: readonly number[];
  readonly offset: number;
}

export function contiguous(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return strides;
}

/** A tensor as a strided view of the farthest source that can be seen through tensors for which `isTransparent` holds. */
export function viewOf(tensor: Tensor, isTransparent: (tensor: Tensor) => boolean): Strided {
  const self = { source: tensor, strides: contiguous(tensor.shape), offset: 0 };
  if (!isTransparent(tensor)) return self;
  const { node } = tensor;
  const inner = (): Strided => viewOf(node.input(0), isTransparent);
  if (isOp(node, reshapeOp)) {
    const { source, strides, offset } = inner();
    const reshaped = reshapedStrides(node.input(0).shape, strides, tensor.shape);
    return reshaped === undefined ? self : { source, strides: reshaped, offset };
  }
  if (isOp(node, transposeOp)) {
    const { source, strides, offset } = inner();
    return { source, strides: node.attributes.order.map((axis) => strides[axis] ?? 0), offset };
  }
  if (isOp(node, sliceOp)) {
    const { axis, start, step } = node.attributes;
    const { source, strides, offset } = inner();
    return {
      source,
      strides: strides.map((stride, i) => (i === axis ? stride * step : stride)),
      offset: offset + start * (strides[axis] ?? 0),
    };
  }
  if (isOp(node, expandOp)) {
    const { source, strides, offset } = inner();
    return { source, strides: stretched(node.input(0).shape, strides, tensor.shape), offset };
  }
  return self;
}

/** Strides of a tensor that is broadcast to a shape. */
export function stretched(from: Shape, strides: readonly number[], to: Shape): number[] {
  const lead = to.length - from.length;
  return to.map((size, i) =>
    i < lead || (from[i - lead] === 1 && size !== 1) ? 0 : (strides[i - lead] ?? 0),
  );
}

/** Strides of the same elements under another shape; undefined where no strides say it. */
export function reshapedStrides(from: Shape, strides: readonly number[], to: Shape): number[] | undefined {
  const old = from.flatMap((size, i) => (size === 1 ? [] : [{ size, stride: strides[i] ?? 0 }]));
  const made = new Array<number>(to.length).fill(0);
  if (sizeOf(to) === 0) return made;
  let [first, next] = [0, 0];
  while (next < to.length) {
    let last = first;
    let size = old[first]?.size ?? 1;
    let end = next;
    let wanted = to[end] ?? 1;
    while (size !== wanted) {
      if (wanted < size) wanted *= to[++end] ?? 1;
      else size *= old[++last]?.size ?? 1;
    }
    for (let i = first; i < last; i++) {
      const [a, b] = [old[i], old[i + 1]];
      if (a !== undefined && b !== undefined && a.stride !== b.stride * b.size) return undefined;
    }
    let stride = old[last]?.stride ?? 0;
    for (let i = end; i >= next; i--) {
      made[i] = stride;
      stride *= to[i] ?? 1;
    }
    if (wanted !== 1) first = last + 1;
    next = end + 1;
  }
  return made;
}

/** Whether strides say the same of every element of a shape. */
export function sameStrides(shape: Shape, a: readonly number[], b: readonly number[]): boolean {
  return shape.every((size, i) => size === 1 || a[i] === b[i]);
}

/** Whether element k of the view is element k of the source. */
export function isIdentity(shape: Shape, { source, strides, offset }: Strided): boolean {
  return offset === 0 && source.size === sizeOf(shape) && sameStrides(shape, strides, contiguous(shape));
}

export interface Axis {
  readonly size: number;
  readonly stride: number;
}

/** The fewest axes that say the same: axes of one element are left out, neighbors joined where one stride says both. */
export function mergedAxes(shape: Shape, strides: readonly number[]): Axis[] {
  const merged: Axis[] = [];
  for (const [i, size] of shape.entries()) {
    if (size === 1) continue;
    const stride = strides[i] ?? 0;
    const before = merged.at(-1);
    if (before !== undefined && before.stride === stride * size)
      merged[merged.length - 1] = { size: before.size * size, stride };
    else merged.push({ size, stride });
  }
  return merged;
}
