/** hf_vit: official weights under Hugging Face names. */
import { z } from 'zod';
import { concat, input, ParameterSet, reshape } from '../src/graph/index.ts';
import { vit } from '../src/model/vit.ts';
import { checkComplete, findNetwork } from '../src/weights/find-network.ts';
import { ALLOWANCE, type Comparison, UNMEASURED } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { run } from './network.ts';
import { vitOf, vitSchema } from './settings.ts';

const schema = z.looseObject({
  vit: vitSchema,
  eps: z.array(z.number()),
  hf_config: z.looseObject({ num_attention_heads: z.number() }),
  /** Of the largest value. */
  f32_vs_f64: z.record(z.string(), z.number()).optional(),
});

/** The tensors are found, renamed, their rows put together, and give the features that Hugging Face's model gives. */
export async function huggingFaceVit(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(schema);
  const found = findNetwork(
    {
      format: 'safetensors',
      facts: {},
      tensors: new Map(
        fixture.keys('hf/').map((name) => {
          const tensor = fixture.tensor(`hf/${name}`);
          return [name, { dtype: tensor.dtype, shape: tensor.shape, read: () => tensor }];
        }),
      ),
    },
    { name: fixture.name, heads: config.hf_config.num_attention_heads },
  );
  checkComplete(found, fixture.name);
  const weights = found.weights();
  comparison.sameSet('names', fixture.name, weights.keys(), fixture.keys('official/'));
  for (const name of fixture.keys('official/'))
    comparison.identical('weights', name, weights.get(name) ?? [], fixture.floats(`official/${name}`));
  const { img_size: size, patch_size: patch, embed_dim: dim, depth, num_heads: heads } = config.vit;
  const network = vitOf(found, fixture.name);
  comparison.identical(
    'network',
    fixture.name,
    [network.imageSize, network.patchSize, network.dim, network.depth, network.heads],
    [size, patch, dim, depth, heads],
  );
  const shape = fixture.shape('in');
  for (const eps of config.eps) {
    const set = new ParameterSet();
    const out = vit(set.scope, input('images', shape), { ...network, eps });
    const cls = reshape(out.cls, [out.cls.dim(0), 1, out.cls.dim(1)]);
    const values = new Map(weights).set('images', fixture.floats('in'));
    const { tokens } = await run({ tokens: concat([cls, out.patches], 1) }, values);
    const key = `last_hidden_state/eps${eps.toExponential().replace(/e-(\d)$/, 'e-0$1')}`;

    const measured = config.f32_vs_f64?.last_hidden_state;
    const tolerance = measured === undefined ? UNMEASURED : ALLOWANCE * measured;
    comparison.tensor('last_hidden_state', key, tokens ?? [], fixture.floats(key), tolerance);
    comparison.tensor(
      'last_hidden_state, float64',
      key,
      tokens ?? [],
      fixture.numbers(`f64/${key}`),
      tolerance,
    );
  }
}
