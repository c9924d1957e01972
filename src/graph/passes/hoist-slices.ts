/**
 * Moves slices up toward the leaves, through ops that work row by row: if only the class token of the last block is read,
 * then only its query, its attention row, its MLP and its norm are computed. The result is exactly the same.
 *
 * Run it on the forward graph, before differentiation, so that the backward graph is small too.
 */
import { rangeOf, slice, sliceOp } from '../ops/layout.ts';
import { isOp, type Node, type SliceRange, type Tensor } from '../tensor.ts';
import { rewrite, topological } from '../traverse.ts';
import { shareSubexpressions } from './share.ts';

/** @returns the same tensors, computed with smaller slices where that is possible */
export function hoistSlices(roots: readonly Tensor[]): Tensor[] {
  let current = [...roots];
  for (;;) {
    const movable = findMovable(current);
    if (movable.size === 0) break;
    const moved = rewrite(current, (node, inputs) => {
      const range = movable.get(node);
      const [x] = inputs;
      if (range === undefined || x === undefined) return undefined;
      const through = x.node.op.slice?.(x.node, range, sliceOf);
      return through === undefined ? undefined : [through];
    });
    if (moved.every((tensor, i) => tensor === current[i])) break;
    current = moved;
  }
  // Slices of one tensor for several readers moved apart: they become one again, or each would have a backward pass.
  return shareSubexpressions(current);
}

function sliceOf(x: Tensor, { axis, start, end }: SliceRange): Tensor {
  return slice(x, axis, start, end);
}

/** Slices that can move: every reader of what they are taken from wants the same range, so nothing is computed twice. */
function findMovable(roots: readonly Tensor[]): Map<Node, SliceRange> {
  const order = topological(roots);
  const kept = new Set(roots); // results are read whole
  const readers = new Map<Tensor, Node[]>();
  for (const node of order) {
    for (const x of node.inputs) {
      const list = readers.get(x);
      if (list === undefined) readers.set(x, [node]);
      else list.push(node);
    }
  }
  const movable = new Map<Node, SliceRange>();
  for (const node of order) {
    const [x] = node.inputs;
    if (!isOp(node, sliceOp) || x === undefined || kept.has(x)) continue;
    const range = rangeOf(node.output());
    if (range === undefined || x.index !== 0 || x.node.op.slice === undefined || x.node.inputs.length === 0)
      continue;
    const alone = x.node.outputs.every((out) =>
      out === x
        ? (readers.get(out) ?? []).every((reader) => sameRange(reader, range))
        : !readers.has(out) && !kept.has(out),
    );
    if (alone && x.node.op.slice(x.node, range, sliceOf) !== undefined) movable.set(node, range);
  }
  return movable;
}

function sameRange(reader: Node, { axis, start, end }: SliceRange): boolean {
  const other = reader.outputs[0] === undefined ? undefined : rangeOf(reader.outputs[0]);
  return other?.axis === axis && other.start === start && other.end === end;
}
