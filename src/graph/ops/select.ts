/** Selection: the largest elements, the first elements. */
import { GraphError } from '../errors.ts';
import { apply, axisOf, Node, type Op, type Tensor } from '../tensor.ts';
import { pad, slice } from './layout.ts';

type TopKAttributes = { k: number };

export const topKOp: Op<TopKAttributes> = {
  name: 'topK',
  infer: ([x], { k }) => {
    const width = x?.shape.at(-1) ?? 0;
    if (x === undefined || k < 1 || k > width) throw new GraphError(`cannot take ${k} of ${width} elements`);
    const shape = [...x.shape.slice(0, -1), k];
    return [
      { dtype: x.dtype, shape },
      { dtype: 'i64', shape },
    ];
  },
};

/**
 * The k largest elements along the last axis, largest first, and their positions; of equal elements the one with the lower
 * position comes first. No gradient.
 */
export function topK(x: Tensor, k: number): { readonly values: Tensor; readonly positions: Tensor } {
  const node = new Node(topKOp, [x], { k });
  return { values: node.output(0), positions: node.output(1) };
}

type CropAttributes = { axis: number; size: number };

export const cropOp: Op<CropAttributes> = {
  name: 'crop',
  infer: ([x], { axis, size }) => {
    const whole = x?.shape[axis] ?? 0;
    if (x === undefined || size > whole) throw new GraphError(`cannot take ${size} of ${whole} elements`);
    return [{ dtype: x.dtype, shape: x.shape.map((n, i) => (i === axis ? size : n)) }];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { axis, size } = node.attributes;
    return [pad(g, axis, 0, node.input(0).dim(axis) - size)];
  },
  decompose: (node) => [slice(node.input(0), node.attributes.axis, 0, node.attributes.size)],
};

/**
 * The first elements of an axis. Unlike a slice it is a node of the graph also where that is all of them, so that one network
 * has one graph whatever the size of its images.
 */
export function crop(x: Tensor, axis: number, size: number): Tensor {
  return apply(cropOp, [x], { axis: axisOf(axis, x.rank), size });
}
