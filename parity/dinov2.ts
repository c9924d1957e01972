/** dinov2_pos_interp and hf_dinov2: what loading DINOv2's weights needs. Their training is another fixture's matter. */
import { z } from 'zod';
import { concat, gradients, input, mul, ParameterSet, reshape, slice, sum } from '../src/graph/index.ts';
import { positions } from '../src/model/position.ts';
import { vit } from '../src/model/vit.ts';
import { checkComplete, findNetwork } from '../src/weights/find-network.ts';
import { huggingFaceDinov2 } from '../src/weights/layouts.ts';
import { toLayout } from '../src/weights/to-layout.ts';
import { ALLOWANCE, type Comparison, UNMEASURED } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { run } from './network.ts';
import { vitOf } from './settings.ts';

const interpolation = z.looseObject({ interpolate_antialias: z.boolean(), interpolate_offset: z.number() });
const measured = z.record(z.string(), z.number()).optional();

/** Position embeddings at every size, with and without antialiasing and offset, and their gradients. */
export async function dinov2Positions(fixture: Fixture, comparison: Comparison): Promise<void> {
  const {
    vit: network,
    variants,
    sizes,
    f32_vs_f64: distances,
  } = fixture.config(
    z.looseObject({
      vit: z.looseObject({ patch_size: z.number() }),
      variants: z.record(z.string(), interpolation),
      sizes: z.array(z.tuple([z.number(), z.number()])),
      f32_vs_f64: measured,
    }),
  );
  const embedding = input('embedding', fixture.shape('pos_embed'));
  for (const [variant, { interpolate_antialias: antialias, interpolate_offset: offset }] of Object.entries(
    variants,
  )) {
    for (const [height, width] of sizes) {
      const name = `${variant}/${height}x${width}`;
      const resized = positions(embedding, { height, width }, network.patch_size, { antialias, offset });
      const cotangent = slice(input('R', fixture.shape('R')), 0, 0, resized.dim(1));
      // Times one: an embedding that fits is passed on as it is, and an input cannot be a result.
      const loss = sum(mul(resized, reshape(cotangent, resized.shape)));
      const [gradient = embedding] = gradients(loss, [embedding]);
      const values = new Map([
        ['embedding', fixture.floats('pos_embed')],
        ['R', fixture.floats('R')],
        ['one', Float32Array.of(1)],
      ]);
      const { out = [], grad = [] } = await run(
        { out: mul(resized, input('one', [])), grad: mul(gradient, input('one', [])) },
        values,
      );
      const allowed = (quantity: string): number =>
        distances?.[quantity] === undefined ? UNMEASURED : ALLOWANCE * distances[quantity];
      comparison.tensor('positions', name, out, fixture.floats(`out/${name}`), allowed('out'));
      comparison.tensor('positions, float64', name, out, fixture.numbers(`f64/out/${name}`), allowed('out'));
      if (fixture.has(`grad/${name}`))
        comparison.tensor('gradients', name, grad, fixture.floats(`grad/${name}`), allowed('grad'));
      if (fixture.has(`f64/grad/${name}`))
        comparison.tensor(
          'gradients, float64',
          name,
          grad,
          fixture.numbers(`f64/grad/${name}`),
          allowed('grad'),
        );
    }
  }
}

/** Weights of every kind of DINOv2 network are found under Hugging Face's names, give its features, and go back. */
export async function huggingFaceDinov2Weights(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    z.looseObject({
      variants: z.record(z.string(), interpolation),
      hf_config: z.record(z.string(), z.looseObject({ num_attention_heads: z.number() })),
      f32_vs_f64: measured,
    }),
  );
  for (const [variant, { interpolate_antialias: antialias, interpolate_offset: offset }] of Object.entries(
    config.variants,
  )) {
    const file = `hf/${variant}/`;
    const names = fixture.keys(file);
    const found = findNetwork(
      {
        format: 'safetensors',
        facts: {},
        tensors: new Map(
          names.map((name) => {
            const tensor = fixture.tensor(`${file}${name}`);
            return [name, { dtype: tensor.dtype, shape: tensor.shape, read: () => tensor }];
          }),
        ),
      },
      { name: fixture.name, heads: config.hf_config[variant]?.num_attention_heads ?? 1 },
    );
    checkComplete(found, fixture.name);
    const network = vitOf(found, fixture.name);
    const weights = found.weights();
    const official = fixture.keys(`official/${variant}/`);
    comparison.sameSet('names', variant, weights.keys(), official);
    for (const name of official)
      comparison.identical(
        'weights',
        name,
        weights.get(name) ?? [],
        fixture.floats(`official/${variant}/${name}`),
      );
    const shaped = new Map(
      official.map((name) => {
        const shape = fixture.shape(`official/${variant}/${name}`);
        return [name, { shape, values: weights.get(name) ?? new Float32Array() }];
      }),
    );
    const back = toLayout(shaped, huggingFaceDinov2);
    comparison.sameSet('names, back', variant, back.keys(), names);
    for (const [name, { data }] of back)
      comparison.identical('weights, back', name, Array.from(data, Number), fixture.floats(`${file}${name}`));

    const features = async (
      images: string,
      options: { antialias: boolean; offset: number },
    ): Promise<ArrayLike<number>> => {
      const set = new ParameterSet();
      const out = vit(set.scope, input('images', fixture.shape(images)), {
        ...network,
        positions: options,
      });
      const cls = reshape(out.cls, [out.cls.dim(0), 1, out.cls.dim(1)]);
      const parts = (network.registers ?? 0) > 0 ? [cls, out.registers, out.patches] : [cls, out.patches];
      const values = new Map(weights).set('images', fixture.floats(images));
      const { tokens = [] } = await run({ tokens: concat(parts, 1) }, values);
      return tokens;
    };
    // Hugging Face interpolates to a size, so without the offset.
    for (const [quantity, images, positionOffset] of [
      ['last_hidden_state', 'in', offset],
      ['last_hidden_state_small', 'in_small', offset],
      ['last_hidden_state_small_hf_positions', 'in_small', 0],
    ] as const) {
      const tokens = await features(images, { antialias, offset: positionOffset });
      const distance = config.f32_vs_f64?.[quantity];
      const tolerance = distance === undefined ? UNMEASURED : ALLOWANCE * distance;
      const key = `${quantity}/${variant}`;
      comparison.tensor(quantity, variant, tokens, fixture.floats(key), tolerance);
      comparison.tensor(`${quantity}, float64`, variant, tokens, fixture.numbers(`f64/${key}`), tolerance);
    }
  }
}
