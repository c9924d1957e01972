/** Reverse-mode differentiation as a graph transformation: the gradients are new symbolic tensors. */
import { GraphError } from './errors.ts';
import { add } from './ops/elementwise.ts';
import { concat, pad, paddingOf } from './ops/layout.ts';
import { scalar, zeros } from './ops/leaf.ts';
import type { Node, Shape, Tensor } from './tensor.ts';
import { topological } from './traverse.ts';

/**
 * Gradients of a scalar with respect to tensors it was computed from.
 *
 * @param loss a scalar ([] or one element)
 * @param wrt tensors, usually parameters; one that does not influence the loss gets zeros
 * @returns one tensor for each of `wrt`, of its shape
 * @throws GraphError when the loss is not a scalar, or an op on the way has no derivative
 */
export function gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.size !== 1)
    throw new GraphError(`gradients: the loss has shape [${loss.shape.join(', ')}], it must be a scalar`);
  const order = topological([loss]);
  const needed = reaching(order, new Set(wrt));
  const contributions = new Map<Tensor, Tensor[]>([[loss, [onesLike(loss)]]]);
  const total = (x: Tensor): Tensor | undefined => {
    const parts = contributions.get(x);
    return parts === undefined ? undefined : sumOf(parts);
  };
  for (const node of order.reverse()) {
    if (!needed.has(node) || node.inputs.length === 0) continue;
    const outputs = node.outputs.map(total);
    if (outputs.every((g) => g === undefined)) continue;
    if (node.op.gradient === undefined)
      throw new GraphError(`gradients: "${node.op.name}" has no derivative`);
    const inputs = node.op.gradient(node, outputs);
    node.inputs.forEach((x, i) => {
      const g = inputs[i];
      if (g === undefined || !(needed.has(x.node) || wrt.includes(x))) return;
      const parts = contributions.get(x);
      if (parts === undefined) contributions.set(x, [g]);
      else parts.push(g);
    });
  }
  return wrt.map((x) => total(x) ?? zeros(x.shape));
}

/** Nodes through which one of the targets reaches the loss. */
function reaching(order: readonly Node[], targets: ReadonlySet<Tensor>): Set<Node> {
  const needed = new Set<Node>();
  for (const node of order) {
    if (node.outputs.some((x) => targets.has(x)) || node.inputs.some((x) => needed.has(x.node)))
      needed.add(node);
  }
  return needed;
}

function onesLike(loss: Tensor): Tensor {
  return loss.rank === 0 ? scalar(1) : add(zeros(loss.shape), scalar(1));
}

/**
 * The sum of gradients of one tensor. Gradients of slices arrive padded with zeros; those of one range are added before
 * they are padded, and ranges that tile the tensor are put side by side instead of being padded and added.
 */
function sumOf(parts: readonly Tensor[]): Tensor {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const ranges = new Map<string, { axis: number; before: number; inner: Tensor }>();
  const whole: Tensor[] = [];
  for (const part of parts) {
    const range = paddingOf(part);
    if (range === undefined) {
      whole.push(part);
      continue;
    }
    const key = `${range.axis}:${range.before}:${range.inner.dim(range.axis)}`;
    const known = ranges.get(key);
    ranges.set(key, known === undefined ? range : { ...range, inner: add(known.inner, range.inner) });
  }
  const shape = parts[0]?.shape ?? [];
  const pieces = [...ranges.values()];
  const tiles = tiled(pieces, shape);
  const padded =
    tiles === undefined
      ? pieces.map(({ axis, before, inner }) =>
          pad(inner, axis, before, (shape[axis] ?? 0) - before - inner.dim(axis)),
        )
      : [tiles];
  return [...whole, ...padded].reduce((total, part) => add(total, part));
}

function tiled(pieces: { axis: number; before: number; inner: Tensor }[], shape: Shape): Tensor | undefined {
  const [first] = pieces;
  if (first === undefined || pieces.length < 2) return undefined;
  const { axis } = first;
  pieces.sort((a, b) => a.before - b.before);
  let end = 0;
  for (const piece of pieces) {
    if (piece.axis !== axis || piece.before !== end) return undefined;
    end += piece.inner.dim(axis);
  }
  return end === shape[axis]
    ? concat(
        pieces.map((piece) => piece.inner),
        axis,
      )
    : undefined;
}
