/** MAE: what is seen and what is predicted, what it refuses, that a step can be parted, and that it learns. */
import { describe, expect, it } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { input, ParameterSet } from '../../src/graph/index.ts';
import {
  type MaeConfig,
  mae,
  maeLoss,
  maskingOrder,
  patchTargets,
  visiblePatches,
} from '../../src/method/mae.ts';
import { maeHealth } from '../../src/method/mae-health.ts';
import { imageFeature } from '../../src/model/backbone.ts';
import { patchPixels, shuffledRows, visibleTokens } from '../../src/model/masked-autoencoder.ts';
import { sinCosPositions } from '../../src/model/sin-cos-positions.ts';
import { Random } from '../../src/random/random.ts';
import { backboneOf, methodOf } from '../../src/train/build.ts';
import { evalSizeOf } from '../../src/train/config.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { expectGradients } from '../graph/central-differences.ts';
import { gridVit, tinyHybrid } from '../model/tiny-networks.ts';
import { noisyViews, settings, tinyTrainer, train } from './tiny-training.ts';

const config: MaeConfig = {
  backbone: gridVit,
  maskRatio: 0.75,
  normPixLoss: true,
  decoder: { dim: 8, depth: 1, heads: 2 },
};
const method = mae(config);

describe('the mask of MAE', () => {
  it('shows the patches with the smallest numbers, as many as are left over', () => {
    expect(maskingOrder([0.3, 0.1, 0.9, 0.2])).toEqual([1, 3, 0, 2]);
    expect(visiblePatches(196, 0.75)).toBe(49);
    expect(visiblePatches(16, 0.6)).toBe(6);
    expect(visiblePatches(25, 0.9)).toBe(2); // 25 (1 - 0.9) is a little less than 2.5 already
  });

  it('is refused where it hides all, or nothing', () => {
    expect(() => mae({ ...config, maskRatio: 0.95 })).toThrow(
      '--mask_ratio 0.95 leaves none of 16 patches to be seen: choose a smaller one, or smaller patches.',
    );
    expect(() => mae({ ...config, maskRatio: 0 })).toThrow(
      '--mask_ratio 0 leaves all of 16 patches to be seen: nothing is left to predict, choose 0.75.',
    );
  });

  it('is drawn for each image by its number, however a step is parted', () => {
    const { shuffle } = method.sampleInputs;
    const random = (image: number): Random => new Random(1, 'shuffle', 7, image);
    const of = (start: number, images: number): number[][] => {
      const rows = [...shuffle!.values({ start, images, random })].map(Number);
      return Array.from({ length: images }, (_, i) =>
        rows
          .filter((_, at) => at % images === i)
          .map((row) => {
            expect(row % images).toBe(i);
            return Math.floor(row / images);
          }),
      );
    };
    expect(of(0, 4)).toEqual([...of(0, 2), ...of(2, 2)]);
    for (const order of of(0, 4)) expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()]);
    expect(of(0, 1)).not.toEqual(of(1, 1));
  });
});

describe('the networks of MAE', () => {
  it('give the encoder visible patches alone: hidden pixels change nothing', async () => {
    const set = new ParameterSet();
    const images = input('images', [2, 3, 16, 16]);
    const latent = visibleTokens(set.scope, images, gridVit, input('shuffle', [16, 2], 'i64'), 4);
    expect(latent.shape).toEqual([5, 2, 12]);
    const program = await ortNode.load({ latent }, { threads: 1 });
    const random = new Random(2, 'weights');
    const weights: Record<string, Float32Array> = {};
    for (const { name, shape, init } of set.parameters.values())
      weights[name] = init(new Random(1, name), shape);
    const pixels = Float32Array.from({ length: 2 * 3 * 16 * 16 }, () => random.normal());
    const orders = [
      maskingOrder(Array.from({ length: 16 }, () => random.uniform())),
      [3, 0, 8, 12, 1, 2, 4, 5, 6, 7, 9, 10, 11, 13, 14, 15],
    ];
    const run = async (values: Float32Array): Promise<number[]> => [
      ...(await evaluate(program, { ...weights, images: values, shuffle: shuffledRows(orders) })).latent!,
    ];
    const painted = (patch: number): Float32Array =>
      pixels.map((pixel, at) => {
        const [image, y, x] = [Math.floor(at / 768), Math.floor(at / 16) % 16, at % 16];
        return image === 1 && Math.floor(y / 4) * 4 + Math.floor(x / 4) === patch ? 7 : pixel;
      });
    const before = await run(pixels);
    for (const hidden of [1, 5, 15]) expect(await run(painted(hidden))).toEqual(before);
    for (const visible of [3, 0, 8, 12]) expect(await run(painted(visible))).not.toEqual(before);
  });

  it('leave an ordinary transformer, whose class token is the feature', () => {
    const trained = traceStep({ method, channels: 3, batchSize: 2 }).parameters;
    const set = new ParameterSet();
    imageFeature(set.scope.at('backbone'), input('images', [1, 3, 16, 16]), gridVit, 'eval');
    const names = (infos: Iterable<{ name: string; shape: readonly number[] }>): string[] =>
      [...infos].map(({ name, shape }) => `${name} ${shape}`).sort();
    expect(names(trained.filter(({ name }) => name.startsWith('backbone.')))).toEqual(
      names(set.parameters.values()),
    );
    const fixed = trained.filter(({ trainable }) => !trainable).map(({ name }) => name);
    expect(fixed).toEqual(['backbone.pos_embed', 'decoder.pos_embed']);
  });

  it('place patches by fixed sines and cosines, column first', () => {
    const rows = sinCosPositions(8, 2);
    expect([...rows.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    const wanted = [Math.sin(1), Math.sin(0.01), Math.cos(1), Math.cos(0.01), 0, 0, 1, 1]; // column 1, row 0
    for (const [i, value] of wanted.entries()) expect(rows[16 + i]).toBeCloseTo(value, 6);
  });

  it('are refused without patches of their own', () => {
    expect(() => mae({ ...config, backbone: tinyHybrid })).toThrow(
      'MAE hides patches from a transformer, and a convolutional net has none: choose --arch vit, vit_tiny, vit_small or vit_base.',
    );
    expect(() => mae({ ...config, backbone: { ...gridVit, stem: 'conv' } })).toThrow(
      'MAE hides patches, and the convolutions in front of this network would show their borders: begin with a network of linear patches, or with none.',
    );
    expect(() => mae({ ...config, backbone: { ...gridVit, registers: 4 } })).toThrow(
      'MAE has no register tokens, and this network has 4: begin with one that has none, or give another --method.',
    );
  });

  it('are refused with widths that have no quarters, or that heads do not share out', () => {
    expect(() => mae({ ...config, backbone: { ...gridVit, dim: 18 } })).toThrow(
      "--dim 18 is not a multiple of 4, which the sines and cosines of MAE's positions need: choose 20.",
    );
    expect(() => mae({ ...config, decoder: { dim: 10, depth: 1, heads: 2 } })).toThrow(
      '--decoder_dim 10 is not',
    );
    expect(() => mae({ ...config, decoder: { dim: 8, depth: 1, heads: 3 } })).toThrow(
      '--decoder_heads 3 does not divide --decoder_dim 8: choose a divisor.',
    );
  });
});

describe('the weights of MAE', () => {
  it('begin by Xavier where layers are linear, and by a normal distribution in tokens', () => {
    const { parameters } = traceStep({ method, channels: 3, batchSize: 2 });
    const largest = (name: string): number => {
      const info = parameters.find((each) => each.name === name)!;
      return Math.max(...info.init(new Random(1, name), info.shape).map(Math.abs));
    };
    for (const [name, bound] of [
      ['backbone.patch_embed.proj.weight', Math.sqrt(6 / (12 + 48))],
      ['backbone.blocks.1.attn.qkv.weight', Math.sqrt(6 / (36 + 12))],
      ['decoder.embed.weight', Math.sqrt(6 / (8 + 12))],
      ['decoder.blocks.0.mlp.fc1.weight', Math.sqrt(6 / (32 + 8))],
      ['decoder.pred.weight', Math.sqrt(6 / (48 + 8))],
    ] as const) {
      expect(largest(name), name).toBeLessThan(bound);
      expect(largest(name), name).toBeGreaterThan(0.9 * bound);
    }
    for (const token of ['backbone.cls_token', 'decoder.mask_token'])
      expect(largest(token)).toBeLessThan(0.1);
  });

  it('are those of the untrained network that a run is measured beside', () => {
    const facts = { images: 500, imageSide: 16, channels: 3, cores: 2, readMilliseconds: 1 } as const;
    const { config: run } = chooseRecipe({ method: 'mae', dim: 12, depth: 2, heads: 3 }, facts);
    const untrained = untrainedWeights(backboneOf(run), evalSizeOf(run), run.seed);
    const begun = traceStep({ method: methodOf(run), channels: 3, batchSize: 2 }).parameters.filter(
      ({ name }) => name.startsWith('backbone.'),
    );
    expect(untrained.size).toBe(begun.length);
    for (const { name, shape, init } of begun)
      expect(untrained.get(name.slice('backbone.'.length)), name).toEqual(
        init(new Random(run.seed, `init:${name}`), shape),
      );
  });
});

describe('what MAE predicts', () => {
  it('is the pixels of each patch by row, column and channel', async () => {
    const program = await ortNode.load(
      { rows: patchPixels(input('images', [1, 2, 4, 4]), 2) },
      { threads: 1 },
    );
    const images = Float32Array.from({ length: 32 }, (_, i) => i); // the second channel is 16 more
    const { rows } = await evaluate(program, { images });
    expect([...rows!.subarray(0, 8)]).toEqual([0, 16, 1, 17, 4, 20, 5, 21]);
    expect([...rows!.subarray(8, 16)]).toEqual([2, 18, 3, 19, 6, 22, 7, 23]);
  });

  it('is normalized patch by patch, by the unbiased deviation', async () => {
    const program = await ortNode.load(
      { rows: patchTargets(input('images', [1, 1, 2, 2]), 2, true) },
      { threads: 1 },
    );
    const { rows } = await evaluate(program, { images: Float32Array.of(1, 2, 3, 6) });
    const deviation = Math.sqrt((4 + 1 + 0 + 9) / 3);
    for (const [i, wanted] of [-2, -1, 0, 3].entries()) expect(rows![i]).toBeCloseTo(wanted / deviation, 5);
  });

  it('has the derivatives that differences show', async () => {
    await expectGradients([{ shape: [3, 2, 4] }, { shape: [3, 2, 4] }], maeLoss);
    await expectGradients([{ shape: [1, 1, 4, 4] }], (images) => patchTargets(images, 2, true));
  });
});

describe('MAE', () => {
  it('gives the same step whole and in micro-batches', async () => {
    const steps = await Promise.all(
      [4, 2, 1].map(async (microBatch) => {
        const trainer = await tinyTrainer({ method, batchSize: 4, microBatch });
        const { loss } = await trainer.accumulate(noisyViews(trainer, 0, 0.2), settings);
        const gradients = [...trainer.updater.gradients].map(
          ([name, buffer]) => [name, hostFloats(buffer)] as const,
        );
        return { loss, gradients };
      }),
    );
    const [whole, ...parted] = steps;
    for (const { loss, gradients } of parted) {
      expect(loss).toBeCloseTo(whole!.loss, 5);
      for (const [i, [name, values]] of gradients.entries())
        for (const [j, value] of values.entries())
          expect(value, name).toBeCloseTo(whole!.gradients[i]![1][j]!, 5);
    }
  });

  it.each([true, false])('learns to predict hidden patches (normalized: %s)', async (normPixLoss) => {
    const trainer = await tinyTrainer({ method: mae({ ...config, normPixLoss }), batchSize: 8 });
    const results = await train(trainer, 80, 0);
    const mean = (from: number, to: number): number =>
      results.slice(from, to).reduce((sum, { measures }) => sum + measures.unexplained!, 0) / (to - from);
    expect(mean(0, 3)).toBeGreaterThan(0.9);
    expect(mean(70, 80)).toBeLessThan(0.8 * mean(0, 3));
    const health = maeHealth(normPixLoss);
    expect(health.examine(results[0]!)).toMatchObject({ title: 'Nothing but the mean patch is predicted' });
    expect(health.examine(results.at(-1)!)).toMatchObject({
      title: 'Hidden patches are predicted better than by their mean',
    });
    // No teacher: the positions stay as they were, and evaluations read the student.
    const weights = await trainer.evaluatedWeights();
    expect([...weights.get('backbone.pos_embed')!]).toEqual([...sinCosPositions(12, 4)]);
  });
});
