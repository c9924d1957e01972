/** Selection of the largest elements. */
import { GraphError } from '../errors.ts';
import { Node, type Op, type Tensor } from '../tensor.ts';

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
