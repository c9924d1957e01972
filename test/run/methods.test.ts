/** What holds for the runs of every registered method: logged measures, exact resume, micro-batches, frozen backbones. */
import { describe, expect, it } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { UNEXPLAINED } from '../../src/method/mae-health.ts';
import { definitions, methodNamed } from '../../src/method/registry.ts';
import { Random } from '../../src/random/random.ts';
import { methodOf, trainerOptionsOf } from '../../src/train/build.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { Plan } from '../../src/train/plan.ts';
import { type CropSource, Trainer } from '../../src/train/trainer.ts';
import { type TinyMethod, tinyMethod, tinyVitOf } from '../method/tiny-methods.ts';
import { follow, killAfter, lossesOf, resumeRun, startRun, stateOf, timelessLog } from './tiny-run.ts';

const names = definitions().map(({ name }) => name);

describe.each(names)('a run of %s', (method) => {
  it('logs what it watches, finite and in every line of steps', async () => {
    const { options, frozen } = await tinyMethod(method);
    const session = await startRun({ ...options, steps: 20 }, { frozen });
    const events = await follow(session);
    const keys = session.trainer.method.measures.map(({ key }) => key);
    expect(keys.length).toBeGreaterThan(0);
    for (const event of events.filter(({ type }) => type === 'step'))
      expect(event).toMatchObject({ loss: expect.any(Number), measures: expect.any(Object) });
    const lines = session.folder.readLog().filter((line) => 'train_loss' in line);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines)
      for (const key of ['train_loss', ...keys])
        expect(Number.isFinite((line as Record<string, unknown>)[key]), `${key} of step ${line.step}`).toBe(
          true,
        );
  });

  it('is bit for bit the same when it is stopped or killed in the middle', async () => {
    const { options, frozen } = await tinyMethod(method);
    const parts = { frozen };
    const whole = await startRun({ ...options, saveEvery: 2 }, parts);
    const wholeLosses = lossesOf(await follow(whole));
    expect(new Set(wholeLosses.values()).size).toBe(6);
    const stopped = await startRun({ ...options, saveEvery: 1000 }, parts);
    const firstLosses = lossesOf(await follow(stopped, 3));
    const rest = await resumeRun(stopped, parts);
    expect(rest.fromStep).toBe(3);
    const restLosses = lossesOf(await follow(rest));
    expect(new Map([...firstLosses, ...restLosses])).toEqual(wholeLosses);
    expect(stateOf(rest.trainer)).toEqual(stateOf(whole.trainer));
    expect(timelessLog(rest.folder)).toEqual(timelessLog(whole.folder));
    const killed = await startRun({ ...options, saveEvery: 2 }, parts);
    await killAfter(5, killed);
    const again = await resumeRun(killed, parts);
    expect(again.fromStep).toBe(4);
    await follow(again);
    expect(stateOf(again.trainer)).toEqual(stateOf(whole.trainer));
    expect(timelessLog(again.folder)).toEqual(timelessLog(whole.folder));
  });

  it('learns its heads first where its backbone is to stay', async () => {
    const { options, frozen } = await tinyMethod(method);
    const session = await startRun(
      { ...options, freezeBackboneSteps: 3, warmupSteps: 0, freezeLastLayerSteps: undefined },
      { frozen },
    );
    const backbone = (): Map<string, Float32Array | number> =>
      new Map(
        [...stateOf(session.trainer)].filter(([name]) => /^(student|updates of )\.?backbone\./.test(name)),
      );
    const heads = (): Map<string, Float32Array | number> =>
      new Map([...stateOf(session.trainer)].filter(([name]) => /^student\.(?!backbone\.)/.test(name)));
    const trained = session.trainer.state.parameters.filter(
      ({ name, trainable }) => trainable && name.startsWith('backbone.'),
    );
    const weights = (): Map<string, Float32Array> =>
      new Map(
        trained.map(({ name }) => [
          name,
          hostFloats(session.trainer.state.update.student.get(name)!).slice(),
        ]),
      );
    const [before, headsBefore] = [weights(), heads()];
    expect(backbone().size).toBeGreaterThan(0);
    expect(before.size).toBeGreaterThan(0);
    await follow(session, 3);
    expect(weights()).toEqual(before);
    for (const { name } of trained) expect(session.trainer.state.update.counts.get(name) ?? 0, name).toBe(0);
    expect(heads()).not.toEqual(headsBefore);
    const rest = await resumeRun(session, { frozen });
    await follow(rest, 4);
    for (const { name } of trained) expect(rest.trainer.state.update.counts.get(name), name).toBe(1);
    const moved = trained.filter(({ name }) =>
      hostFloats(rest.trainer.state.update.student.get(name)!).some(
        (value, i) => value !== before.get(name)![i],
      ),
    );
    expect(moved.length).toBeGreaterThan(trained.length / 2);
  });
});

/** A method on a ViT without batch norm, stochastic depth and whatever else couples images. */
async function uncoupled(method: string): Promise<TinyMethod> {
  const { options, frozen } = await tinyMethod(method);
  const loose: TrainOptions =
    methodNamed(method).name === 'dino' ? { useBnInHead: false, dropPathRate: 0.2 } : {};
  const { widths: _, blocks: __, ...rest } = options;
  return { options: { ...rest, ...tinyVitOf(4), ...loose }, frozen };
}

describe.each(names)('micro-batches of %s', (method) => {
  it('give the whole step, or are refused with the reason', async () => {
    const { options, frozen } = await uncoupled(method);
    const session = await startRun({ ...options, microBatch: undefined }, { frozen });
    const { config } = session.record;
    if (methodOf(config).coupling !== undefined) {
      expect(config.microBatch).toBe(4);
      await expect(startRun({ ...options, microBatch: 2 }, { frozen })).rejects.toThrow(
        /^--micro_batch 2 cannot be used where images of a batch depend on each other \(.+\), which needs the whole batch of 4 at once: leave it out/,
      );
      return;
    }
    const results = [];
    for (const microBatch of [4, 2, 1]) {
      const trainer = await Trainer.create({
        ...{ ...trainerOptionsOf(config), microBatch, engine: ortNode, frozen: frozen?.weights },
      });
      const plan = new Plan(config, 6, 5);
      const steps = [];
      for (let step = 0; step < 3; step++)
        steps.push(await trainer.step(noise(trainer, step), plan.at(step)));
      results.push({ steps, state: stateOf(trainer) });
      await trainer.dispose();
    }
    const [whole, ...parted] = results;
    for (const { steps, state } of parted) {
      for (const [i, { loss, measures }] of steps.entries()) {
        expect(loss).toBeCloseTo(whole!.steps[i]!.loss, 4);
        // What MAE leaves unexplained is a share of the variance in one run of the program, of one image here.
        for (const [key, value] of Object.entries(measures))
          expect(value, key).toBeCloseTo(whole!.steps[i]!.measures[key]!, key === UNEXPLAINED ? 0 : 3);
      }
      for (const [name, values] of state) {
        if (!name.startsWith('method.')) continue;
        const wanted = whole!.state.get(name) as Float32Array;
        for (const [i, value] of (values as Float32Array).entries())
          expect(value, `${name} ${i}`).toBeCloseTo(wanted[i]!, 3);
      }
    }
  });
});

describe('DINOv2 on a batch with one image twice', () => {
  it('stays finite, and the doctor names it', async () => {
    const { options } = await tinyMethod('dinov2');
    const { record } = await startRun({
      ...options,
      ibotLossWeight: 0,
      batchSizePerGpu: 8,
      layerScale: 1,
      lr: 0.001,
    });
    const trainer = await Trainer.create({ ...trainerOptionsOf(record.config), engine: ortNode });
    const plan = new Plan(record.config, 6, 5);
    for (let step = 0; step < 6; step++) {
      const all = noise(trainer, step);
      const result = await trainer.step((group, start, end, into) => {
        all(group, start, end, into);
        const { size, count } = trainer.method.views[group]!;
        const image = 3 * size * size;
        for (let view = 0; view < count; view++) {
          const first = view * (end - start) * image;
          into.copyWithin(first + image, first, first + image);
        }
      }, plan.at(step));
      expect(Number.isFinite(result.loss)).toBe(true);
      expect([...result.gradientNorms.values()].every(Number.isFinite)).toBe(true);
      expect(result.measures.koleo_closest).toBeLessThan(1e-3);
      const { measures } = result;
      expect(trainer.method.examine({ loss: result.loss, measures: { ...measures, ...healthy } }).title).toBe(
        'Two images of a batch have the same feature',
      );
    }
    for (const [name, values] of stateOf(trainer))
      if (typeof values !== 'number') expect(values.every(Number.isFinite), name).toBe(true);
    await trainer.dispose();
  });
});

/** What else the doctor looks at first. */
const healthy = { teacher_entropy: 2, kl: 1, ibot_entropy: 2, ibot_kl: 1 };

/** The same views of an image however the batch is parted. */
function noise({ method, batchSize }: Trainer, step: number): CropSource {
  return (group, start, end, into) => {
    const { size, count } = method.views[group]!;
    let at = 0;
    for (let view = 0; view < count; view++)
      for (let image = start; image < end; image++) {
        const random = new Random(5, 'noise', step * batchSize + image, group * 10 + view);
        for (let i = 0; i < 3 * size * size; i++) into[at++] = random.normal();
      }
  };
}
