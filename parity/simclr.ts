/** Fixtures simclr_*: NT-Xent on given projections, and the projection head in its variants. */
import { z } from 'zod';
import type { Values } from '../src/engine/values.ts';
import { concat, input, ParameterSet, type Tensor } from '../src/graph/index.ts';
import { ntXent } from '../src/method/simclr.ts';
import { simclrHead } from '../src/model/batch-norm-head.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { compareState, run, withGradients } from './network.ts';
import { Twins, twinSchema, under } from './twins.ts';

const lossSchema = twinSchema.extend({
  cases: z.record(z.string(), z.tuple([z.number(), z.number()])),
  temperatures: z.array(z.number()),
});

export async function ntXentLoss(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(lossSchema);
  const twins = new Twins(fixture, comparison, config);
  for (const [name, shape] of Object.entries(config.cases)) {
    for (const temperature of config.temperatures) {
      const [z0, z1] = [input('z0', shape), input('z1', shape)];
      const loss = ntXent(concat([z0, z1], 0), temperature);
      const results = withGradients(loss, new ParameterSet(), { grad_z0: z0, grad_z1: z1 }, { loss });
      const values = new Map(['z0', 'z1'].map((z) => [z, fixture.floats(`${z}/${name}`)]));
      const got = await run(results, values);
      for (const quantity of ['loss', 'grad_z0', 'grad_z1'])
        twins.compare(`${quantity}/${name}/${temperature}`, got[quantity] ?? []);
    }
  }
}

const headSchema = twinSchema.extend({
  input_dim: z.number(),
  hidden_dim: z.number(),
  output_dim: z.number(),
  batch: z.number(),
  temperature: z.number(),
  variants: z.record(z.string(), z.object({ num_layers: z.number(), batch_norm: z.boolean() })),
});

export async function simclrHeads(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(headSchema);
  const twins = new Twins(fixture, comparison, config);
  for (const [name, variant] of Object.entries(config.variants)) {
    const head = {
      hiddenDim: config.hidden_dim,
      outDim: config.output_dim,
      layers: variant.num_layers,
      batchNorm: variant.batch_norm,
    };
    const set = new ParameterSet();
    const x = input('x', [2 * config.batch, config.input_dim]);
    const out = simclrHead(set.scope, x, head, 'train');
    compareState(comparison, set, fixture, `state/${name}/`);
    const loss = ntXent(out, config.temperature);
    const moved: Record<string, Tensor> = {};
    for (const [buffer, next] of set.updates) moved[`after/${buffer}`] = next;
    const values = new Map<string, Values>(fixture.group(`state/${name}/`)).set(
      'x',
      fixture.floats(`x/${name}`),
    );
    const got = await run(withGradients(loss, set, { grad_x: x }, { z: out, loss, ...moved }), values);
    for (const quantity of ['z', 'loss', 'grad_x']) twins.compare(`${quantity}/${name}`, got[quantity] ?? []);
    twins.compareAll(`grad/${name}/`, under(got, 'grad/'));
    twins.compareAll(`after/${name}/`, under(got, 'after/'));
    const evaluated = simclrHead(new ParameterSet().scope, x, head, 'eval');
    const after = new Map<string, Values>([...values, ...fixture.group(`after/${name}/`)]);
    twins.compare(`z_eval/${name}`, (await run({ evaluated }, after)).evaluated ?? []);
  }
}
