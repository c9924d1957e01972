import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { linearEpochs, linearRate, trainLinear } from '../../../src/eval/classify/linear-evaluation.ts';
import { probeFeature } from '../../../src/eval/classify/linear-features.ts';
import { LinearProbe } from '../../../src/eval/classify/linear-probe.ts';
import { bestRate, linearEvaluation, sweepRates } from '../../../src/eval/classify/linear-sweep.ts';
import { input } from '../../../src/graph/index.ts';
import { Random } from '../../../src/random/random.ts';
import { chosenRows, type LabeledFeatures, splitByClass } from '../../../src/rows/labeled-features.ts';

const DIM = 8;

/** Clouds around one point for each class. */
function clouds(labels: readonly number[], deviation: number, seed = 1): LabeledFeatures {
  const random = new Random(seed, 'linear test');
  const values = new Float32Array(labels.length * DIM);
  for (const [row, label] of labels.entries())
    for (let d = 0; d < DIM; d++) values[row * DIM + d] = (d === label ? 1 : 0) + deviation * random.normal();
  return { features: { values, dim: DIM }, labels };
}

const inTurn = (classes: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => i % classes);

describe('the linear evaluation', () => {
  it('finds a rate that learns, and says what it confused', async () => {
    const [train, test] = [clouds(inTurn(6, 300), 0.4), clouds(inTurn(6, 120), 0.4, 2)];
    const done: string[] = [];
    const options = { classes: 6, epochs: 8, batchSize: 32, rates: [1e-6, 0.3, 3, 1e30] };
    const result = await linearEvaluation(ortNode, train, test, {
      ...options,
      onEpoch: (epoch, total, phase) => done.push(`${phase} ${epoch} of ${total}`),
    });
    expect([0.3, 3]).toContain(result.rate);
    expect(result.rates.map(({ rate }) => rate)).toEqual(options.rates);
    expect(result.test.top1).toBeGreaterThan(75);
    expect(result.test.top5).toBeGreaterThan(97);
    expect(result.confusion.reduce((sum, n) => sum + n, 0)).toBe(120);
    const wrong = result.mostConfused.reduce((sum, { count }) => sum + count, 0);
    expect(wrong).toBe(120 - Math.round((result.test.top1 / 100) * 120));
    const counted = Array.from({ length: 8 }, (_, i) => `${i + 1} of 8`);
    expect(done).toEqual([
      ...counted.map((each) => `choosing the learning rate ${each}`),
      ...counted.map((each) => `training ${each}`),
    ]);
    expect((await linearEvaluation(ortNode, train, test, options)).classifier).toEqual(result.classifier);
  });

  it('fits a temperature on what the rate was chosen on, and measures it on the test set', async () => {
    const [train, test] = [clouds(inTurn(4, 600), 0.6), clouds(inTurn(4, 200), 0.6, 2)];
    const options = { classes: 4, epochs: 4, batchSize: 32, rates: [0.01] };
    const { calibration } = await linearEvaluation(ortNode, train, test, options);
    // Such a small rate leaves the classifier far too unsure: its logits have to grow.
    expect(calibration).toMatchObject({ fitted: 60, measured: 200 });
    const { temperature = 9, errorBefore = 0, errorAfter = 1 } = calibration ?? {};
    expect(temperature).toBeLessThan(0.8);
    expect(errorAfter).toBeLessThan(errorBefore / 2);
    const few = await linearEvaluation(
      ortNode,
      chosenRows(
        train,
        Uint32Array.from({ length: 400 }, (_, i) => i),
      ),
      test,
      options,
    );
    expect(few.calibration).toBeUndefined();
  });

  it('trains side by side what it trains alone, also beside a rate that diverges', async () => {
    const train = clouds(inTurn(3, 50), 0.3);
    const options = { classes: 3, epochs: 3, batchSize: 16 };
    const [alone, beside] = [[0.5], [1e38, 0.5, 0.1]].map(async (rates) => {
      for await (const { epoch, trainLosses, probe } of trainLinear(ortNode, train, rates, options)) {
        const at = rates.indexOf(0.5);
        if (epoch === 2) return { loss: trainLosses[at] ?? 0, weights: probe.weights(at) };
      }
      throw new Error('no epoch');
    });
    const [a, b] = [await alone, await beside];
    expect(b?.loss).toBeCloseTo(a?.loss ?? 0, 6);
    for (const [i, w] of (a?.weights.weight ?? []).entries()) expect(b?.weights.weight[i]).toBeCloseTo(w, 5);
  });

  it('is right about everything where there is one class, and has no top-5', async () => {
    const train = clouds(inTurn(1, 20), 0.3);
    const result = await linearEvaluation(ortNode, train, train, { classes: 1, epochs: 2 });
    expect(result.test).toMatchObject({ top1: 100, loss: 0, samples: 20 });
    expect('top5' in result.test).toBe(false);
    expect([...result.confusion]).toEqual([20]);
  });

  it('takes a test set that lacks a class, and a training set that lacks one', async () => {
    const [train, test] = [clouds(inTurn(3, 60), 0.1), clouds(inTurn(2, 30), 0.1, 2)];
    const options = { classes: 4, epochs: 10, batchSize: 16, rates: [1] };
    const result = await linearEvaluation(ortNode, train, test, options);
    expect(result.test.top1).toBe(100);
    expect([...result.confusion.subarray(8)]).toEqual(new Array(8).fill(0));
  });

  it('logs every epoch of the official protocol', async () => {
    const train = clouds(inTurn(3, 40), 0.2);
    const losses: number[] = [];
    const options = { classes: 3, epochs: 4, batchSize: 16 };
    for await (const { epoch, rate, trainLoss } of linearEpochs(ortNode, train, train, 2, options)) {
      expect(rate).toBe(linearRate(2, 16, epoch, 4));
      losses.push(trainLoss);
    }
    expect(losses).toEqual([...losses].sort((a, b) => b - a));
    expect(losses[0]).toBeCloseTo(Math.log(3), 0);
    expect(linearRate(0.001, 1024, 0, 100)).toBe(0.004);
    expect(linearRate(0.001, 1024, 99, 100)).toBeGreaterThan(0);
  });

  it('refuses what cannot be learned from, in one sentence', async () => {
    const [train, test] = [clouds(inTurn(3, 30), 0.1), clouds(inTurn(3, 30), 0.1)];
    const run = (a: LabeledFeatures, b: LabeledFeatures, options = {}) =>
      linearEvaluation(ortNode, a, b, { classes: 3, epochs: 1, ...options });
    const broken = clouds(inTurn(3, 30), 0.1);
    broken.features.values[17 * DIM + 2] = Number.NaN;
    await expect(run(broken, test)).rejects.toThrow(
      "Row 17 of the training features has a value that is not a finite number: check the network's weights.",
    );
    await expect(run(train, broken)).rejects.toThrow('Row 17 of the test features');
    await expect(linearEpochs(ortNode, broken, test, 1, { classes: 3 }).next()).rejects.toThrow('Row 17');
    await expect(sweepRates(ortNode, broken, { classes: 3 })).rejects.toThrow('Row 17');
    await expect(run(train, clouds([0, 3], 0.1))).rejects.toThrow(
      'Row 1 of the test set has the class 3, there are 3 classes: number them from 0.',
    );
    const narrow = { features: { values: new Float32Array(4), dim: 4 }, labels: [0] };
    await expect(run(train, narrow)).rejects.toThrow('take both from the same network');
    const empty = { features: { values: new Float32Array(), dim: DIM }, labels: [] };
    await expect(run(train, empty)).rejects.toThrow('0 rows of features and 0 labels');
    await expect(run(train, test, { rates: [] })).rejects.toThrow('No learning rate');
    await expect(run(train, test, { epochs: 0 })).rejects.toThrow('0 epochs');
    await expect(run(train, test, { validationShare: 1 })).rejects.toThrow('validation share of 1');
    await expect(run(clouds([0, 1, 2], 0.1), test)).rejects.toThrow('no class has two');
    const initial = { weight: new Float32Array(3), bias: new Float32Array(3) };
    await expect(run(train, test, { initial })).rejects.toThrow('Initial weights of 3 and 3 numbers');
  });
});

describe('the best rate', () => {
  it('has the highest top-1, then the lowest loss, and did not diverge', () => {
    const scores = (rate: number, top1: number, loss: number) => ({ rate, top1, loss });
    expect(bestRate([scores(1, 50, 1), scores(2, 60, 3), scores(3, 60, 2), scores(4, 60, 2)]).rate).toBe(3);
    expect(bestRate([scores(1, 50, Number.NaN), scores(2, 50, 9)]).rate).toBe(2);
  });
});

describe('a linear probe', () => {
  it('steps on the mean loss of a batch of any size up to its largest', async () => {
    const initial = { weight: new Float32Array(2 * DIM), bias: new Float32Array(2) };
    const data = clouds([0, 1, 1], 0);
    const small = await LinearProbe.create(ortNode, { dim: DIM, classes: 2, batchSize: 2, initial });
    const large = await LinearProbe.create(ortNode, { dim: DIM, classes: 2, batchSize: 50, initial });
    await large.step(data, [1, 1, 1, 0, 0], [0]); // leaves rows behind
    for (const probe of [small, large]) {
      expect((await probe.step(data, [0, 1], [0]))[0]).toBeCloseTo(Math.LN2, 6);
    }
    const fresh = await LinearProbe.create(ortNode, { dim: DIM, classes: 2, batchSize: 50, initial });
    const same = await LinearProbe.create(ortNode, { dim: DIM, classes: 2, batchSize: 1, initial });
    await fresh.step(data, [2], [0.5]);
    await same.step(data, [2], [0.5]);
    expect(fresh.weights()).toEqual(same.weights());
    await expect(small.step(data, [0, 1, 2], [0])).rejects.toThrow('A batch of 3 rows');
    for (const probe of [small, large, fresh, same]) await probe.dispose();
  });
});

describe('features for a linear probe', () => {
  it('are refused for blocks that are not there, and for many blocks with a mean patch token', () => {
    const blocks = [input('a', [2, 5, 4]), input('b', [2, 5, 4])];
    expect(probeFeature(blocks, { lastBlocks: 2, meanPatchToken: false }).shape).toEqual([2, 8]);
    expect(probeFeature(blocks, { lastBlocks: 1, meanPatchToken: true }).shape).toEqual([2, 8]);
    expect(() => probeFeature(blocks, { lastBlocks: 4, meanPatchToken: false })).toThrow(
      '4 blocks were asked',
    );
    expect(() => probeFeature(blocks, { lastBlocks: 2, meanPatchToken: true })).toThrow('ask for 1 block');
  });
});

describe('a validation split', () => {
  it('holds back a share of each class, and nothing of a class with one sample', () => {
    const labels = [...inTurn(2, 40), 2, 2, 3];
    const { fit, held } = splitByClass(labels, 0.1, 5);
    expect([...fit, ...held].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
    const counts = [0, 1, 2, 3].map((c) => [...held].filter((row) => labels[row] === c).length);
    expect(counts).toEqual([2, 2, 1, 0]);
    expect(splitByClass(labels, 0.1, 5)).toEqual({ fit, held });
  });
});
