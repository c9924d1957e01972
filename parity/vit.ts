/** Fixtures of the Vision Transformer: vit_forward, vit_init, vit_backward, pos_interp, droppath. */
import { z } from 'zod';
import type { Values } from '../src/engine/values.ts';
import { input, mul, ParameterSet, reshape, sum, transpose } from '../src/graph/index.ts';
import { blockRates, drop } from '../src/model/drop-path.ts';
import { positions } from '../src/model/position.ts';
import { type VitConfig, vit } from '../src/model/vit.ts';
import { ALLOWANCE, type Comparison, compareSum, termScale, UNMEASURED } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';
import { compareState, run, withGradients } from './network.ts';
import {
  distanceSchema,
  distancesSchema,
  measuredTolerance,
  nullRanges,
  nullSlicesSchema,
  vitConfig,
  vitExtras,
  vitSchema,
} from './settings.ts';

const casesSchema = z.record(z.string(), z.tuple([z.number(), z.number(), z.number()]));

/** `out/` against float32 within eleven, `out64/` within ten times the measured distance. */
export async function vitForward(fixture: Fixture, comparison: Comparison): Promise<void> {
  const schema = vitExtras.extend({
    vit: vitSchema,
    intermediate_n: z.number(),
    cases: casesSchema,
    f32_vs_f64: distancesSchema.optional(),
  });
  const config = fixture.config(schema);
  const network = vitConfig(config.vit, config);
  for (const [name, [batch, height, width]] of Object.entries(config.cases)) {
    const set = new ParameterSet();
    const images = input('images', [batch, network.channels, height, width]);
    const out = vit(set.scope, images, network);
    compareState(comparison, set, fixture, 'state/');
    const values = new Map<string, Values>(fixture.group('state/')).set(
      'images',
      fixture.floats(`in/${name}`),
    );
    const last = out.lastBlocks(config.intermediate_n);
    const results = await run(
      {
        cls: out.cls,
        tokens: out.embedded,
        attn: out.attention,
        ...Object.fromEntries(last.map((tokens, i) => [`inter${i}`, tokens])),
      },
      values,
    );
    const resized = positions(set.tensor('pos_embed'), { height, width }, network.patchSize);
    const pos = await run(
      { pos: mul(resized, input('one', [])) },
      new Map(values).set('one', Float32Array.of(1)),
    );
    const outputs: Record<string, Float32Array> = { ...results, ...pos };
    outputs.patch_embed = await patchEmbedding(network, values, batch, height, width);
    for (const quantity of fixture.keys(`out/${name}/`)) {
      const got = outputs[quantity];
      if (got === undefined) continue; // shows up as not compared
      const tolerance = measuredTolerance(config.f32_vs_f64, quantity) ?? UNMEASURED;
      const wanted = `out/${name}/${quantity}`;
      comparison.tensor(
        quantity,
        name,
        got,
        fixture.numbers(wanted),
        (tolerance * (ALLOWANCE + 1)) / ALLOWANCE,
      );
      const twin = `out64/${name}/${quantity}`;
      if (fixture.has(twin))
        comparison.tensor(`${quantity} (float64)`, name, got, fixture.numbers(twin), tolerance);
    }
  }
}

/** The patch rows before positions are added: what is embedded when all positions are zero. */
async function patchEmbedding(
  network: VitConfig,
  values: ReadonlyMap<string, Values>,
  batch: number,
  height: number,
  width: number,
): Promise<Float32Array> {
  const set = new ParameterSet();
  const { embedded } = vit(set.scope, input('images', [batch, network.channels, height, width]), network);
  const zero = new Float32Array(values.get('pos_embed')?.length ?? 0);
  const { all } = await run({ all: embedded }, new Map(values).set('pos_embed', zero));
  const [tokens, dim] = [embedded.dim(1), embedded.dim(2)];
  const patches = new Float32Array(batch * (tokens - 1) * dim);
  for (let b = 0; b < batch; b++) {
    const rows = all?.subarray((b * tokens + 1) * dim, (b + 1) * tokens * dim);
    if (rows !== undefined) patches.set(rows, b * (tokens - 1) * dim);
  }
  return patches;
}

/** `loss = sum(cls R)`; parameter gradients by relative L2 outside the null slices. */
export async function vitBackward(fixture: Fixture, comparison: Comparison): Promise<void> {
  const schema = vitExtras.extend({
    vit: vitSchema,
    cases: casesSchema,
    null_slices: nullSlicesSchema,
    param_order: z.array(z.string()),
    f32_vs_f64: distancesSchema.optional(),
  });
  const config = fixture.config(schema);
  const network = vitConfig(config.vit, config);
  const skip = nullRanges(config.null_slices);
  const tolerances = {
    loss: measuredTolerance(config.f32_vs_f64, 'loss') ?? UNMEASURED,
    input: measuredTolerance(config.f32_vs_f64, 'input') ?? UNMEASURED,
    parameter: measuredTolerance(config.f32_vs_f64, 'worst_parameter_gradient') ?? UNMEASURED,
  };
  for (const [name, [batch, height, width]] of Object.entries(config.cases)) {
    const set = new ParameterSet();
    const images = input('images', [batch, network.channels, height, width]);
    const { cls } = vit(set.scope, images, network);
    compareState(comparison, set, fixture, 'state/');
    const loss = sum(mul(cls, input('R', cls.shape)));
    const cotangent = fixture.floats(`R/${name}`);
    const values = new Map<string, Values>(fixture.group('state/'))
      .set('images', fixture.floats(`in/${name}`))
      .set('R', cotangent);
    const got = await run(withGradients(loss, set, { input: images }, { cls, loss }), values);
    const wantedCls = fixture.numbers(`cls/${name}`);
    comparison.tensor('cls', name, got.cls ?? [], wantedCls, tolerances.parameter);
    const terms = termScale(wantedCls, cotangent);
    for (const [suffix, label] of twins) {
      const wantedLoss = fixture.scalar(`loss${suffix}/${name}`);
      compareSum(
        comparison,
        `loss${label}`,
        name,
        got.loss?.[0] ?? Number.NaN,
        wantedLoss,
        terms,
        tolerances.loss,
      );
      const wantedInput = fixture.numbers(`grad_input${suffix}/${name}`);
      comparison.tensor(
        `gradient of the input${label}`,
        name,
        got.input ?? [],
        wantedInput,
        tolerances.input,
      );
      for (const key of fixture.keys(`grad${suffix}/${name}/`)) {
        const wanted = fixture.numbers(`grad${suffix}/${name}/${key}`);
        const quantity = `parameter gradients${label}`;
        const gradient = got[`grad/${key}`] ?? [];
        comparison.relativeL2(quantity, `${name}, ${key}`, gradient, wanted, tolerances.parameter, skip(key));
      }
    }
    const norms = config.param_order.map((key) => norm(got[`grad/${key}`] ?? []));
    compareNorms(
      comparison,
      name,
      config.param_order,
      norms,
      fixture.numbers(`gradnorm64/${name}`),
      tolerances.parameter,
    );
  }
}

/** Name suffixes of the float32 numbers and of their float64 twins. */
const twins = [
  ['', ''],
  ['64', ' (float64)'],
] as const;

function norm(values: ArrayLike<number>): number {
  let square = 0;
  for (let i = 0; i < values.length; i++) square += values[i]! ** 2;
  return Math.sqrt(square);
}

function compareNorms(
  comparison: Comparison,
  at: string,
  names: readonly string[],
  got: readonly number[],
  wanted: ArrayLike<number>,
  tolerance: number,
): void {
  comparison.identical('number of gradient norms', at, [got.length], [wanted.length]);
  names.forEach((name, i) => {
    comparison.tensor('gradient norms (float64)', `${at}, ${name}`, [got[i]!], [wanted[i]!], tolerance);
  });
}

/** Position embeddings alone, at every size. */
export async function positionInterpolation(fixture: Fixture, comparison: Comparison): Promise<void> {
  const schema = z.object({
    patch_size: z.number(),
    sizes: z.array(z.tuple([z.number(), z.number()])),
    f32_vs_f64: z.record(z.string(), distanceSchema).optional(),
  });
  const config = fixture.config(schema);
  const distances = { all: config.f32_vs_f64 ?? {} };
  const measured = Object.keys(distances.all).flatMap((size) => measuredTolerance(distances, size) ?? []);
  const tolerance = measured.length === 0 ? UNMEASURED : Math.max(...measured);
  const embedding = input('embedding', fixture.shape('pos_embed'));
  const values = new Map([['embedding', fixture.floats('pos_embed')]]).set('one', Float32Array.of(1));
  for (const [height, width] of config.sizes) {
    const name = `${height}x${width}`;
    const resized = positions(embedding, { height, width }, config.patch_size);
    // Times one: an embedding that fits is passed on as it is, and an input cannot be a result.
    const { out = [] } = await run({ out: mul(resized, input('one', [])) }, values);
    comparison.tensor(
      'positions',
      name,
      out,
      fixture.numbers(`out/${name}`),
      (tolerance * (ALLOWANCE + 1)) / ALLOWANCE,
    );
    comparison.tensor('positions (float64)', name, out, fixture.numbers(`out64/${name}`), tolerance);
  }
}

/** The function alone, then a transformer with the stored masks. */
export async function dropPath(fixture: Fixture, comparison: Comparison): Promise<void> {
  const schema = vitExtras.extend({
    vit: vitSchema,
    drop_prob: z.number(),
    drop_path_rate: z.number(),
    block_drop_prob: z.array(z.number()),
    mask_order: z.array(z.string()),
    param_order: z.array(z.string()),
    null_slices: nullSlicesSchema,
    f32_vs_f64: z.record(z.string(), distanceSchema).optional(),
  });
  const config = fixture.config(schema);
  await dropPathAlone(fixture, comparison, config.drop_prob);

  const network = vitConfig(config.vit, config);
  const rates = blockRates(config.drop_path_rate, network.depth);
  comparison.exact('drop probabilities', 'blocks', rates, config.block_drop_prob);
  const { factors, rows, batch } = maskFactors(fixture, config.mask_order, rates);
  const set = new ParameterSet();
  const images = input('images', fixture.shape('vit/x'));
  const { cls } = vit(set.scope, images, network, rows === 0 ? undefined : input('dropPath', [rows, batch]));
  compareState(comparison, set, fixture, 'vit/state/');
  const loss = sum(mul(cls, input('R', cls.shape)));
  const cotangent = fixture.floats('vit/R');
  const values = new Map<string, Values>(fixture.group('vit/state/'))
    .set('images', fixture.floats('vit/x'))
    .set('R', cotangent)
    .set('dropPath', factors);
  const got = await run(withGradients(loss, set, { input: images }, { cls, loss }), values);

  const distances = { all: config.f32_vs_f64 ?? {} };
  const tolerance = (quantity: string): number => measuredTolerance(distances, quantity) ?? UNMEASURED;
  const gradient = tolerance('worst_parameter_gradient');
  const terms = termScale(fixture.numbers('vit/cls'), cotangent);
  for (const [suffix, label] of twins) {
    const wantedLoss = fixture.scalar(`vit/loss${suffix}`);
    comparison.tensor(
      `cls${label}`,
      'vit',
      got.cls ?? [],
      fixture.numbers(`vit/cls${suffix}`),
      tolerance('cls'),
    );
    compareSum(
      comparison,
      `loss${label}`,
      'vit',
      got.loss?.[0] ?? Number.NaN,
      wantedLoss,
      terms,
      tolerance('loss'),
    );
  }
  comparison.tensor('gradient of the input', 'vit', got.input ?? [], fixture.numbers('vit/grad_input'));
  const skip = nullRanges(config.null_slices);
  for (const key of fixture.keys('vit/grad/')) {
    const wanted = fixture.numbers(`vit/grad/${key}`);
    comparison.relativeL2('parameter gradients', key, got[`grad/${key}`] ?? [], wanted, gradient, skip(key));
  }
  const norms = config.param_order.map((key) => norm(got[`grad/${key}`] ?? []));
  compareNorms(comparison, 'vit', config.param_order, norms, fixture.numbers('vit/gradnorm64'), gradient);
}

async function dropPathAlone(fixture: Fixture, comparison: Comparison, probability: number): Promise<void> {
  const shape = fixture.shape('fn/x');
  const batch = fixture.dim('fn/x', 0);
  const x = input('x', shape);
  const branch = transpose(reshape(x, [batch, -1, shape.at(-1) ?? 1]), [1, 0, 2]); // tokens first
  const dropped = transpose(drop(branch, input('factors', [1, batch])), [1, 0, 2]);
  const loss = sum(mul(dropped, input('R', dropped.shape)));
  const factors = fixture.floats('fn/mask').map((kept) => kept / (1 - probability));
  const values = new Map([
    ['x', fixture.floats('fn/x')],
    ['R', fixture.floats('fn/R')],
    ['factors', factors],
  ]);
  const { out = [], grad = [] } = await run(
    withGradients(loss, new ParameterSet(), { grad: x }, { out: dropped }),
    values,
  );
  comparison.tensor('drop_path', 'fn', out, fixture.numbers('fn/out'), 1e-6);
  comparison.tensor('gradient of drop_path', 'fn', grad, fixture.numbers('fn/grad_x'), 1e-6);
}

/** The stored masks as factors 0 or 1 / keep, in the order in which `vit` takes them. */
function maskFactors(
  fixture: Fixture,
  order: readonly string[],
  rates: readonly number[],
): { factors: Float32Array; rows: number; batch: number } {
  const first = rates.findIndex((rate) => rate > 0);
  const rows = first < 0 ? 0 : 2 * (rates.length - first);
  const batch = fixture.dim('vit/x', 0);
  const factors = new Float32Array(rows * batch);
  for (const name of order) {
    const match = /^block(\d+)_(attn|mlp)$/.exec(name);
    if (match === null) throw new FixtureError(`the mask "${name}" names no branch of a block.`);
    const block = Number(match[1]);
    const keep = 1 - (rates[block] ?? 0);
    const row = 2 * (block - first) + (match[2] === 'attn' ? 0 : 1);
    factors.set(
      fixture.floats(`vit/mask/${name}`).map((kept) => kept / keep),
      row * batch,
    );
  }
  return { factors, rows, batch };
}
