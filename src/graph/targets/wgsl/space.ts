/** What a reduction goes over, as three axes: [outer, along, inner], of which the middle one goes away. */

import { reshape, transpose } from '../../ops/layout.ts';
import type { sumOp } from '../../ops/reduce.ts';
import { Node, type NodeOf, type Shape, sizeOf, type Tensor } from '../../tensor.ts';

export interface Space {
  readonly outer: number;
  readonly along: number;
  readonly inner: number;
}

export type Reduction = NodeOf<typeof sumOp>;

/** Undefined where the axes that go away do not lie side by side. */
export function spaceOf(shape: Shape, axes: readonly number[]): Space | undefined {
  const gone = axes.filter((axis) => shape[axis] !== 1);
  const [first, last] = [gone[0] ?? 0, gone.at(-1) ?? -1];
  const between = shape.slice(first, last + 1);
  if (between.some((size, i) => size !== 1 && !gone.includes(first + i))) return undefined;
  return {
    outer: sizeOf(shape.slice(0, first)),
    along: sizeOf(between),
    inner: sizeOf(shape.slice(last + 1)),
  };
}

export const sameSpace = (a: Space, b: Space): boolean =>
  a.outer === b.outer && a.along === b.along && a.inner === b.inner;

/** A reduction with its axes last, where they did not lie side by side. */
export function gathered(node: Reduction, x: Tensor): Tensor {
  const { axes } = node.attributes;
  const kept = x.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const moved = transpose(x, [...kept, ...axes]);
  const last = axes.map((_, i) => kept.length + i);
  return reshape(new Node(node.op, [moved], { axes: last, keep: false }).output(), node.output().shape);
}
