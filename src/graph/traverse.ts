/** Walking and rebuilding graphs. */
import { Node, type Tensor } from './tensor.ts';

/** All nodes the roots depend on, inputs before users. */
export function topological(roots: readonly Tensor[]): Node[] {
  const order: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  const stack: Node[] = roots.map((root) => root.node).reverse();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const seen = state.get(node);
    if (seen === 'done') continue;
    if (seen === 'open') {
      state.set(node, 'done');
      order.push(node);
      continue;
    }
    state.set(node, 'open');
    stack.push(node); // again, after its inputs
    for (let i = node.inputs.length - 1; i >= 0; i--) {
      const from = node.inputs[i]?.node;
      if (from !== undefined && !state.has(from)) stack.push(from);
    }
  }
  return order;
}

/** How many nodes (and roots) read each tensor. */
export function countUses(
  roots: readonly Tensor[],
  order: readonly Node[] = topological(roots),
): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  const count = (tensor: Tensor): void => void uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  for (const node of order) for (const x of node.inputs) count(x);
  for (const root of roots) count(root);
  return uses;
}

/**
 * Rebuilds a graph from the leaves up. `visit` sees each node with its rebuilt inputs and returns replacements for the
 * node's outputs, or undefined to keep the node (made anew only if its inputs changed).
 *
 * @returns the roots in the new graph
 */
export function rewrite(
  roots: readonly Tensor[],
  visit: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | undefined,
): Tensor[] {
  const replaced = new Map<Tensor, Tensor>();
  const current = (x: Tensor): Tensor => replaced.get(x) ?? x;
  for (const node of topological(roots)) {
    const inputs = node.inputs.map(current);
    const changed = inputs.some((x, i) => x !== node.inputs[i]);
    const outputs =
      visit(node, inputs) ?? (changed ? new Node(node.op, inputs, node.attributes).outputs : node.outputs);
    node.outputs.forEach((old, i) => {
      const now = outputs[i];
      if (now !== undefined && now !== old) replaced.set(old, now);
    });
  }
  return roots.map(current);
}
