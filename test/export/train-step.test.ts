/** An exported training step gives the losses and weights of our own training, in any host of ONNX Runtime. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { ortNode } from '../../src/engine/ort-node.ts';
import { f32, parseSafetensors } from '../../src/format/safetensors.ts';
import { Random } from '../../src/random/random.ts';
import { methodOf } from '../../src/train/build.ts';
import { restoreCheckpoint } from '../../src/train/checkpoint.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { Plan } from '../../src/train/plan.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { dino } from '../cli/command.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { type TinyMethod, tinyMethod } from '../method/tiny-methods.ts';
import { follow, startRun, tinyConvnet, tinyVit } from '../run/tiny-run.ts';

const view = z.object({
  onnx: z.string(),
  name: z.string(),
  offset: z.number(),
  shape: z.array(z.number()),
  dtype: z.literal('f32'),
});
const program = z.object({ file: z.string(), inputs: z.array(view), outputs: z.array(view) });
const manifestSchema = z.object({
  batch: z.number(),
  crops: z.array(z.object({ name: z.string(), views: z.number(), size: z.number() })),
  programs: z.object({ gradients: program, update: program }),
  corrections: z.object({
    beta1: z.number(),
    beta2: z.number(),
    updates: z.number(),
    lastLayerUpdates: z.number(),
  }),
});
const scheduleSchema = z.array(z.record(z.string(), z.number()));
const STEPS = 5;

const alone = async (options: TrainOptions): Promise<TinyMethod> => ({ options, frozen: undefined });

/** Crops of a few steps, by group. */
function cropsOf(groups: readonly { views: number; size: number }[], batch: number): Float32Array[][] {
  return Array.from({ length: STEPS }, (_, step) =>
    groups.map(({ views, size }, g) => {
      const random = new Random(11, 'crops', step, g);
      return Float32Array.from({ length: views * batch * 3 * size * size }, () => random.normal());
    }),
  );
}

describe.each([
  ['a ViT with a frozen last layer', () => alone(tinyVit)],
  ['a convnet with batch norm', () => alone({ ...tinyConvnet, useBnInHead: true })],
  ['SimCLR, which has no teacher', () => tinyMethod('simclr')],
  ['BYOL, whose student has a head of its own', () => tinyMethod('byol')],
  ['distillation, whose teacher stays as it is', () => tinyMethod('distill')],
] as const)('the exported step of %s', (_, make) => {
  it('gives the losses and weights of our own steps', async () => {
    const { options, frozen } = await make();
    const session = await startRun({ ...options, steps: 12, saveEvery: 1 }, { frozen });
    await follow(session, 1);
    const folder = join(temporaryFolder(), 'step');
    const said = await dino('export', session.folder.path, '--train_step', '--output', folder);
    expect(said).toMatchObject({ code: 0 });
    const json = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
    const manifest = manifestSchema.parse(json('manifest.json'));
    const schedule = scheduleSchema.parse(json('schedule.json'));
    const crops = cropsOf(manifest.crops, manifest.batch);

    // Ours.
    const { config, steps, stepsPerEpoch } = session.record;
    const trainer = await Trainer.create({
      method: methodOf(config),
      engine: ortNode,
      channels: 3,
      batchSize: config.batchSizePerGpu,
      optimizer: config.optimizer,
      seed: config.seed,
      frozen: frozen?.weights,
    });
    onTestFinished(() => trainer.dispose());
    const checkpoint = session.folder.read('checkpoint.safetensors');
    const { step: done } = restoreCheckpoint(trainer.state, checkpoint, 'checkpoint');
    const plan = new Plan(config, steps, stepsPerEpoch);
    const losses: number[] = [];
    for (const groups of crops) {
      const { loss } = await trainer.step(
        (group, __, ___, into) => into.set(groups[group]!),
        plan.at(done + losses.length),
      );
      losses.push(loss);
    }

    // The export's, by nothing but its files.
    const arrays = new Map(
      [...parseSafetensors(readFileSync(join(folder, 'state.safetensors')), 'state').tensors].map(
        ([name, tensor]) => [name, f32(tensor)],
      ),
    );
    const load = async ({ file, inputs, outputs }: z.infer<typeof program>) => {
      const onnx = await InferenceSession.create(join(folder, file), {
        graphOptimizationLevel: 'basic',
        logSeverityLevel: 3,
      });
      return async (): Promise<Map<string, Float32Array>> => {
        const feeds = inputs.map(({ onnx: name, name: array, offset, shape }) => {
          const size = shape.reduce((a, b) => a * b, 1);
          return [
            name,
            new Tensor('float32', arrays.get(array)!.slice(offset, offset + size), shape),
          ] as const;
        });
        const values = await onnx.run(Object.fromEntries(feeds));
        const results = new Map<string, Float32Array>();
        for (const { onnx: name, name: array } of outputs)
          results.set(
            array,
            Float32Array.of(...(results.get(array) ?? []), ...(values[name]!.data as Float32Array)),
          );
        return results;
      };
    };
    const [gradients, update] = [
      await load(manifest.programs.gradients),
      await load(manifest.programs.update),
    ];
    const { beta1, beta2, ...counts } = manifest.corrections;
    let { updates, lastLayerUpdates: lastUpdates } = counts;
    const given: number[] = [];
    for (const [i, groups] of crops.entries()) {
      const numbers = schedule[i]!;
      updates++;
      if (numbers.freezeLastLayer === 0) lastUpdates++;
      const scalars = {
        ...numbers,
        correction1: 1 - beta1 ** updates,
        correction2: 1 - beta2 ** updates,
        lastLayerCorrection1: 1 - beta1 ** Math.max(lastUpdates, 1),
        lastLayerCorrection2: 1 - beta2 ** Math.max(lastUpdates, 1),
      };
      for (const [name, value] of Object.entries(scalars))
        arrays.set(`scalar/${name}`, Float32Array.of(value));
      for (const [g, { name }] of manifest.crops.entries()) arrays.set(name, groups[g]!);
      const results = await gradients();
      given.push(results.get('loss')![0]!);
      for (const [name, values] of results) if (name.startsWith('gradient/')) arrays.set(name, values);
      for (const [name, values] of await update()) arrays.set(name, values);
      for (const [name, values] of results) {
        if (!name.startsWith('next/')) continue;
        const key = name.slice('next/'.length);
        arrays.set(arrays.has(key) ? key : `state/${key}`, values);
      }
    }
    for (const [i, loss] of given.entries())
      expect(Math.abs(loss / losses[i]! - 1), `step ${i}`).toBeLessThan(1e-5);
    const evaluated = trainer.state.update.average.size > 0 ? 'teacher' : 'student';
    for (const [name, values] of await trainer.evaluatedWeights()) {
      // In front of a batch norm its gradient is rounding noise, and AdamW makes steps of full size of it.
      if (options.useBnInHead === true && /^head\.mlp\.\d\.bias$/.test(name)) continue;
      const theirs = arrays.get(`${evaluated}/${name}`)!;
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
      for (let i = 0; i < values.length; i++)
        expect(Math.abs(values[i]! - theirs[i]!) / largest, `${name} ${i}`).toBeLessThan(0.02);
    }
    driveFromPython(folder, crops, losses);
  });
});

describe('a step that cannot be exported', () => {
  it.each([
    [
      'mae',
      {},
      'A step of mae draws random numbers besides its crops (shuffle), which exported steps do not have: train it here, and export the network by --to onnx.',
    ],
    [
      'dinov2',
      {},
      'A step of dinov2 draws random numbers besides its crops (hidden), which exported steps do not have: train it here, and export the network by --to onnx.',
    ],
    [
      'simclr',
      { freezeBackboneSteps: 4 },
      'The backbone stays as it is until step 4, and exported steps move all parameters: let the run get there first.',
    ],
    [
      'dino',
      { teacherRule: 'previous_step' },
      'The teacher of this run is the student before each update, and exported steps average after it: only runs whose teacher is an average or the student can be exported so.',
    ],
  ])('says why: %s', async (method, more, sentence) => {
    const { options } = await tinyMethod(method);
    const session = await startRun({ ...options, ...more, saveEvery: 1 });
    await follow(session, 1);
    const folder = join(temporaryFolder(), 'step');
    const { code, err } = await dino('export', session.folder.path, '--train_step', '--output', folder);
    expect(code).toBe(2);
    expect(err).toBe(`error: ${sentence}\n`);
    expect(existsSync(folder)).toBe(false);
  });

  it('is exported once the backbone moves', async () => {
    const { options } = await tinyMethod('simclr');
    const session = await startRun({ ...options, freezeBackboneSteps: 4, saveEvery: 1 });
    await follow(session, 4);
    const folder = join(temporaryFolder(), 'step');
    expect(await dino('export', session.folder.path, '--train_step', '--output', folder)).toMatchObject({
      code: 0,
    });
  });
});

/** The Python example on the same crops, where an interpreter with its packages is named. */
function driveFromPython(folder: string, crops: readonly Float32Array[][], losses: readonly number[]): void {
  const python = process.env.DINO_TEST_PYTHON;
  const hasPackages =
    python !== undefined && spawnSync(python, ['-c', 'import onnxruntime, safetensors, numpy']).status === 0;
  if (!hasPackages) {
    console.warn(
      'examples/train-step/train.py was not run: DINO_TEST_PYTHON names no interpreter with onnxruntime, numpy and safetensors',
    );
    return;
  }
  const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')));
  crops.forEach((groups, i) => {
    groups.forEach((values, g) => {
      writeFileSync(join(folder, `${i}-${g}.f32`), new Uint8Array(values.buffer));
    });
  });
  const shapes = manifest.crops.map(({ views, size }) => [views * manifest.batch, 3, size, size]);
  const pack = `import numpy as np, json; s = json.loads('${JSON.stringify(shapes)}'); np.savez('crops.npz', **{f"{i}/{g}": np.fromfile(f"{i}-{g}.f32", "<f4").reshape(s[g]) for i in range(${STEPS}) for g in range(len(s))})`;
  expect(spawnSync(python, ['-c', pack], { cwd: folder }).status).toBe(0);
  const script = fileURLToPath(new URL('../../examples/train-step/train.py', import.meta.url));
  const run = spawnSync(python, [script, folder, join(folder, 'crops.npz'), '--steps', String(STEPS)], {
    encoding: 'utf8',
  });
  expect(run.status, run.stderr).toBe(0);
  const printed = run.stdout.trim().split('\n').map(Number);
  expect(printed).toHaveLength(STEPS);
  for (const [i, loss] of printed.entries())
    expect(Math.abs(loss / losses[i]! - 1), `step ${i}`).toBeLessThan(1e-5);
}
