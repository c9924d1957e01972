/** Reverse-mode differentiation as a graph transformation: the gradients are new symbolic tensors. */
import { GraphError } from './errors.ts';
import { expand } from './ops/layout.ts';
import { scalar, zeros } from './ops/leaf.ts';
import { sumOfGradients } from './passes/sum-gradients.ts';
import type { Node, Tensor } from './tensor.ts';
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
  const contributions = new Map<Tensor, Tensor[]>([[loss, [expand(scalar(1), loss.shape)]]]);
  const total = (x: Tensor): Tensor | undefined => {
    const parts = contributions.get(x);
    return parts === undefined ? undefined : sumOfGradients(parts);
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
