/**
 * Moves slices up toward the leaves, through ops that work row by row: if only the class token of the last block is read,
 * then only its query, its attention row, its MLP and its norm are computed. The result is exactly the same.
 *
 * Run it on the forward graph, before differentiation, so that the backward graph is small too.
 */
import { cutOf, slice, sliceOp } from '../ops/layout.ts';
import type { Cut, Node, Tensor } from '../tensor.ts';
import { rewrite, topological } from '../traverse.ts';
import { shareSubexpressions } from './share.ts';

/** @returns the same tensors, computed with smaller slices where that is possible */
export function hoistSlices(roots: readonly Tensor[]): Tensor[] {
  let current = [...roots];
  for (;;) {
    const movable = findMovable(current);
    if (movable.size === 0) break;
    const moved = rewrite(current, (node, inputs) => {
      const cut = movable.get(node);
      const [x] = inputs;
      if (cut === undefined || x === undefined) return undefined;
      const through = x.node.op.cut?.(x.node, cut, sliceCut);
      return through === undefined ? undefined : [through];
    });
    if (moved.every((tensor, i) => tensor === current[i])) break;
    current = moved;
  }
  // Slices of one tensor for several readers moved apart: they become one again, or each would have a backward pass.
  return shareSubexpressions(current);
}

function sliceCut(x: Tensor, { axis, start, end }: Cut): Tensor {
  return slice(x, axis, start, end);
}

/** Slices that can move: every reader of what they cut wants the same range, so nothing is computed twice. */
function findMovable(roots: readonly Tensor[]): Map<Node, Cut> {
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
  const movable = new Map<Node, Cut>();
  for (const node of order) {
    const [x] = node.inputs;
    if (node.op.name !== sliceOp.name || x === undefined || kept.has(x)) continue;
    const cut = cutOf(node.output());
    if (cut === undefined || x.index !== 0 || x.node.op.cut === undefined || x.node.inputs.length === 0)
      continue;
    const alone = x.node.outputs.every((out) =>
      out === x
        ? (readers.get(out) ?? []).every((reader) => sameCut(reader, cut))
        : !readers.has(out) && !kept.has(out),
    );
    if (alone && x.node.op.cut(x.node, cut, sliceCut) !== undefined) movable.set(node, cut);
  }
  return movable;
}

function sameCut(reader: Node, cut: Cut): boolean {
  const other = reader.outputs[0] === undefined ? undefined : cutOf(reader.outputs[0]);
  return other !== undefined && other.axis === cut.axis && other.start === cut.start && other.end === cut.end;
}
