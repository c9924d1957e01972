/** dinov2_ffn, dinov2_block, dinov2_droppath and dinov2_vit: DINOv2's network in parts and whole, forward and backward. */
import { z } from 'zod';
import type { Values } from '../src/engine/values.ts';
import {
  add,
  input,
  mul,
  ParameterSet,
  reshape,
  slice,
  sum,
  type Tensor,
  transpose,
} from '../src/graph/index.ts';
import { gatedWidth, swiglu } from '../src/model/dinov2.ts';
import { branchAdder, keptImages } from '../src/model/drop-path.ts';
import { mlp } from '../src/model/layers.ts';
import { positions } from '../src/model/position.ts';
import { block, type VitConfig, vit } from '../src/model/vit.ts';
import type { Comparison } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';
import { compareState, run, withGradients } from './network.ts';
import {
  flatDistancesSchema,
  nullRanges,
  nullSlicesSchema,
  toleranceOf,
  vitConfig,
  vitExtras,
  vitSchema,
} from './settings.ts';

type Distances = z.infer<typeof flatDistancesSchema>;

/** The four feed-forward layers. "Aligned" keeps the two halves of w12 apart; they are ours one below the other. */
export async function dinov2FeedForward(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    z.object({ dim: z.number(), hidden: z.number(), f32_vs_f64: flatDistancesSchema }),
  );
  const x = input('in', fixture.shape('in'));
  const widths: Readonly<Record<string, number>> = {
    swiglu: config.hidden,
    swiglu_fused: gatedWidth(config.hidden),
    swiglu_aligned: gatedWidth(config.hidden),
    mlp: config.hidden,
  };
  for (const [kind, hidden] of Object.entries(widths)) {
    const set = new ParameterSet();
    const out = (kind === 'mlp' ? mlp : swiglu)(set.scope, x, hidden);
    const state = fixture.group(`state/${kind}/`);
    if (kind !== 'swiglu_aligned') compareState(comparison, set, fixture, `state/${kind}/`);
    for (const part of ['weight', 'bias'])
      if (kind === 'swiglu_aligned')
        state.set(`w12.${part}`, joined(state.get(`w1.${part}`), state.get(`w2.${part}`)));
    const loss = sum(mul(out, input('R', out.shape)));
    const got = await run(
      withGradients(loss, set, { grad_in: x }, { out }),
      givenWith(state, fixture, ['in', 'R']),
    );
    compareAll(comparison, fixture, kind, got, config.f32_vs_f64);
    for (const name of fixture.keys(`grad/${kind}/`)) {
      const own = /^w[12]\./.test(name) ? name.replace(/^w[12]/, 'w12') : name;
      const all = got[`grad/${own}`] ?? new Float32Array();
      const half = own === name ? all : halfOf(all, name.startsWith('w1.') ? 0 : 1);
      comparison.twins(
        'gradients',
        name,
        half,
        fixture,
        `grad/${kind}/${name}`,
        toleranceOf(config.f32_vs_f64, 'grad'),
      );
    }
  }
}

function joined(...parts: readonly (Float32Array | undefined)[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...(part ?? [])]));
}

function halfOf(values: Float32Array, which: 0 | 1): Float32Array {
  return values.subarray((which * values.length) / 2, ((which + 1) * values.length) / 2);
}

function givenWith(
  state: ReadonlyMap<string, Float32Array>,
  fixture: Fixture,
  names: readonly string[],
): Map<string, Values> {
  return new Map<string, Values>([...state, ...names.map((name) => [name, fixture.floats(name)] as const)]);
}

/** `out/` and `grad_in/` of a case. */
function compareAll(
  comparison: Comparison,
  fixture: Fixture,
  name: string,
  got: Readonly<Record<string, Float32Array>>,
  distances: Distances,
): void {
  comparison.twins('outputs', name, got.out ?? [], fixture, `out/${name}`, toleranceOf(distances, 'out'));
  comparison.twins(
    'gradients of the input',
    name,
    got.grad_in ?? [],
    fixture,
    `grad_in/${name}`,
    toleranceOf(distances, 'grad_in'),
  );
}

/** Gradients of parameters by relative L2, outside of what is zero in exact arithmetic. */
function compareGradients(
  comparison: Comparison,
  fixture: Fixture,
  name: string,
  got: Readonly<Record<string, Float32Array>>,
  skip: ReturnType<typeof nullRanges>,
  distances: Distances,
): void {
  for (const [prefix, label] of [
    ['', ''],
    ['f64/', ', float64'],
  ] as const)
    for (const key of fixture.keys(`${prefix}grad/${name}/`))
      comparison.relativeL2(
        `gradients${label}`,
        `${name}, ${key}`,
        got[`grad/${key}`] ?? [],
        fixture.numbers(`${prefix}grad/${name}/${key}`),
        toleranceOf(distances, 'grad'),
        skip(key),
      );
}

const blockSchema = vitExtras.extend({
  dim: z.number(),
  mlp_ratio: z.number(),
  null_slices: nullSlicesSchema,
  f32_vs_f64: flatDistancesSchema,
});

function blockConfig(
  { dim, mlp_ratio: ratio, layernorm_eps: eps }: z.infer<typeof blockSchema>,
  heads: number,
  gated: boolean,
): VitConfig {
  const mlpRatio = gated ? gatedWidth(dim * ratio) / dim : ratio;
  return {
    ...{
      imageSize: 1,
      patchSize: 1,
      channels: 1,
      depth: 1,
      dim,
      heads,
      mlpRatio,
      layerScale: true,
      swiglu: gated,
    },
    ...(eps === undefined ? {} : { eps }),
  };
}

/** A block with layer scales, with either MLP. */
export async function dinov2Block(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(blockSchema.extend({ heads: z.number() }));
  for (const kind of ['mlp', 'swiglu_fused']) {
    const set = new ParameterSet();
    const x = input('in', fixture.shape('in'));
    const { tokens } = block(
      set.scope,
      transpose(x, [1, 0, 2]),
      blockConfig(config, config.heads, kind !== 'mlp'),
      branchAdder(undefined, 1)(0),
    );
    const out = transpose(tokens, [1, 0, 2]);
    compareState(comparison, set, fixture, `state/${kind}/`);
    const loss = sum(mul(out, input('R', out.shape)));
    const values = givenWith(fixture.group(`state/${kind}/`), fixture, ['in', 'R']);
    const got = await run(withGradients(loss, set, { grad_in: x }, { out }), values);
    compareAll(comparison, fixture, kind, got, config.f32_vs_f64);
    compareGradients(comparison, fixture, kind, got, nullRanges(config.null_slices), config.f32_vs_f64);
  }
}

/** Branches for some of the images, and with a coin for each; `list` is two tensors through one block. */
export async function dinov2DropPath(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    blockSchema.extend({ heads: z.number(), rate: z.number(), low_rate: z.number() }),
  );
  const network = blockConfig(config, config.heads, false);
  const skip = nullRanges(config.null_slices);
  const kept = (...names: readonly string[]): BigInt64Array => {
    const rows = names.map((name) => fixture.numbers(`perm/${name}`));
    return BigInt64Array.from(
      rows.flatMap((row) => [...row.subarray(0, keptImages(config.rate, row.length))].map(BigInt)),
    );
  };
  for (const [name, images] of [
    ['subset', 'in'],
    ['list', 'in'],
    ['list2', 'in2'],
  ] as const)
    comparison.identical(
      'images kept',
      name,
      [keptImages(config.rate, fixture.dim(images, 0))],
      [fixture.scalar(`kept/${name}`)],
    );
  const values = (more: readonly (readonly [string, Values])[]): Map<string, Values> =>
    new Map<string, Values>([
      ...givenWith(fixture.group('state/'), fixture, ['in', 'in2', 'R', 'R2']),
      ...more,
    ]);
  const passed = (set: ParameterSet, x: Tensor, drops: Tensor): Tensor =>
    transpose(block(set.scope, transpose(x, [1, 0, 2]), network, branchAdder(drops, 1)(0)).tokens, [1, 0, 2]);
  const x = input('in', fixture.shape('in'));
  const second = input('in2', fixture.shape('in2'));
  const weighted = (out: Tensor, name: string): Tensor => sum(mul(out, input(name, out.shape)));
  const keep = keptImages(config.rate, x.dim(0));

  const subset = new ParameterSet();
  const some = passed(subset, x, input('kept', [2, keep], 'i64'));
  compareState(comparison, subset, fixture, 'state/');
  const gotSome = await run(
    withGradients(weighted(some, 'R'), subset, { grad_in: x }, { out: some }),
    values([['kept', kept('attn', 'ffn')]]),
  );
  compareAll(comparison, fixture, 'subset', gotSome, config.f32_vs_f64);
  compareGradients(comparison, fixture, 'subset', gotSome, skip, config.f32_vs_f64);

  const coin = new ParameterSet();
  const tossed = passed(coin, x, input('factors', [2, x.dim(0)]));
  const factors = ['attn', 'ffn'].flatMap((which) =>
    [...fixture.floats(`coin/${which}`)].map((taken) => taken / (1 - config.low_rate)),
  );
  const gotCoin = await run(
    withGradients(weighted(tossed, 'R'), coin, { grad_in: x }, { out: tossed }),
    values([['factors', Float32Array.from(factors)]]),
  );
  compareAll(comparison, fixture, 'coin', gotCoin, config.f32_vs_f64);

  const list = new ParameterSet();
  const out = passed(list, x, input('kept', [2, keep], 'i64'));
  const out2 = passed(list, second, input('kept2', [2, keptImages(config.rate, second.dim(0))], 'i64'));
  const gotList = await run(
    withGradients(
      add(weighted(out, 'R'), weighted(out2, 'R2')),
      list,
      { grad_in: x, grad_in2: second },
      { out, out2 },
    ),
    values([
      ['kept', kept('list_attn', 'list_ffn')],
      ['kept2', kept('list_attn2', 'list_ffn2')],
    ]),
  );
  compareAll(comparison, fixture, 'list', gotList, config.f32_vs_f64);
  compareAll(
    comparison,
    fixture,
    'list2',
    { out: gotList.out2 ?? new Float32Array(), grad_in: gotList.grad_in2 ?? new Float32Array() },
    config.f32_vs_f64,
  );
  compareGradients(comparison, fixture, 'list', gotList, skip, config.f32_vs_f64);
}

export const dinov2VariantSchema = z.object({
  num_register_tokens: z.number(),
  interpolate_antialias: z.boolean().default(false),
  interpolate_offset: z.number().default(0.1),
  ffn_layer: z.enum(['mlp', 'swiglufused']),
});

/** The network of a variant of a fixture, as it is trained. */
export function dinov2Config(vit: VitConfig, variant: z.infer<typeof dinov2VariantSchema>): VitConfig {
  const swiglu = variant.ffn_layer === 'swiglufused';
  const { dim, mlpRatio } = vit;
  return {
    ...vit,
    swiglu,
    mlpRatio: swiglu ? gatedWidth(dim * mlpRatio) / dim : mlpRatio,
    layerScale: true,
    maskToken: true,
    registers: variant.num_register_tokens,
    positions: { antialias: variant.interpolate_antialias, offset: variant.interpolate_offset },
  };
}

/** The whole network: masks, registers, tokens, features, the last blocks, and the gradients of the native case. */
export async function dinov2Vit(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    vitExtras.extend({
      vit: vitSchema,
      variants: z.record(z.string(), dinov2VariantSchema),
      cases: z.record(z.string(), z.tuple([z.number(), z.number(), z.number()])),
      mask_cases: z.array(z.string()),
      null_slices: nullSlicesSchema,
      f32_vs_f64: flatDistancesSchema,
    }),
  );
  const distances = config.f32_vs_f64;
  const outputs = toleranceOf(distances, 'out');
  for (const [variant, options] of Object.entries(config.variants)) {
    const network = dinov2Config(vitConfig(config.vit, config), options);
    const state = fixture.group(`state/${variant}/`);
    for (const [name, [batch, height, width]] of Object.entries(config.cases)) {
      const at = `${variant}/${name}`;
      const set = new ParameterSet();
      const images = input('images', [batch, network.channels, height, width]);
      const masked = config.mask_cases.includes(name);
      const masks = masked ? input('masks', fixture.shape(`masks/${name}`), 'bool') : undefined;
      const out = vit(set.scope, images, network, undefined, masks);
      compareState(comparison, set, fixture, `state/${variant}/`);
      const values = new Map<string, Values>(state)
        .set('images', fixture.floats(`in/${name}`))
        .set('one', Float32Array.of(1));
      if (masked) values.set('masks', Uint8Array.from(fixture.numbers(`masks/${name}`)));
      // Times one: an embedding that fits is passed on as it is, and an input cannot be a result.
      const placed = positions(
        set.tensor('pos_embed'),
        { height, width },
        network.patchSize,
        network.positions,
      );
      const [first, second] = vit(set.scope, images, network).lastBlocks(2); // without masks
      if (first === undefined || second === undefined)
        throw new FixtureError(`${fixture.name}: a network of less than two blocks has no last two.`);
      const [rows, columns] = [height / network.patchSize, width / network.patchSize];
      const maps = (tokens: Tensor): Tensor =>
        reshape(transpose(slice(tokens, 1, 1, tokens.dim(1)), [0, 2, 1]), [
          batch,
          network.dim,
          rows,
          columns,
        ]);
      const cls = (tokens: Tensor): Tensor => reshape(slice(tokens, 1, 0, 1), [batch, network.dim]);
      const got = await run(
        {
          ...{ cls: out.cls, patches: out.patches, tokens: out.embedded, unnormed: out.unnormed },
          ...((network.registers ?? 0) > 0 ? { registers: out.registers } : {}),
          pos: mul(placed, input('one', [])),
          ...{ inter0_cls: cls(first), inter1_cls: cls(second) },
          ...{ inter0_patches: maps(first), inter1_patches: maps(second) },
        },
        values,
      );
      const wanted: Readonly<Record<string, string>> = {
        cls: `out/${at}/x_norm_clstoken`,
        patches: `out/${at}/x_norm_patchtokens`,
        registers: `out/${at}/x_norm_regtokens`,
        unnormed: `out/${at}/x_prenorm`,
        tokens: `tokens/${at}`,
        pos: `pos/${at}`,
        ...Object.fromEntries(
          ['inter0_cls', 'inter1_cls', 'inter0_patches', 'inter1_patches'].map((key) => [
            key,
            `${key}/${at}`,
          ]),
        ),
      };
      for (const [quantity, key] of Object.entries(wanted))
        if (fixture.has(key)) comparison.twins(quantity, at, got[quantity] ?? [], fixture, key, outputs);
      if (name !== 'native') continue;
      const registers = network.registers ?? 0;
      const cotangents = [
        sum(mul(out.cls, reshape(input('R_cls', fixture.shape('R_cls')), out.cls.shape))),
        sum(mul(out.patches, input('R_patch', fixture.shape('R_patch')))),
        ...(registers > 0 ? [sum(mul(out.registers, input('R_reg', fixture.shape('R_reg'))))] : []),
      ];
      const loss = cotangents.reduce(add);
      const gradients = await run(
        withGradients(loss, set, { grad_in: images }, { loss }),
        new Map([...values, ...givenWith(new Map(), fixture, ['R_cls', 'R_patch', 'R_reg'])]),
      );
      comparison.twins(
        'loss',
        variant,
        gradients.loss ?? [],
        fixture,
        `loss/${variant}`,
        toleranceOf(distances, 'loss'),
      );
      comparison.twins(
        'gradients of the images',
        variant,
        gradients.grad_in ?? [],
        fixture,
        `grad_in/${variant}`,
        toleranceOf(distances, 'grad'),
      );
      compareGradients(comparison, fixture, variant, gradients, nullRanges(config.null_slices), distances);
    }
  }
}
