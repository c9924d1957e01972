/** Takes compounds apart until only primitives are left, and those compounds that a target has something better for. */
import { Node, type Op, type Tensor } from '../tensor.ts';
import { rewrite, topological } from '../traverse.ts';

/**
 * @param keeps whether the target runs an op as it is
 * @returns the same tensors
 */
export function decompose(roots: readonly Tensor[], keeps: (op: Op) => boolean): Tensor[] {
  const goes = ({ op }: Node): boolean => op.decompose !== undefined && !keeps(op);
  let current = [...roots];
  // What a compound is made of may be a compound again.
  while (topological(current).some(goes)) {
    current = rewrite(current, (node, inputs) =>
      goes(node) ? node.op.decompose?.(new Node(node.op, inputs, node.attributes)) : undefined,
    );
  }
  return current;
}
