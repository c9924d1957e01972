/** What the recipes choose: the official defaults, and values that fit the images and the budget. */
import { describe, expect, it } from 'vitest';
import { backboneOf } from '../../src/train/build.ts';
import { batchOf, type TrainOptions } from '../../src/train/config.ts';
import { checkBatch } from '../../src/train/contradictions.ts';
import { baseRate } from '../../src/train/plan.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import type { RunFacts } from '../../src/train/recipe-parts.ts';

const photos: RunFacts = {
  images: 5000,
  imageSide: 375,
  channels: 3,
  cores: 2,
  steps: 4000,
  readMilliseconds: 5,
};

const chosen = (options: TrainOptions, facts: Partial<RunFacts> = {}) =>
  chooseRecipe(options, { ...photos, ...facts });

describe('the automatic recipe', () => {
  it.each([
    [28, 'convnet', 28],
    [28, 'vit', 28],
    [31, 'convnet', 28],
    [32, 'convnet', 32],
    [45, 'convnet', 32],
    [96, 'convnet', 64],
    [96, 'vit', 96],
    [375, 'vit', 224],
    [5, 'convnet', 8],
    [28, 'hybrid', 20],
    [31, 'hybrid', 20],
    [32, 'hybrid', 24],
    [96, 'hybrid', 48],
    [5, 'hybrid', 8],
  ] as const)('crops images of %i pixels for a %s to %i', (imageSide, arch, side) => {
    const { config } = chosen({ arch }, { imageSide });
    expect(config.globalCropsSize).toBe(side);
    if (arch === 'vit') {
      expect(side % config.patchSize).toBe(0);
      expect(config.localCropsSize % config.patchSize).toBe(0);
    }
    expect(config.localCropsSize).toBeGreaterThanOrEqual(Math.min(side, side / 2 - 4));
  });

  it('trains the hybrid: attention on convolutions, with crops and stem that fit the images', () => {
    expect(chosen({}).config).toMatchObject({
      ...{
        arch: 'hybrid',
        widths: [32, 64, 128],
        blocks: [0, 1, 1],
        heads: 24,
        stem: 'patch',
        stemStride: 4,
      },
      ...{ globalCropsSize: 48, localCropsSize: 24, localCropsNumber: 4, outDim: 256, centering: 'sinkhorn' },
      ...{ evalSize: 64, loadSize: 192 },
    });
    expect(chosen({}, { imageSide: 32 }).config).toMatchObject({
      ...{ stem: 'conv', stemStride: 2, globalCropsSize: 24, evalSize: 32, localCropsNumber: 0, loadSize: 0 },
    });
    expect(chosen({}, { imageSide: 250 }).config.loadSize).toBe(0); // not worth it
  });

  it.each([
    [[16, 24, 48], [0, 1, 1], 9],
    [[8, 16], [0, 1], 3],
    [[20], [1], 2],
    [[10, 15], [0, 1], 5],
    [[6, 12], [0, 1], 3],
  ])('gives stages of %j channels their blocks and heads', (widths, blocks, heads) => {
    const { config } = chosen({ widths });
    expect(config).toMatchObject({ blocks, heads });
    expect(() => backboneOf(config)).not.toThrow();
  });

  it('shows whole images larger than its crops, also where the crops are given', () => {
    const of = (options: TrainOptions, imageSide = 375) => {
      const { globalCropsSize: crop, evalSize = crop } = chosen(options, { imageSide }).config;
      return [crop, evalSize];
    };
    expect(of({ globalCropsSize: 96 })).toEqual([96, 128]);
    expect(of({ globalCropsSize: 32 }, 32)).toEqual([32, 32]);
    expect(of({ evalSize: 128 })).toEqual([96, 128]);
    expect(of({ arch: 'vit', globalCropsSize: 96 })).toEqual([96, 96]);
    expect(of({ arch: 'vit', evalSize: 128 }, 96)).toEqual([96, 128]);
  });

  it('has half an hour where no budget is given, and takes one that is', () => {
    expect(chosen({}).config).toMatchObject({ minutes: 30 });
    expect(chosen({ steps: 10 }).config.minutes).toBeUndefined();
    expect(chosen({ minutes: 2 }).config.minutes).toBe(2);
  });

  it.each(['convnet', 'vit'] as const)('keeps the moving center for a %s', (arch) => {
    expect(chosen({ arch }).config).toMatchObject({ arch, centering: 'center' });
  });

  it('takes larger crops where the budget pays for them', () => {
    const sides = [30, 120, 600].map((minutes) => chosen({ minutes }).config);
    expect(sides.map(({ globalCropsSize }) => globalCropsSize)).toEqual([48, 72, 120]);
    expect(sides.map(({ evalSize }) => evalSize)).toEqual([64, 96, 160]);
  });

  it('gives a reason for every value that was not given, and for no other', () => {
    const { choices, config } = chosen({ lr: 0.001, warmupEpochs: 2 });
    const names = choices.map(({ name }) => name);
    expect(names).not.toContain('lr');
    expect(names).not.toContain('warmupSteps');
    expect(config.warmupSteps).toBeUndefined();
    expect(names).toContain('momentumTeacher');
    expect(names).not.toContain('patchSize'); // no word on ViTs for a convolutional net
    expect(new Set(names).size).toBe(names.length);
    for (const { reason } of choices) expect(reason).not.toBe('');
  });

  it('never asks for a batch of more images than there are', () => {
    expect(chosen({}, { images: 40 }).config.batchSizePerGpu).toBe(40);
  });

  it.each(['dino', 'byol', 'simclr', 'mae', 'dinov2'])('nor does the part of %s', (method) => {
    expect(chosen({ method }, { images: 20 }).config.batchSizePerGpu).toBe(20);
    expect(chosen({ method }, { images: 20_000 }).config.batchSizePerGpu).toBeGreaterThanOrEqual(64);
  });

  it('fills its crops with the patches of a network that is given', () => {
    const { config } = chosen({ arch: 'vit', patchSize: 8 }, { imageSide: 20 });
    expect([config.globalCropsSize % 8, config.localCropsSize % 8]).toEqual([0, 0]);
    expect(config.globalCropsSize).toBe(16);
  });

  it('lets the teacher average over a twentieth of the run', () => {
    const momenta = [200, 2000, 100_000].map((steps) => chosen({}, { steps }).config.momentumTeacher);
    expect(momenta).toEqual([0.98, 0.99, 0.996]);
  });
});

it('the paper recipe is the official main_dino.py', () => {
  expect(chosen({ recipe: 'paper' }).config).toMatchObject({
    ...{ arch: 'vit_small', patchSize: 16, outDim: 65536, normLastLayer: true, momentumTeacher: 0.996 },
    ...{ useBnInHead: false, warmupTeacherTemp: 0.04, teacherTemp: 0.04, warmupTeacherTempEpochs: 0 },
    ...{ weightDecay: 0.04, weightDecayEnd: 0.4, clipGrad: 3, batchSizePerGpu: 64, epochs: 100 },
    ...{ freezeLastLayer: 1, lr: 0.0005, warmupEpochs: 10, minLr: 1e-6, optimizer: 'adamw' },
    ...{ dropPathRate: 0.1, globalCropsScale: [0.4, 1], localCropsNumber: 8, localCropsScale: [0.05, 0.4] },
    ...{ dim: 384, depth: 12, heads: 6, globalCropsSize: 224, localCropsSize: 96 },
  });
});

describe('on several ranks', () => {
  const each = (options: TrainOptions, ranks: number, facts: Partial<RunFacts> = {}) => {
    const { config } = chosen(options, { ranks, ...facts });
    return [config.ranks, config.batchSizePerGpu, batchOf(config)];
  };

  it('the automatic recipe shares out the batch of one process, down to eight images for each', () => {
    expect(each({}, 1)).toEqual([undefined, 128, 128]);
    expect(each({}, 4)).toEqual([4, 32, 128]);
    expect(each({}, 3)).toEqual([3, 43, 129]);
    expect(each({}, 64)).toEqual([64, 8, 512]);
    expect(each({ method: 'simclr' }, 4)).toEqual([4, 64, 256]);
    // As far as there are images.
    expect(each({}, 4, { images: 90 })).toEqual([4, 22, 88]);
    expect(each({ method: 'simclr' }, 4, { images: 90 })).toEqual([4, 22, 88]);
  });

  it('what is given, and the official 64, are images of each rank; papers count all', () => {
    expect(each({ batchSizePerGpu: 20 }, 4)).toEqual([4, 20, 80]);
    expect(each({ recipe: 'paper' }, 4)).toEqual([4, 64, 256]);
    expect(each({ recipe: 'paper', method: 'mae' }, 64)).toEqual([64, 64, 4096]);
  });

  it('the rate is scaled by the batch of all', () => {
    const { config } = chosen({ recipe: 'paper' }, { ranks: 4 });
    expect(baseRate(config)).toBeCloseTo(0.0005, 10);
    expect(baseRate(chosen({ recipe: 'paper' }).config)).toBeCloseTo(0.000125, 10);
  });

  it('more ranks than images are refused', () => {
    const { config } = chosen({}, { ranks: 8, images: 5 });
    expect(() => checkBatch(config, 5, undefined)).toThrow(
      '8 ranks cannot share 5 images: each needs one of its own in every step, so start 5 at most, or add images.',
    );
  });
});
