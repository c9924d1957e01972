/** Our weights under the names of another layout: the inverse of finding them. */
import type { StoredTensor } from '../format/safetensors.ts';
import { forBlock, type Layout, timesFor } from './layouts.ts';

/** A tensor with our name. */
export interface NamedTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * Renames a network's weights; what the layout keeps apart (query, key, value) is cut by rows.
 *
 * @throws Error naming a tensor that the layout has no name for, or that it needs and is not there
 */
export function toLayout(
  weights: ReadonlyMap<string, NamedTensor>,
  layout: Layout,
): Map<string, StoredTensor> {
  const out = new Map<string, StoredTensor>();
  const used = new Set<string>();
  for (const { official, foreign, optional = false } of layout.rules) {
    for (let block = 0; block < timesFor(official, weights.keys()); block++) {
      const name = forBlock(official, block);
      const tensor = weights.get(name);
      if (tensor === undefined && optional) continue;
      if (tensor === undefined) throw new Error(`The weights lack ${name}, which ${layout.name} needs.`);
      used.add(name);
      const names = (typeof foreign === 'string' ? [foreign] : foreign).map((each) => forBlock(each, block));
      const rows = (tensor.shape[0] ?? 1) / names.length;
      const each = tensor.values.length / names.length;
      for (const [i, to] of names.entries()) {
        out.set(to, {
          dtype: 'F32',
          shape: names.length === 1 ? tensor.shape : [rows, ...tensor.shape.slice(1)],
          data: tensor.values.subarray(i * each, (i + 1) * each),
        });
      }
    }
  }
  const [left] = [...weights.keys()].filter((name) => !used.has(name));
  if (left !== undefined) {
    throw new Error(
      `${layout.name} has no place for ${left}: export with --to torch or safetensors instead.`,
    );
  }
  return out;
}
