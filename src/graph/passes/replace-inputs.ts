/** Joins programs: inputs of one become results of another, or inputs of another name. */
import { inputName } from '../ops/leaf.ts';
import type { Tensor, TensorType } from '../tensor.ts';
import { rewrite } from '../traverse.ts';

/**
 * @param replacement what takes the place of an input; undefined where it stays
 * @returns the results under their names
 */
export function replaceInputs(
  results: Readonly<Record<string, Tensor>>,
  replacement: (name: string, type: TensorType) => Tensor | undefined,
): Record<string, Tensor> {
  const names = Object.keys(results);
  const known = new Map<string, Tensor | undefined>();
  const roots = rewrite(Object.values(results), (node) => {
    const [output] = node.outputs;
    const name = output === undefined ? undefined : inputName(output);
    if (output === undefined || name === undefined) return undefined;
    if (!known.has(name)) known.set(name, replacement(name, output));
    const other = known.get(name);
    return other === undefined ? undefined : [other];
  });
  return Object.fromEntries(roots.map((root, i) => [names[i] ?? '', root]));
}
