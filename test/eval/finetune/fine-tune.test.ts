import { describe, expect, it } from 'vitest';
import { hostFloats } from '../../../parity/host-floats.ts';
import { scenesSource } from '../../../src/data/scenes-source.ts';
import { evaluate } from '../../../src/engine/arrays.ts';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { asFloats } from '../../../src/engine/values.ts';
import { FineTuner } from '../../../src/eval/finetune/fine-tune.ts';
import type { FineTuneOptions } from '../../../src/eval/finetune/fine-tune-options.ts';
import { FrozenBackbone } from '../../../src/features/frozen-backbone.ts';
import { untrainedWeights } from '../../../src/features/network-weights.ts';
import { randomView } from '../../../src/features/random-view.ts';
import { gradients, input, ParameterSet } from '../../../src/graph/index.ts';
import { classifier } from '../../../src/method/classifier.ts';
import type { BackboneConfig } from '../../../src/model/backbone.ts';
import { Random } from '../../../src/random/random.ts';
import { Trainer } from '../../../src/train/trainer.ts';
import { tinyVit } from '../../model/tiny-networks.ts';

const convnet: BackboneConfig = {
  kind: 'convnet',
  channels: 3,
  widths: [8, 16],
  blocks: [1, 1],
  stemStride: 2,
};

function settings(config: BackboneConfig, more: Partial<FineTuneOptions> = {}): FineTuneOptions {
  const source = scenesSource({ count: 24, seed: 1, size: 20 });
  const images = { source, indices: Array.from({ length: 24 }, (_, i) => i), label: (i: number) => i % 2 };
  return {
    train: images,
    test: images,
    classes: 2,
    backbone: new FrozenBackbone(config, 16, ortNode, { threads: 1 }),
    engine: ortNode,
    engineOptions: { threads: 1 },
    epochs: 2,
    batchSize: 8,
    ...more,
  };
}

describe('the classifier as a method', () => {
  const method = classifier({
    backbone: tinyVit,
    classes: 4,
    size: 16,
    labelSmoothing: 0.2,
    dropPathRate: 0,
    label: (i) => i,
  });

  const targets = (start: number): Float32Array =>
    asFloats(method.sampleInputs.target!.values({ start, images: 2, random: () => new Random(0, 'x') }));

  it('smooths the labels of the images of a micro-batch, which sum to one', () => {
    const target = targets(1);
    const expected = [0.05, 0.85, 0.05, 0.05, 0.05, 0.05, 0.85, 0.05];
    for (const [i, value] of expected.entries()) expect(target[i]).toBeCloseTo(value, 6);
  });

  it('has the cross entropy of the smoothed labels as its loss, and p - q as the gradient of the biases', async () => {
    const [student, teacher] = [new ParameterSet(), new ParameterSet('teacher/')];
    const { loss } = method.objective({
      student: student.scope,
      teacher: teacher.scope,
      frozen: new ParameterSet('frozen/').scope,
      images: 2,
      batch: 2,
      crops: () => input('crops', [2, 3, 16, 16]),
      scalar: (name) => input(name, []),
      state: (name) => input(name, []),
      sample: () => input('target', [2, 4]),
    });
    expect(teacher.parameters.size).toBe(0);
    const [gradient] = gradients(loss, [student.tensor('head.bias')]);
    const program = await ortNode.load({ loss, gradient: gradient! }, { threads: 1 });
    const values: Record<string, Float32Array> = {
      crops: new Float32Array(2 * 3 * 256).fill(0.5),
      target: targets(0),
    };
    for (const { name, shape, init } of student.parameters.values())
      values[name] = name === 'head.weight' ? new Float32Array(4 * 16) : init(new Random(0, name), shape);
    const result = await evaluate(program, values);
    expect(result.loss?.[0]).toBeCloseTo(Math.log(4), 5); // no weights: all classes are alike
    const expected = [0.25 - 0.45, 0.25 - 0.45, 0.25 - 0.05, 0.25 - 0.05];
    for (const [i, value] of expected.entries()) expect(result.gradient?.[i]).toBeCloseTo(value, 5);
    await program.dispose();
  });
});

it('gives each micro-batch the labels of its own images', async () => {
  const method = classifier({
    backbone: tinyVit,
    classes: 4,
    size: 16,
    labelSmoothing: 0,
    dropPathRate: 0,
    label: (i) => [3, 0, 1, 1][i]!,
  });
  const random = new Random(5, 'pixels');
  const pixels = Float32Array.from({ length: 4 * 768 }, () => random.normal());
  const accumulated = async (microBatch: number) => {
    const shared = {
      method,
      engine: ortNode,
      channels: 3,
      batchSize: 4,
      optimizer: 'adamw',
      seed: 0,
    } as const;
    const trainer = await Trainer.create({ ...shared, microBatch, engineOptions: { threads: 1 } });
    const { loss } = await trainer.accumulate(
      (_, start, end, into) => into.set(pixels.subarray(start * 768, end * 768)),
      { step: 0, lr: 0, weightDecay: 0, clip: 0, teacherMomentum: 0, freezeLastLayer: false, scalars: {} },
    );
    const gradient = Array.from(hostFloats(trainer.updater.gradients.get('head.bias')!));
    await trainer.dispose();
    return [loss, ...gradient];
  };
  const [whole, halves] = [await accumulated(4), await accumulated(2)];
  for (const [i, value] of halves.entries()) expect(value).toBeCloseTo(whole[i]!, 5);
});

describe('fine-tuning', () => {
  it.each([
    ['a transformer', tinyVit],
    ['a convolutional network', convnet],
  ] as const)('lets %s learn its training images, and gives the same result again', async (_, config) => {
    const options = settings(config, {
      epochs: 40,
      lr: 0.4,
      layerDecay: 1,
      cropsScale: [1, 1],
      labelSmoothing: 0,
      dropPathRate: 0,
    });
    const weights = untrainedWeights(config, 16, 0);
    const tuner = await FineTuner.create(options);
    const first = await tuner.run(weights);
    const [start, end] = [first.epochs[0]!, first.epochs.at(-1)!];
    expect(end.trainLoss).toBeLessThan(start.trainLoss / 2);
    expect(first.test.top1).toBeGreaterThan(75);
    expect(first.epochs.filter(({ top1 }) => top1 !== undefined)).toHaveLength(10);
    expect((await tuner.run(weights)).test).toEqual(first.test);
    await tuner.dispose();
    await options.backbone.dispose();
  });

  it('learns nothing at a rate of almost zero but moves running statistics, which the file then holds', async () => {
    const options = settings(convnet, { lr: 1e-12 });
    const weights = untrainedWeights(convnet, 16, 0);
    const tuner = await FineTuner.create(options);
    const tuned = await tuner.run(weights);
    expect(tuned.weights.get('backbone.conv1.weight')?.values).toEqual(weights.get('conv1.weight'));
    expect(tuned.weights.get('backbone.bn1.running_mean')?.values).not.toEqual(
      weights.get('bn1.running_mean'),
    );
    expect(tuned.weights.get('backbone.bn1.num_batches_tracked')).toMatchObject({
      shape: [],
      values: Float32Array.of(6),
    });
    expect(tuned.weights.get('head.weight')?.shape).toEqual([2, 16]);
    expect(tuned.testLabels).toHaveLength(24);
    await tuner.dispose();
    await options.backbone.dispose();
  });

  it('says what is wrong with its weights, or with a rate that is too large', async () => {
    const options = settings(tinyVit, { lr: 1e30, warmupEpochs: 0 });
    const weights = untrainedWeights(tinyVit, 16, 0);
    const tuner = await FineTuner.create(options);
    await expect(tuner.run(weights)).rejects.toThrow('give a smaller --lr');
    const broken = new Map([...weights, ['norm.weight', new Float32Array(16).fill(Number.NaN)]]);
    await expect(tuner.run(broken)).rejects.toThrow(
      'at the first step: the weights it starts from are broken',
    );
    const short = new Map([...weights, ['norm.weight', new Float32Array(8)]]);
    await expect(tuner.run(short)).rejects.toThrow('have another size of "backbone.norm.weight"');
    await expect(tuner.run(new Map())).rejects.toThrow('lack "backbone.');
    await tuner.dispose();
    await options.backbone.dispose();
  });
});

describe('random views', () => {
  it('are functions of seed, epoch and image; of the whole image they are it or its mirror image', () => {
    const data = Uint8Array.from({ length: 8 * 8 }, (_, i) => 3 * i);
    const image = { width: 8, height: 8, channels: 1 as const, data };
    const show = (epoch: number, index: number, scale: readonly [number, number]) =>
      Array.from(
        randomView({ size: 8, scale, interpolation: 'bilinear', seed: 0, epoch })(image, index).data,
      );
    expect(show(0, 1, [0.2, 0.5])).toEqual(show(0, 1, [0.2, 0.5]));
    expect(show(0, 1, [0.2, 0.5])).not.toEqual(show(1, 1, [0.2, 0.5]));
    expect(show(0, 1, [0.2, 0.5])).not.toEqual(show(0, 2, [0.2, 0.5]));
    const straight = Array.from(data);
    const mirrored = straight.map((_, i) => straight[i - (i % 8) + 7 - (i % 8)]!);
    // Only crops of the whole square; others have another aspect ratio.
    const seen = Array.from({ length: 40 }, (_, i) => JSON.stringify(show(0, i, [1, 1])));
    expect(seen).toContain(JSON.stringify(straight));
    expect(seen).toContain(JSON.stringify(mirrored));
  });
});
