/** ResNet and XCiT: published sizes, what they show of places, drop path, derivatives. Their numbers are compared in `parity`. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { constant, gradients, input, mul, ParameterSet, sum } from '../../src/graph/index.ts';
import {
  type BackboneConfig,
  describeNetwork,
  dropPathRates,
  featureDim,
  forwardOperations,
  imageFeature,
} from '../../src/model/backbone.ts';
import { layerDecay } from '../../src/model/layer-decay.ts';
import { attentionHeads, patchSide, placesAlong } from '../../src/model/places.ts';
import { resnetConfig } from '../../src/model/resnet.ts';
import { xcitConfig } from '../../src/model/xcit-sizes.ts';
import { Random } from '../../src/random/random.ts';
import { tinyResnet, tinyXcit } from './tiny-networks.ts';

/** Shapes of all parameters. */
function shapesOf(config: BackboneConfig): Map<string, readonly number[]> {
  const set = new ParameterSet();
  imageFeature(set.scope, input('images', [1, config.channels, 64, 64]), config, 'eval');
  return new Map([...set.parameters.values()].map(({ name, shape }) => [name, shape]));
}

const countOf = (config: BackboneConfig): number =>
  [...shapesOf(config).values()].reduce(
    (total, shape) => total + shape.reduce((product, size) => product * size, 1),
    0,
  );

describe('published networks', () => {
  it('have the parameters of torchvision without the last layer', () => {
    expect(countOf(resnetConfig('resnet18'))).toBe(11_689_512 - 513_000);
    expect(countOf(resnetConfig('resnet50'))).toBe(25_557_032 - 2_049_000);
    expect(shapesOf(resnetConfig('resnet50', 1)).get('conv1.weight')).toEqual([64, 1, 7, 7]);
    expect(featureDim(resnetConfig('resnet18'))).toBe(512);
    expect(featureDim(resnetConfig('resnet50'))).toBe(2048);
    expect(describeNetwork(resnetConfig('resnet18'))).toMatch(/^ResNet-18, /);
    expect(describeNetwork(resnetConfig('resnet50'))).toMatch(/^ResNet-50, /);
  });

  it('take the operations that are published', () => {
    expect(forwardOperations(resnetConfig('resnet18'), 224) / 2e9).toBeCloseTo(1.8, 1);
    expect(forwardOperations(resnetConfig('resnet50'), 224) / 2e9).toBeCloseTo(4.1, 1);
    expect(forwardOperations(xcitConfig('xcit_small_12_p16'), 224) / 2e9).toBeCloseTo(4.8, 1);
    expect(forwardOperations(xcitConfig('xcit_medium_24_p16'), 224) / 2e9).toBeCloseTo(16.2, 0);
  });

  it('are sized as in the paper', () => {
    const small = shapesOf(xcitConfig('xcit_small_12_p16'));
    expect(small.get('patch_embed.proj.6.0.weight')).toEqual([384, 192, 3, 3]);
    expect(small.get('blocks.11.local_mp.conv1.weight')).toEqual([384, 1, 3, 3]);
    expect(small.get('cls_attn_blocks.1.attn.qkv.weight')).toEqual([1152, 384]);
    expect(countOf(xcitConfig('xcit_small_12_p16')) / 1e6).toBeCloseTo(25.87, 1);
    expect(countOf(xcitConfig('xcit_medium_24_p8')) / 1e6).toBeCloseTo(83.8, 0);
    expect(xcitConfig('xcit_nano_12_p8')).toMatchObject({ tokensNorm: false, heads: 4, patchSize: 8 });
  });
});

const noise = (name: string, count: number): Float32Array => {
  const random = new Random(3, name);
  return Float32Array.from({ length: count }, () => random.normal());
};

/** Weights as training leaves them: no statistic is what it began as. */
function shaken(config: BackboneConfig): Map<string, Float32Array> {
  const random = new Random(5, 'shaken');
  return new Map(
    [...untrainedWeights(config, 32, 3)].map(([name, values]) => [
      name,
      values.map((value) =>
        name.endsWith('running_var') ? 0.5 + random.uniform() : value + 0.1 * random.normal(),
      ),
    ]),
  );
}

describe.each<[string, BackboneConfig]>([
  ['a ResNet', tinyResnet],
  ['an XCiT', tinyXcit],
])('%s', (_, config) => {
  it('knows a grid of places of images of any size', async () => {
    const backbone = new FrozenBackbone(config, 40, ortNode, { threads: 1 });
    const weights = shaken(config);
    expect(patchSide(config)).toBe(8);
    for (const [height, width] of [
      [40, 24],
      [37, 50],
    ] as const) {
      const pixels = noise('pixels', 2 * 3 * height * width);
      const places = placesAlong(config, height) * placesAlong(config, width);
      const tokens = await backbone.placeTokens(weights, { pixels, height, width });
      expect(tokens).toHaveLength(2 * places * featureDim(config));
    }
    await backbone.dispose();
  });

  it('has the derivatives of a step in train mode', async () => {
    const set = new ParameterSet();
    const images = input('images', [3, 3, 16, 24]);
    const feature = imageFeature(set.scope, images, config, 'train');
    const loss = sum(mul(feature, constant(noise('cotangent', feature.size), feature.shape)));
    const names = [...set.parameters.keys()];
    const wanted = gradients(loss, [images, ...names.map((name) => set.tensor(name))]);
    const results = Object.fromEntries(wanted.map((gradient, i) => [['images', ...names][i]!, gradient]));
    const [program, forward] = [
      await ortNode.load(results, { threads: 1 }),
      await ortNode.load({ feature }, { threads: 1 }),
    ];
    const given = new Map(shaken(config)).set('images', noise('pixels', images.size));
    const fed = (inputs: ReadonlyMap<string, unknown>, step: number): Record<string, Float32Array> =>
      Object.fromEntries(
        [...inputs.keys()].map((name) => {
          const direction = name in results ? noise(`direction ${name}`, given.get(name)!.length) : undefined;
          return [name, given.get(name)!.map((value, i) => value + step * (direction?.[i] ?? 0))];
        }),
      );
    const got: Record<string, Float32Array> = await evaluate(program, fed(program.inputs, 0));
    const slope = Object.entries(got).reduce(
      (total, [name, gradient]) =>
        total + noise(`direction ${name}`, gradient.length).reduce((s, d, i) => s + d * gradient[i]!, 0),
      0,
    );
    const cotangent = noise('cotangent', feature.size);
    const lossAt = async (step: number): Promise<number> => {
      const { feature: y } = await evaluate(forward, fed(forward.inputs, step));
      return y!.reduce((total, value, i) => total + value * cotangent[i]!, 0);
    };
    const step = 2e-4;
    const difference = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
    expect(Math.abs(slope)).toBeGreaterThan(0.1);
    expect(difference / slope).toBeCloseTo(1, 2);
    await program.dispose();
    await forward.dispose();
  });
});

describe('an XCiT', () => {
  it('attends to the patches with what the class token leaves of 1', async () => {
    const backbone = new FrozenBackbone(tinyXcit, 32, ortNode, { threads: 1 });
    const maps = await backbone.attention(shaken(tinyXcit), noise('pixels', 3 * 32 * 32));
    expect([attentionHeads(tinyXcit), backbone.attentionSide]).toEqual([2, 4]);
    expect(maps).toHaveLength(2 * 16);
    for (let head = 0; head < 2; head++) {
      const total = maps.subarray(head * 16, (head + 1) * 16).reduce((sum, value) => sum + value, 0);
      expect(total).toBeGreaterThan(0.5);
      expect(total).toBeLessThan(1);
    }
    await backbone.dispose();
  });

  it('drops three branches of each block at one rate, image by image', async () => {
    expect(dropPathRates(tinyXcit, 0.25)).toEqual([0.25, 0.25, 0.25, 0.25, 0.25, 0.25]);
    expect(dropPathRates(tinyResnet, 0.25)).toEqual([]);
    const shape = [2, 3, 16, 16];
    const run = async (config: BackboneConfig, factors?: readonly number[]) => {
      const set = new ParameterSet();
      const drops = factors === undefined ? undefined : input('drops', [factors.length / 2, 2]);
      const feature = imageFeature(set.scope, input('images', shape), config, 'eval', drops);
      const program = await ortNode.load({ feature }, { threads: 1 });
      const given = new Map(shaken(tinyXcit)).set('images', noise('pixels', 2 * 3 * 256));
      if (factors !== undefined) given.set('drops', Float32Array.from(factors));
      const inputs = Object.fromEntries([...program.inputs.keys()].map((name) => [name, given.get(name)!]));
      const { feature: y } = await evaluate(program, inputs);
      await program.dispose();
      return y!;
    };
    const [whole, bare] = [await run(tinyXcit), await run({ ...tinyXcit, depth: 0 })];
    const mixed = await run(tinyXcit, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
    for (let i = 0; i < 16; i++) {
      expect(mixed[i]).toBeCloseTo(whole[i]!, 5);
      expect(mixed[16 + i]).toBeCloseTo(bare[16 + i]!, 5);
      expect(Math.abs(whole[16 + i]! - bare[16 + i]!)).toBeGreaterThan(1e-4);
    }
  });

  it('learns slower below, class blocks above those of the patches', () => {
    const factor = layerDecay(tinyXcit, 0.5);
    expect(factor('head.weight')).toBe(1);
    expect(factor('backbone.norm.weight')).toBe(1);
    expect(factor('backbone.cls_attn_blocks.1.norm1.weight')).toBe(0.5);
    expect(factor('backbone.cls_attn_blocks.0.norm1.weight')).toBe(0.25);
    expect(factor('backbone.blocks.1.norm1.weight')).toBe(0.125);
    expect(factor('backbone.pos_embeder.token_projection.bias')).toBe(0.5 ** 5);
  });
});
