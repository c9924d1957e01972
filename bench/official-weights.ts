/** Tensors of a Vision Transformer under the official names, filled with numbers of the right size. */
import type { StoredTensor } from '../src/format/safetensors.ts';

export function officialWeights({
  dim,
  depth,
  patch,
  image,
}: {
  readonly dim: number;
  readonly depth: number;
  readonly patch: number;
  readonly image: number;
}): Map<string, StoredTensor> {
  const linear = (name: string, rows: number, columns: number): [string, readonly number[]][] => [
    [`${name}.weight`, [rows, columns]],
    [`${name}.bias`, [rows]],
  ];
  const norm = (name: string): [string, readonly number[]][] => [
    [`${name}.weight`, [dim]],
    [`${name}.bias`, [dim]],
  ];
  const shapes: [string, readonly number[]][] = [
    ['cls_token', [1, 1, dim]],
    ['pos_embed', [1, (image / patch) ** 2 + 1, dim]],
    ['patch_embed.proj.weight', [dim, 3, patch, patch]],
    ['patch_embed.proj.bias', [dim]],
    ...Array.from({ length: depth }, (_, i) => `blocks.${i}`).flatMap((block) => [
      ...norm(`${block}.norm1`),
      ...linear(`${block}.attn.qkv`, 3 * dim, dim),
      ...linear(`${block}.attn.proj`, dim, dim),
      ...norm(`${block}.norm2`),
      ...linear(`${block}.mlp.fc1`, 4 * dim, dim),
      ...linear(`${block}.mlp.fc2`, dim, 4 * dim),
    ]),
    ...norm('norm'),
  ];
  return new Map(
    shapes.map(([name, shape]) => {
      const data = Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, i) => ((i * 7919) % 2003) / 1e5,
      );
      return [name, { dtype: 'F32', shape, data }];
    }),
  );
}
