/** resnet18 and resnet50: a training step of torchvision's networks, and the eval mode with the statistics that it leaves. */
import { z } from 'zod';
import type { Values } from '../src/engine/values.ts';
import { type Scope, type Tensor, transpose } from '../src/graph/index.ts';
import type { Mode } from '../src/model/batch-norm.ts';
import { resnet, resnetConfig } from '../src/model/resnet.ts';
import { ALLOWANCE, type Comparison, compareSum, termScale, UNMEASURED } from './comparison.ts';
import { evalOutput, trainingStep } from './convolutional.ts';
import type { Fixture } from './fixture.ts';
import { distanceSchema } from './settings.ts';

const schema = z.looseObject({
  arch: z.enum(['resnet18', 'resnet50']),
  salt: z.string(),
  param_order: z.array(z.string()),
  formula_names: z.array(z.string()),
  formula_seeds: z.array(z.number()),
  formula_mean_bound: z.array(z.tuple([z.number(), z.number()])),
  state_shapes: z.record(z.string(), z.array(z.number())),
  f32_vs_f64: z
    .looseObject({
      worst_relative_gradnorm: z.number(),
      relative_l2_of_gradpart: z.record(z.string(), z.number()),
      ...{ out: distanceSchema, loss: distanceSchema, grad_input: distanceSchema, out_eval: distanceSchema },
    })
    .optional(),
});

export async function resnetNetwork(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(schema);
  const { f32_vs_f64: distances } = config;
  const allowed = (quantity: 'out' | 'loss' | 'grad_input' | 'out_eval'): number => {
    const distance = distances?.[quantity].rel_to_max;
    return distance === undefined ? UNMEASURED : ALLOWANCE * distance;
  };
  const network = resnetConfig(config.arch);
  const state = formulaState(fixture, comparison, config);
  const values = new Map<string, Values>(state)
    .set('images', fixture.floats('x'))
    .set('R', fixture.floats('R'));
  const shape = fixture.shape('x');
  const trace = (scope: Scope, images: Tensor, mode: Mode) => {
    const { feature, maps } = resnet(scope, images, network, mode);
    return { out: feature, ...(mode === 'train' ? named(maps) : {}) };
  };
  const { set, results: got } = await trainingStep(trace, shape, values);
  const declared = [...set.parameters.values(), ...set.buffers.values()].filter(
    ({ name }) => !name.endsWith('num_batches_tracked'),
  );
  comparison.sameSet(
    'parameter names and shapes',
    config.arch,
    declared.map((info) => `${info.name} [${info.shape.join(', ')}]`),
    Object.entries(config.state_shapes).map(([name, sizes]) => `${name} [${sizes.join(', ')}]`),
  );
  const terms = termScale(fixture.numbers('out'), fixture.floats('R'));
  for (const [twin, label] of [
    ['', ''],
    ['64', ' (float64)'],
  ] as const) {
    comparison.tensor(`out${label}`, '', got.out ?? [], fixture.numbers(`out${twin}`), allowed('out'));
    const loss = got.loss?.[0] ?? Number.NaN;
    compareSum(comparison, `loss${label}`, '', loss, fixture.scalar(`loss${twin}`), terms, allowed('loss'));
    if (fixture.has(`grad_input${twin}`))
      comparison.tensor(
        `gradient of the input${label}`,
        '',
        got.input ?? [],
        fixture.numbers(`grad_input${twin}`),
        allowed('grad_input'),
      );
    const norms = fixture.numbers(`gradnorm${twin}`);
    const sums = fixture.numbers(`gradsum${twin}`);
    for (const [i, name] of config.param_order.entries()) {
      const gradient = got[`grad/${name}`] ?? new Float32Array();
      const tolerance = ALLOWANCE * (distances?.worst_relative_gradnorm ?? UNMEASURED);
      const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value ** 2, 0));
      comparison.tensor(`gradient norms${label}`, name, [norm], [norms[i] ?? 0], tolerance);
      const total = gradient.reduce((sum, value) => sum + value, 0);
      const size = gradient.reduce((sum, value) => sum + Math.abs(value), 0);
      // Where the elements cancel their own errors are left, which the norms allow.
      const noise = (tolerance * size) / (Math.abs(sums[i] ?? 0) || 1);
      compareSum(comparison, `gradient sums${label}`, name, total, sums[i] ?? 0, size, noise);
    }
  }
  for (const name of fixture.keys('gradpart/')) {
    const wanted = fixture.numbers(`gradpart/${name}`);
    const distance = distances?.relative_l2_of_gradpart[name];
    const tolerance = distance === undefined ? UNMEASURED : ALLOWANCE * distance;
    const part = got[`grad/${name}`]?.subarray(0, wanted.length) ?? [];
    comparison.relativeL2('parameter gradients', name, part, wanted, tolerance);
  }
  for (const key of fixture.keys('act/')) {
    const map = got[`act/${key}`] ?? new Float32Array(); // [C, h, w] of each image
    const wanted = fixture.numbers(`act/${key}`);
    comparison.tensor('maps', key, map.subarray(0, wanted.length), wanted, allowed('out'));
    const mean = map.reduce((sum, value) => sum + Math.abs(value), 0) / map.length;
    comparison.tensor('means of maps', key, [mean], [fixture.scalar(`act_absmean/${key}`)], allowed('out'));
  }
  const after = new Map(values);
  for (const name of set.updates.keys()) {
    const moved = got[`after/${name}`] ?? new Float32Array();
    after.set(name, moved);
    if (fixture.has(`after/${name}`))
      comparison.tensor('running statistics', name, moved, fixture.numbers(`after/${name}`), allowed('out'));
  }
  const frozen = await evalOutput(trace, shape, after);
  for (const [twin, label] of [
    ['', ''],
    ['64', ' (float64)'],
  ] as const)
    comparison.tensor(
      `out in eval mode${label}`,
      '',
      frozen,
      fixture.numbers(`out_eval${twin}`),
      allowed('out_eval'),
    );
}

/** The maps under the fixture's names, channels first. */
function named(maps: readonly Tensor[]) {
  const names = ['maxpool', ...maps.slice(1).map((_, i) => `layer${i + 1}`)];
  return Object.fromEntries(maps.map((map, i) => [`act/${names[i]}`, transpose(map, [0, 3, 1, 2])]));
}

/** Weights that the fixture states as a formula of their names. */
function formulaState(
  fixture: Fixture,
  comparison: Comparison,
  config: z.infer<typeof schema>,
): Map<string, Float32Array> {
  const { salt, formula_names: names, formula_mean_bound: bounds, state_shapes: shapes } = config;
  const [first, sums, norms] = ['first4', 'sum', 'norm'].map((what) => fixture.numbers(`formula/${what}`));
  const state = new Map<string, Float32Array>();
  for (const name of names)
    if (name.endsWith('running_mean'))
      state.set(name.replace('running_mean', 'num_batches_tracked'), new Float32Array(1));
  for (const [i, name] of names.entries()) {
    const [mean, bound] = bounds[i] ?? [0, 0];
    const seed = fnv1a(`${salt}:${name}`);
    comparison.identical('formula', `${name}, seed`, [seed], [config.formula_seeds[i]]);
    const size = (shapes[name] ?? []).reduce((product, n) => product * n, 1);
    const values = Float32Array.from(
      { length: size },
      (_, at) => mean + bound * (mixed(seed + Math.imul(at, 0x9e3779b9)) / 2 ** 31 - 1),
    );
    state.set(name, values);
    const shown = Array.from(values.subarray(0, 4));
    comparison.identical(
      'formula',
      `${name}, first`,
      shown,
      Array.from(first?.subarray(4 * i, 4 * i + 4) ?? []),
    );
    const total = values.reduce((sum, value) => sum + value, 0);
    const square = values.reduce((sum, value) => sum + value ** 2, 0);
    comparison.note('formula', `${name}, sum`, 'absolute', Math.abs(total - (sums?.[i] ?? 0)), 1e-9);
    comparison.exact('formula, norms', name, [Math.sqrt(square)], [norms?.[i] ?? 0]);
  }
  return state;
}

/** FNV-1a, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** murmur3's last step. */
function mixed(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
