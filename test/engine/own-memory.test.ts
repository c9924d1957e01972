/** What holds for arrays holds for an engine with a memory of its own: programs, training, checkpoints, evaluations. */
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { type ChosenCrops, CropAssembler } from '../../src/data/assemble.ts';
import { runOnArrays } from '../../src/engine/arrays.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { asFloats } from '../../src/engine/values.ts';
import { knn } from '../../src/eval/classify/knn.ts';
import { add, input, scale } from '../../src/graph/index.ts';
import { statisticsFor } from '../../src/image/normalize.ts';
import { dino } from '../../src/method/dino.ts';
import { Random } from '../../src/random/random.ts';
import { encodeCheckpoint, restoreCheckpoint } from '../../src/train/checkpoint.ts';
import { namedValues } from '../../src/train/state.ts';
import { type CropSource, type CropSources, type StepSettings, Trainer } from '../../src/train/trainer.ts';
import { gridVit, tinyHead } from '../model/tiny-networks.ts';
import { alive, copyingEngine } from './copying-engine.ts';
import { webGpu } from './webgpu-device.ts';
import { engineOfPlugin } from './xla-plugin.ts';

const method = dino({
  backbone: gridVit,
  head: tinyHead,
  viewSizes: [16, 16, 8, 8],
  studentTemp: 0.1,
  centerMomentum: 0.9,
  dropPathRate: 0.2,
});

const crops =
  (step: number): CropSource =>
  (group, start, end, into) => {
    const [each, count] = [into.length / (2 * (end - start)), end - start];
    for (let view = 0; view < 2; view++)
      for (let image = start; image < end; image++) {
        const random = new Random(9, `view ${group} ${view}`, step, image);
        for (let i = 0; i < each; i++) into[(view * count + image - start) * each + i] = random.normal();
      }
  };

const settings = (step: number): StepSettings => ({
  step,
  lr: 0.01,
  weightDecay: 0.04,
  clip: 0.3,
  teacherMomentum: 0.9,
  freezeLastLayer: step < 2,
  scalars: { teacherTemp: 0.05 },
});

function trainerOn(engine: Engine, microBatch = 2): Promise<Trainer> {
  const sizes = { channels: 3, batchSize: 4, microBatch } as const;
  return Trainer.create({
    ...{ method, engine, ...sizes, optimizer: 'adamw', seed: 3 },
    engineOptions: { threads: 1 },
  });
}

/** Adam's first steps take even a gradient that is nothing but rounding, such as that of the bias of the keys, for a direction. */
const TOLERANCE = 5e-3;

async function expectSameState(got: Trainer, wanted: Trainer, tolerance = TOLERANCE): Promise<void> {
  const others = new Map(namedValues(wanted.state).map(({ name, buffer }) => [name, buffer]));
  for (const { name, buffer } of namedValues(got.state)) {
    const [a, b] = [asFloats(await buffer.read()), asFloats(await others.get(name)!.read())];
    const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    const worst = b.reduce((most, value, i) => Math.max(most, Math.abs(value - a[i]!)), 0);
    expect(worst / largest, name).toBeLessThan(tolerance);
  }
  expect(got.state.update.counts).toEqual(wanted.state.update.counts);
}

const failing: CropSource = () => {
  throw new Error('These crops lie on the device already.');
};

const engines: readonly (readonly [string, Engine])[] = [
  ['that copies', copyingEngine],
  ...engineOfPlugin().map((engine) => ['of an XLA plugin', engine] as const),
  ...webGpu.engines.map((engine) => ['of WebGPU', engine] as const),
];

if (webGpu.missing !== undefined) test.skip(webGpu.missing, () => {});

describe.each(engines)('an engine with a memory of its own, %s', (_, engine) => {
  it('runs on arrays, whose results come back, also in place', async () => {
    const program = await engine.load({ total: add(input('total', [2]), scale(input('x', [2]), 3)) });
    const total = Float32Array.of(1, 2);
    const before = alive.size;
    await runOnArrays(program, { total, x: Float32Array.of(1, 10) }, { total });
    expect([...total]).toEqual([4, 32]);
    expect(alive.size).toBe(before);
    await program.dispose();
  });

  it('trains as the host does, with micro-batches, drop path and a frozen layer, and frees what it took', async () => {
    const before = alive.size;
    const [host, device] = [await trainerOn(ortNode), await trainerOn(engine)];
    onTestFinished(() => host.dispose());
    for (let step = 0; step < 4; step++) {
      const [wanted, got] = [
        await host.step(crops(step), settings(step)),
        await device.step(crops(step), settings(step)),
      ];
      expect(got.loss).toBeCloseTo(wanted.loss, 4);
      expect(got.measures.teacher_entropy).toBeCloseTo(wanted.measures.teacher_entropy!, 4);
    }
    await expectSameState(device, host, engine === copyingEngine ? 1e-3 : TOLERANCE);
    const weights = await device.evaluatedWeights();
    expect(weights.get('backbone.norm.weight')).toHaveLength(12);
    await device.dispose();
    if (engine === copyingEngine) expect(alive.size).toBe(before);
  });

  it('trains in one program a step, whose crops may be there before, as the host does', async () => {
    const before = alive.size;
    const [host, device] = [await trainerOn(ortNode, 4), await trainerOn(engine, 4)];
    onTestFinished(() => host.dispose());
    expect([host.isOneProgram, device.isOneProgram]).toEqual([false, true]);
    device.fillWithNoise();
    await device.run(); // changes nothing
    for (let step = 0; step < 5; step++) {
      const told = { ...settings(step), teacherLags: step === 3, freezeBackbone: step === 4 };
      const wanted = await host.step(crops(step), told);
      if (step === 2) device.stage(crops(step), step);
      const read = step === 2 ? failing : crops(step);
      let isRead = false;
      const got = await device.step(read, told, () => {
        isRead = true;
      });
      expect(isRead).toBe(true);
      expect(got.isApplied).toBe(true);
      expect(got.loss).toBeCloseTo(wanted.loss, 4);
      for (const [name, value] of Object.entries(wanted.measures))
        expect(got.measures[name], name).toBeCloseTo(value, 4);
      for (const [name, norm] of wanted.gradientNorms)
        expect(Math.abs(got.gradientNorms.get(name)! - norm), name).toBeLessThan(1e-3 * Math.max(norm, 1e-2));
    }
    await expectSameState(device, host);
    await device.dispose();
    if (engine === copyingEngine) expect(alive.size).toBe(before);
  });

  it('normalizes crops that come as bytes as the host does', async () => {
    const statistics = statisticsFor(3);
    const bytes = (image: number, i: number): number => (image * 37 + i * 101 + ((i * i) % 89)) % 256;
    const assembler = new CropAssembler({ channels: 3, viewSizes: [16, 16, 8, 8] });
    const perImage = 2 * 3 * (256 + 64);
    const all = Uint8Array.from({ length: 4 * perImage }, (_, i) => bytes(Math.floor(i / perImage), i));
    const chosen = (group: number, start: number, end: number): ChosenCrops => ({
      views: [2 * group, 2 * group + 2],
      images: [start, end],
    });
    const source: CropSources = {
      pixels: (group, start, end, into) => assembler.write(all, chosen(group, start, end), into),
      bytes: (group, start, end, into) => assembler.copy(all, chosen(group, start, end), into),
    };
    const host = await trainerOn(ortNode, 4);
    const device = await Trainer.create({
      ...{ method, engine, channels: 3, batchSize: 4, optimizer: 'adamw', seed: 3, byteCrops: statistics },
    });
    onTestFinished(() => Promise.all([host.dispose(), device.dispose()]).then(() => {}));
    await expect(device.step(source.pixels, settings(0))).rejects.toThrow('give it their bytes, too');
    const [wanted, got] = [await host.step(source, settings(0)), await device.step(source, settings(0))];
    expect(got.loss).toBeCloseTo(wanted.loss, 5);
    for (const [name, norm] of wanted.gradientNorms)
      expect(Math.abs(got.gradientNorms.get(name)! - norm), name).toBeLessThan(1e-3 * Math.max(norm, 1e-2));
  });

  it('changes nothing where a loss is not finite', async () => {
    const device = await trainerOn(engine, 4);
    onTestFinished(() => device.dispose());
    await device.step(crops(0), settings(0));
    const header = { step: 1, run: '{}', openLine: '{}', elapsed: 0 };
    const before = Buffer.concat(await encodeCheckpoint(device.state, header));
    const failed = await device.step((_group, _start, _end, into) => into.fill(Number.NaN), settings(1));
    expect(failed.isApplied).toBe(false);
    expect(failed.loss).toBeNaN();
    expect(Buffer.concat(await encodeCheckpoint(device.state, header)).equals(before)).toBe(true);
  });

  it('takes a checkpoint of the host, and goes on from it alike', async () => {
    const [host, device] = [await trainerOn(ortNode), await trainerOn(engine)];
    onTestFinished(() => Promise.all([host.dispose(), device.dispose()]).then(() => {}));
    for (let step = 0; step < 2; step++) await host.step(crops(step), settings(step));
    const header = { step: 2, run: '{}', openLine: '{}', elapsed: 0 };
    const file = Buffer.concat(await encodeCheckpoint(host.state, header));
    expect(restoreCheckpoint(device.state, file, 'checkpoint').step).toBe(2);
    const copied = Buffer.concat(await encodeCheckpoint(device.state, header));
    expect(copied.equals(file)).toBe(true);
    for (const trainer of [host, device]) await trainer.step(crops(2), settings(2));
    await expectSameState(device, host, engine === copyingEngine ? 1e-3 : TOLERANCE);
  });

  it('finds the same neighbors', async () => {
    const random = new Random(1, 'rows');
    const rows = { values: Float32Array.from({ length: 60 * 5 }, () => random.normal()), dim: 5 };
    const labels = Int32Array.from({ length: 60 }, (_, i) => i % 3);
    const options = { ks: [5], temperature: 0.07, classes: 3, leaveOneOut: true };
    const [wanted, got] = [ortNode, engine].map((engine) =>
      knn(engine, { features: rows, labels }, { features: rows, labels }, options),
    );
    expect(await got).toEqual(await wanted);
  });
});
