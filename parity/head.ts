/** Fixture head: DINOHead in every variant, forwards, backwards, its running statistics, and in eval mode. */
import { z } from 'zod';
import type { Values } from '../src/engine/values.ts';
import { input, mul, ParameterSet, sum, type Tensor } from '../src/graph/index.ts';
import { projectionHead } from '../src/model/head.ts';
import { type Comparison, compareSum, termScale, UNMEASURED } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { compareState, run, withGradients } from './network.ts';
import {
  distancesSchema,
  headConfig,
  headSchema,
  measuredTolerance,
  nullRanges,
  nullSlicesSchema,
} from './settings.ts';

const schema = z.object({
  in_dim: z.number(),
  out_dim: z.number(),
  hidden_dim: z.number(),
  bottleneck_dim: z.number(),
  batch: z.number(),
  variants: z.record(
    z.string(),
    z.object({ norm_last_layer: z.boolean(), use_bn: z.boolean(), nlayers: z.number() }),
  ),
  null_slices: z.record(z.string(), nullSlicesSchema),
  f32_vs_f64: distancesSchema.optional(),
});

export async function head(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(schema);
  const tolerance = (quantity: string): number =>
    measuredTolerance(config.f32_vs_f64, quantity) ?? UNMEASURED;
  for (const [name, variant] of Object.entries(config.variants)) {
    const settings = headConfig(headSchema.parse({ ...config, ...variant }));
    const set = new ParameterSet();
    const x = input('x', [config.batch, config.in_dim]);
    const out = projectionHead(set.scope, x, settings, 'train');
    compareState(comparison, set, fixture, `${name}/state/`);
    const loss = sum(mul(out, input('R', out.shape)));
    const moved: Record<string, Tensor> = {};
    for (const [buffer, next] of set.updates) moved[`after/${buffer}`] = next;
    const cotangent = fixture.floats(`${name}/R`);
    const values = new Map<string, Values>(fixture.group(`${name}/state/`))
      .set('x', fixture.floats(`${name}/x`))
      .set('R', cotangent);
    const results = withGradients(loss, set, { grad_input: x }, { out, loss, ...moved });
    const got = await run(results, values);

    const skip = nullRanges(config.null_slices[name] ?? []);
    const terms = termScale(fixture.numbers(`${name}/out`), cotangent);
    for (const [prefix, label] of [
      [name, ''],
      [`${name}/f64`, ' (float64)'],
    ] as const) {
      comparison.tensor(
        `output${label}`,
        name,
        got.out ?? [],
        fixture.numbers(`${prefix}/out`),
        tolerance('out'),
      );
      const wantedLoss = fixture.scalar(`${prefix}/loss`);
      compareSum(
        comparison,
        `loss${label}`,
        name,
        got.loss?.[0] ?? Number.NaN,
        wantedLoss,
        terms,
        tolerance('loss'),
      );
      const wantedInput = fixture.numbers(`${prefix}/grad_input`);
      comparison.tensor(
        `gradient of the input${label}`,
        name,
        got.grad_input ?? [],
        wantedInput,
        tolerance('grad_input'),
      );
      for (const key of fixture.keys(`${prefix}/grad/`)) {
        const wanted = fixture.numbers(`${prefix}/grad/${key}`);
        comparison.relativeL2(
          `parameter gradients${label}`,
          `${name}, ${key}`,
          got[`grad/${key}`] ?? [],
          wanted,
          tolerance('worst_parameter_gradient'),
          skip(key),
        );
      }
    }
    comparison.sameSet(
      'trained parameters',
      name,
      Object.keys(results).flatMap((key) => (key.startsWith('grad/') ? [key.slice(5)] : [])),
      fixture.keys(`${name}/grad/`),
    );
    const after = fixture.keys(`${name}/after/`);
    comparison.sameSet('names of running statistics', name, set.updates.keys(), after);
    for (const key of after) {
      const wanted = fixture.numbers(`${name}/after/${key}`);
      comparison.tensor(
        'running statistics',
        `${name}, ${key}`,
        got[`after/${key}`] ?? [],
        wanted,
        tolerance('out'),
      );
    }
    if (fixture.has(`${name}/out_eval`)) {
      const evalSet = new ParameterSet();
      const evalOut = projectionHead(evalSet.scope, x, settings, 'eval');
      const wanted = fixture.numbers(`${name}/out_eval`);
      const evaluated = await run(
        { out: evalOut },
        new Map<string, Values>([...values, ...fixture.group(`${name}/after/`)]),
      );
      comparison.tensor('output in eval mode', name, evaluated.out ?? [], wanted, tolerance('out'));
    }
  }
}
