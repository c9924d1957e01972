import { describe, expect, it, onTestFinished } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { Random } from '../../src/random/random.ts';
import { nodeMachine } from '../../src/run/machine-node.ts';
import { prepare } from '../../src/run/prepare.ts';
import { methodOf } from '../../src/train/build.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { trainLoop } from '../../src/train/loop.ts';
import { fastestTrainer, microBatchCandidates } from '../../src/train/micro-batch.ts';
import { Trainer } from '../../src/train/trainer.ts';
import {
  follow,
  lossesOf,
  resumeRun,
  startRun,
  stateOf,
  tinyConvnet,
  tinyScenes,
  tinyVit,
} from './tiny-run.ts';

/** Gradients, loss, measures and next center of one step on fixed pixels. */
async function firstHalf(options: TrainOptions, microBatch: number) {
  const { config, plan } = await prepared({ ...options, microBatch });
  const trainer = await Trainer.create({
    method: methodOf(config),
    engine: ortNode,
    channels: 3,
    batchSize: config.batchSizePerGpu,
    microBatch,
    optimizer: 'adamw',
    seed: 1,
    engineOptions: { threads: 1 },
  });
  onTestFinished(() => trainer.dispose());
  const pixels = (group: number, start: number, end: number, into: Float32Array): void => {
    const view = trainer.method.views[group];
    const each = 3 * (view?.size ?? 0) ** 2;
    const count = end - start;
    for (let v = 0; v < (view?.count ?? 0); v++) {
      for (let image = start; image < end; image++) {
        const random = new Random(9, `view ${group} ${v}`, image);
        for (let i = 0; i < each; i++) into[(v * count + image - start) * each + i] = random.normal();
      }
    }
  };
  const settings = { ...plan.at(3), freezeLastLayer: false };
  const { loss, measures } = await trainer.accumulate(pixels, settings);
  const gradients = new Map(
    [...trainer.updater.gradients].map(([name, buffer]) => [name, hostFloats(buffer).slice()]),
  );
  await trainer.applyUpdate(settings);
  return {
    loss,
    measures,
    gradients,
    center: hostFloats(trainer.state.method.get('center')!).slice(),
    trainer,
  };
}

async function prepared(options: TrainOptions) {
  const result = await prepare({ source: tinyScenes(), options, ...nodeMachine, cores: 1 });
  onTestFinished(() => result.trainer.dispose());
  return result;
}

/** Largest difference over the largest magnitude. */
function relativeError(a: Float32Array, b: Float32Array): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    difference = Math.max(difference, Math.abs((a[i] ?? 0) - (b[i] ?? 0)));
    size = Math.max(size, Math.abs(b[i] ?? 0));
  }
  return difference / Math.max(size, 1e-6); // keys' biases have no gradient but rounding
}

describe('micro-batches', () => {
  const options = { ...tinyVit, batchSizePerGpu: 6, dropPathRate: 0.3 };

  it('add up to the gradients, the loss and the center of the whole batch', async () => {
    const whole = await firstHalf(options, 6);
    for (const microBatch of [1, 2, 3]) {
      const parts = await firstHalf(options, microBatch);
      expect(parts.trainer.microBatch).toBe(microBatch);
      expect(parts.loss).toBeCloseTo(whole.loss, 5);
      expect(parts.measures.teacher_entropy).toBeCloseTo(whole.measures.teacher_entropy ?? Number.NaN, 5);
      expect([...parts.gradients.keys()]).toEqual([...whole.gradients.keys()]);
      expect(whole.gradients.size).toBeGreaterThan(30);
      for (const [name, gradient] of parts.gradients) {
        if (name.endsWith('qkv.bias')) continue; // a third of it is rounding noise around zero
        expect(relativeError(gradient, whole.gradients.get(name) ?? new Float32Array()), name).toBeLessThan(
          1e-5,
        );
      }
      expect(relativeError(parts.center, whole.center)).toBeLessThan(1e-5);
    }
    expect(whole.center.some((x) => x !== 0)).toBe(true);
  });

  it('start every step from gradients of zero', async () => {
    const session = await startRun({ ...options, microBatch: 2, steps: 6 });
    const whole = await startRun({ ...options, microBatch: 6, steps: 6 });
    const [parts, once] = [lossesOf(await follow(session)), lossesOf(await follow(whole))];
    for (const [step, loss] of once) expect(parts.get(step)).toBeCloseTo(loss, 3);
  });

  it('are stored with the run and repeated when it is resumed, even if the choice would be another one now', async () => {
    const session = await startRun({ ...options, microBatch: 3 });
    await follow(session, 2);
    const rest = await resumeRun(session);
    expect(rest.record.config.microBatch).toBe(3);
    expect(rest.trainer.microBatch).toBe(3);
    const free = await startRun({ ...tinyVit });
    expect(free.record.config.microBatch).toBe(free.trainer.microBatch);
  });

  it('are refused where batch norm couples the images, and where they do not divide the batch', async () => {
    await expect(prepared({ ...tinyConvnet, microBatch: 2 })).rejects.toThrow(
      '--micro_batch 2 cannot be used where images of a batch depend on each other (batch norm by any --arch but a ViT or by --use_bn_in_head true, or --centering sinkhorn), which needs the whole batch of 4 at once: leave it out, or give --arch vit --use_bn_in_head false --centering center.',
    );
    await expect(prepared({ ...tinyVit, microBatch: 3 })).rejects.toThrow(
      '--micro_batch 3 does not divide --batch_size_per_gpu 4; 2 does.',
    );
  });
});

it('a loop refuses crops of other sizes than its method was made for', async () => {
  const { trainer, plan, config } = await prepared({ ...tinyVit, steps: 2 });
  const other = { ...config, localCropsSize: 4 };
  const loop = trainLoop({ ...nodeMachine, trainer, plan, source: tinyScenes(), config: other });
  await expect(loop.next()).rejects.toThrow(
    'The crops have sides of 16, 16, 4, 4 pixels and dino was made for 16, 16, 8, 8.',
  );
});

describe('the training state', () => {
  it('does not depend on the number of workers', async () => {
    const states = [];
    for (const numWorkers of [0, 1, 2]) {
      const session = await startRun({ ...tinyVit, numWorkers, steps: 7, dropPathRate: 0.2 });
      await follow(session);
      states.push(stateOf(session.trainer));
    }
    expect(states[1]).toEqual(states[0]);
    expect(states[2]).toEqual(states[0]);
  });

  it('is one and the same for all programs that are measured, and none of them changes it', async () => {
    const { config } = await prepared({ ...tinyVit, microBatch: 4 });
    const options = {
      method: methodOf(config),
      engine: ortNode,
      channels: 3,
      batchSize: 4,
      optimizer: 'adamw',
      seed: 1,
      engineOptions: { threads: 1 },
    } as const;
    const fresh = await Trainer.create({ ...options, microBatch: 4 });
    const chosen = await fastestTrainer(options, [1, 2, 4]);
    expect([1, 2, 4]).toContain(chosen.microBatch);
    expect(stateOf(chosen)).toEqual(stateOf(fresh));
  });

  it('depends on the seed', async () => {
    const [one, other] = await Promise.all(
      [1, 2].map(async (seed) => {
        const session = await startRun({ ...tinyVit, seed, steps: 2 });
        await follow(session);
        return stateOf(session.trainer);
      }),
    );
    expect(one).not.toEqual(other);
  });

  it('is that of a fresh start after a step was measured for a budget in minutes', async () => {
    const { steps: _, ...budget } = tinyConvnet;
    const measured = await prepared({ ...budget, minutes: 1 });
    expect(measured.stepMilliseconds).toBeGreaterThan(0);
    const whole = 60_000 / (measured.stepMilliseconds ?? 0);
    expect(measured.plan.steps).toBeLessThan(whole); // the measurements took a part of the minute
    expect(measured.plan.steps).toBeGreaterThan(whole / 2);
    const fresh = await prepared(tinyConvnet);
    expect(stateOf(measured.trainer)).toEqual(stateOf(fresh.trainer));
  });
});

describe('the micro-batches that are measured', () => {
  it('divide the batch, and are the batch where images depend on each other', async () => {
    const { config } = await prepared({ ...tinyVit, microBatch: 4 });
    const sizes = microBatchCandidates({ ...config, batchSizePerGpu: 24, dim: 4096 }, false);
    expect(sizes.length).toBe(2);
    for (const size of sizes) expect(24 % size).toBe(0);
    expect(sizes[1]).toBeGreaterThanOrEqual(2 * (sizes[0] ?? 0));
    expect(microBatchCandidates({ ...config, batchSizePerGpu: 24 }, true)).toEqual([24]);
    expect(microBatchCandidates({ ...config, batchSizePerGpu: 1 }, false)).toEqual([1]);
  });
});
