/** xcit: a training step, its parts, and the eval mode. */
import { z } from 'zod';
import type { Values } from '../src/engine/values.ts';
import { reshape, type Scope, type Tensor, transpose } from '../src/graph/index.ts';
import type { Mode } from '../src/model/batch-norm.ts';
import { fourierPositions } from '../src/model/fourier-positions.ts';
import { type XcitConfig, xcit } from '../src/model/xcit.ts';
import { ALLOWANCE, type Comparison, compareSum, termScale, UNMEASURED } from './comparison.ts';
import { evalOutput, trainingStep } from './convolutional.ts';
import type { Fixture } from './fixture.ts';
import { compareState } from './network.ts';
import { nullRanges, nullSlicesSchema } from './settings.ts';

const variantSchema = z.looseObject({
  patch_size: z.number(),
  embed_dim: z.number(),
  depth: z.number(),
  num_heads: z.number(),
  cls_attn_layers: z.number(),
  tokens_norm: z.boolean(),
  eta: z.number(),
});

export async function xcitNetwork(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    z.looseObject({
      variants: z.record(z.string(), variantSchema),
      mlp_ratio: z.number(),
      null_slices: z.record(z.string(), nullSlicesSchema),
      f32_vs_f64: z.record(z.string(), z.number()).optional(),
    }),
  );
  const allowed = (quantity: string): number => {
    const distance = config.f32_vs_f64?.[quantity];
    return distance === undefined ? UNMEASURED : ALLOWANCE * distance;
  };
  for (const [name, variant] of Object.entries(config.variants)) {
    const network: XcitConfig = {
      channels: 3,
      patchSize: variant.patch_size,
      dim: variant.embed_dim,
      depth: variant.depth,
      heads: variant.num_heads,
      mlpRatio: config.mlp_ratio,
      classBlocks: variant.cls_attn_layers,
      tokensNorm: variant.tokens_norm,
      eta: variant.eta,
    };
    const shape = fixture.shape(`in/${name}`);
    const values = new Map<string, Values>(fixture.group(`state/${name}/`))
      .set('images', fixture.floats(`in/${name}`))
      .set('R', fixture.floats(`R/${name}`));
    const trace = (scope: Scope, images: Tensor, mode: Mode) => {
      const parts = xcit(scope, images, network, mode);
      return { out: parts.cls, ...(mode === 'train' ? named(parts) : {}) };
    };
    const { set, results: got } = await trainingStep(trace, shape, values);
    compareState(comparison, set, fixture, `state/${name}/`);
    const skip = nullRanges(config.null_slices[name] ?? []);
    const terms = termScale(fixture.numbers(`out/${name}`), fixture.floats(`R/${name}`));
    for (const [twin, label] of [
      ['', ''],
      ['f64/', ', float64'],
    ] as const) {
      const wanted = (key: string) => fixture.numbers(`${twin}${key}`);
      comparison.tensor(`out${label}`, name, got.out ?? [], wanted(`out/${name}`), allowed('out'));
      const loss = got.loss?.[0] ?? Number.NaN;
      const wantedLoss = fixture.scalar(`${twin}loss/${name}`);
      compareSum(comparison, `loss${label}`, name, loss, wantedLoss, terms, allowed('loss'));
      for (const key of fixture.keys(`${twin}grad/${name}/`))
        comparison.relativeL2(
          `parameter gradients${label}`,
          `${name}, ${key}`,
          got[`grad/${key}`] ?? [],
          wanted(`grad/${name}/${key}`),
          allowed('grad'),
          skip(key),
        );
      for (const key of fixture.keys(`${twin}after/${name}/`))
        comparison.tensor(
          `running statistics${label}`,
          `${name}, ${key}`,
          got[`after/${key}`] ?? [],
          wanted(`after/${name}/${key}`),
          allowed('after'),
        );
    }
    comparison.tensor(
      'gradient of the input',
      name,
      got.input ?? [],
      fixture.numbers(`grad_in/${name}`),
      allowed('grad'),
    );
    for (const key of fixture.keys(`mid/${name}/`))
      comparison.tensor(
        `inside: ${key.replace(/\d+$/, '')}`,
        `${name}, ${key}`,
        got[`mid/${key}`] ?? [],
        fixture.numbers(`mid/${name}/${key}`),
        allowed('out'),
      );
    const frozen = await evalOutput(trace, shape, values);
    for (const [twin, label] of [
      ['', ''],
      ['f64/', ', float64'],
    ] as const)
      comparison.tensor(
        `out in eval mode${label}`,
        name,
        frozen,
        fixture.numbers(`${twin}out_eval/${name}`),
        allowed('out_eval'),
      );
  }
}

/** Parts of the network under the fixture's names and in its layouts. */
function named({ embedded, positions, blocks, classBlocks }: ReturnType<typeof xcit>) {
  const [rows, columns, dim] = [positions.dim(0), positions.dim(1), positions.dim(2)];
  const planes = (x: Tensor): Tensor => reshape(transpose(x, [2, 0, 1]), [1, x.dim(2), rows, columns]);
  const waves = fourierPositions(rows, columns);
  return Object.fromEntries([
    ['mid/fourier', planes(reshape(waves, [rows, columns, waves.dim(1)]))],
    ['mid/pos', planes(positions)],
    ['mid/patch_embed', embedded],
    ...blocks.map((map, i) => [`mid/block${i}`, reshape(map, [map.dim(0), rows * columns, dim])]),
    ...classBlocks.map((tokens, i) => [`mid/cls_block${i}`, tokens]),
  ]);
}
