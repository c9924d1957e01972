import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights, weightsUnder } from '../../src/features/network-weights.ts';
import { openFile } from '../../src/files/file-source-node.ts';
import { f32, parseSafetensors, serializeSafetensors } from '../../src/format/safetensors.ts';
import { readTorchFile } from '../../src/format/torch-file.ts';
import { openInitial } from '../../src/run/open-initial-node.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { backboneOf } from '../../src/train/build.ts';
import { networkWeights } from '../../src/train/checkpoint.ts';
import { readOfficialCheckpoint } from '../../src/weights/official-checkpoint.ts';
import {
  follow,
  resumeRun,
  startRun,
  stateOf,
  temporaryFolder,
  tinyConvnet,
  tinyVit,
} from '../run/tiny-run.ts';

const golden = (name: string): string =>
  fileURLToPath(new URL(`../golden/checkpoints/${name}`, import.meta.url));
/** The tensors of checkpoint.pth as PyTorch reads them. */
const { tensors } = parseSafetensors(readFileSync(golden('checkpoint.safetensors')), 'checkpoint');
const tensor = (path: string): Float32Array => f32(tensors.get(path)!);

/** Room for the network of the golden checkpoint, whose images had 16 pixels. */
const budget = { threads: 1, numWorkers: 0, evalEvery: 0, heads: 2, localCropsSize: 8, seed: 3 } as const;

describe('an official checkpoint', () => {
  it.each(['checkpoint.pth', 'checkpoint_legacy.pth'])(
    'of %s gives every moment to its parameter',
    (name) => {
      const full = readOfficialCheckpoint(readTorchFile(openFile(golden(name))))!;
      expect(full.epoch).toBe(2);
      expect(full.normLastLayer).toBe(true);
      expect(full.moments.size).toBe(37);
      // By hand from the official get_params_groups: 15 with decay in the order of the network, then biases and norms.
      for (const [index, parameter] of [
        [0, 'backbone.cls_token'],
        [2, 'backbone.patch_embed.proj.weight'],
        [3, 'backbone.blocks.0.attn.qkv.weight'],
        [14, 'head.last_layer.weight_v'],
        [15, 'backbone.patch_embed.proj.bias'],
        [16, 'backbone.blocks.0.norm1.weight'],
        [36, 'head.mlp.4.bias'],
      ] as const) {
        const { slots, steps } = full.moments.get(parameter)!;
        expect(slots.get('exp_avg'), parameter).toEqual(tensor(`optimizer/state/${index}/exp_avg`));
        expect(slots.get('exp_avg_sq'), parameter).toEqual(tensor(`optimizer/state/${index}/exp_avg_sq`));
        expect(steps).toBe(tensor(`optimizer/state/${index}/step`)[0]);
      }
      for (const [parameter, { slots }] of full.moments)
        expect(slots.get('exp_avg')?.length, parameter).toBe(full.student.get(parameter)?.length);
    },
  );

  it('is gone on with: networks, moments, center, settings and schedule', async () => {
    const initial = openInitial(golden('checkpoint.pth'), { ...budget, epochs: 4 });
    const session = await startRun({ ...budget, epochs: 4 }, { initial });
    const { config } = session.record;
    expect(config).toMatchObject({ dim: 16, depth: 2, patchSize: 8, outDim: 24, headHiddenDim: 16 });
    expect(config).toMatchObject({ batchSizePerGpu: 2, lr: 0.192, momentumTeacher: 0.9, warmupEpochs: 1 });
    expect(session.fromStep).toBe(2 * session.plan.stepsPerEpoch);
    expect(session.record.init?.taken).toMatch(
      /moments of 37, the center, the schedule after 2 epochs. Fresh: nothing/,
    );
    const state = stateOf(session.trainer);
    for (const parameter of [
      'backbone.blocks.1.mlp.fc1.weight',
      'head.last_layer.weight_v',
      'head.mlp.2.bias',
    ]) {
      expect(state.get(`student.${parameter}`)).toEqual(tensor(`student/module.${parameter}`));
      expect(state.get(`teacher.${parameter}`)).toEqual(tensor(`teacher/${parameter}`));
    }
    expect(state.get('updates of head.last_layer.weight_v')).toBe(tensor('optimizer/state/14/step')[0]);
    expect(state.get('method.center')).toEqual(tensor('dino_loss/center'));
    // Nothing of it is lost when the process dies before its first save.
    const resumed = await resumeRun(session);
    expect(stateOf(resumed.trainer)).toEqual(state);
    expect(resumed.fromStep).toBe(session.fromStep);
    const events = await follow(session, session.fromStep + 2);
    expect(events.at(-1)?.type).toBe('saved');
  });

  it('that has reached its end says how to go on', async () => {
    const initial = openInitial(golden('checkpoint.pth'), budget);
    await expect(startRun(budget, { initial })).rejects.toThrow(
      /has done all of its 2 epochs: give --epochs with a larger number/,
    );
    const anew = openInitial(golden('checkpoint.pth'), { ...budget, steps: 3 });
    const session = await startRun({ ...budget, steps: 3 }, { initial: anew });
    expect(session.fromStep).toBe(0);
    expect(session.record.init?.taken).toContain('Fresh: the schedule.');
  });

  it('refuses options that contradict it, and asks for what it does not tell', async () => {
    const options = { ...budget, steps: 3, dim: 32 };
    const initial = openInitial(golden('checkpoint.pth'), options);
    await expect(startRun(options, { initial })).rejects.toThrow(
      /--dim 32 does not fit .*checkpoint.pth, which has 16: leave it out/,
    );
    const { heads: _, ...unknown } = budget;
    expect(() => openInitial(golden('checkpoint.pth'), unknown)).toThrow('give --heads');
    expect(() => openInitial(golden('checkpoint.pth'), { ...budget, heads: 3 })).toThrow(
      '3 attention heads do not divide a width of 16',
    );
  });
});

describe.each([
  ['ViT', tinyVit],
  ['convnet', tinyConvnet],
] as const)('a run of a %s', (_, options) => {
  it('gives another one its networks, moments and center', async () => {
    const first = await startRun({ ...options, steps: 4 });
    await follow(first);
    const initial = openInitial(first.folder.path, { steps: 6 });
    const { threads, numWorkers, evalEvery, batchSizePerGpu, localCropsSize } = options;
    const second = await startRun(
      { threads, numWorkers, evalEvery, batchSizePerGpu, localCropsSize, steps: 6, seed: 9 },
      { initial },
    );
    expect(stateOf(second.trainer)).toEqual(stateOf(first.trainer));
    expect(second.fromStep).toBe(0);
    expect((await follow(second)).some(({ type }) => type === 'finished')).toBe(true);
  });

  it('gives the same by the file of its checkpoint, wherever that is', async () => {
    const run = await startRun({ ...options, steps: 2 });
    await follow(run);
    const [inside, outside] = [
      run.folder.file('checkpoint.safetensors'),
      join(temporaryFolder(), 'copy.safetensors'),
    ];
    copyFileSync(inside, outside);
    const { name: _, ...whole } = openInitial(run.folder.path, {});
    for (const file of [inside, outside]) expect(openInitial(file, {})).toEqual({ ...whole, name: file });
    const subjects = [run.folder.path, inside, outside].map((path) => openSubject(path));
    for (const subject of subjects) {
      expect(subject.backbone).toEqual(backboneOf(run.record.config)); // also the number of heads
      expect(subject.trained).toEqual(subjects[0]?.trained);
      expect(subject.untrained).toEqual(subjects[0]?.untrained);
    }
    expect(subjects.map(({ folder }) => folder.path)).toEqual([
      run.folder.path,
      run.folder.path,
      expect.stringMatching(/^copy-[0-9a-f]{6}-eval$/),
    ]);
    const student = openSubject(outside, { checkpointKey: 'student' }).trained;
    expect(student).toEqual(
      weightsUnder(networkWeights(readFileSync(inside), inside, 'student'), 'backbone.'),
    );
    expect(student).not.toEqual(subjects[0]?.trained);
    expect(() => openSubject(outside, { checkpointKey: 'both' })).toThrow('--checkpoint_key');
  });
});

it('a run of an official architecture is begun with, without saying its shape again', async () => {
  const first = await startRun({
    ...tinyConvnet,
    arch: 'vit_tiny',
    widths: undefined,
    blocks: undefined,
    patchSize: 8,
    microBatch: 4,
    steps: 1,
  });
  await follow(first);
  const initial = openInitial(first.folder.path, {});
  const options = { ...budget, heads: undefined, batchSizePerGpu: 4, microBatch: 4, steps: 1 };
  const second = await startRun(options, { initial });
  expect(second.record.config).toMatchObject({
    arch: 'vit_tiny',
    dim: 192,
    depth: 12,
    heads: 3,
    patchSize: 8,
  });
  const name = 'backbone.blocks.11.mlp.fc2.weight';
  for (const network of ['student', 'teacher'] as const)
    expect(stateOf(second.trainer).get(`${network}.${name}`)).toEqual(
      stateOf(first.trainer).get(`${network}.${name}`),
    );
});

describe('a backbone alone', () => {
  const config = { ...tinyVit, seed: 1 };
  const backbone = {
    kind: 'vit',
    ...{ imageSize: 32, patchSize: 8, channels: 3, dim: 64, depth: 2, heads: 1, mlpRatio: 4 },
  } as const;
  const weights = untrainedWeights({ ...backbone, kind: 'vit' }, 32, 5);

  /** An official backbone file of 32-pixel images. */
  function file(): string {
    const path = join(temporaryFolder(), 'backbone.safetensors');
    const shapes: Readonly<Record<string, readonly number[]>> = {
      cls_token: [1, 1, 64],
      pos_embed: [1, 17, 64],
      'patch_embed.proj.weight': [64, 3, 8, 8],
    };
    const shape = (name: string, size: number): readonly number[] =>
      shapes[name] ?? (name.endsWith('.bias') || /norm\d?\./.test(name) ? [size] : matrix(name, size));
    const matrix = (name: string, size: number): readonly number[] => {
      const rows = name.includes('qkv') ? 192 : name.includes('fc1') ? 256 : 64;
      return [rows, size / rows];
    };
    const all = new Map(
      [...weights].map(([name, data]) => [
        name,
        { dtype: 'F32' as const, shape: shape(name, data.length), data },
      ]),
    );
    writeFileSync(path, Buffer.concat(serializeSafetensors(all)));
    return path;
  }

  it('becomes student and teacher under a fresh head, with its features at another image size', async () => {
    const { dim: _, depth: __, heads: ___, patchSize: ____, stem: _____, arch: ______, ...open } = config;
    expect(() => openInitial(file(), open)).toThrow('a width of 64 does not tell');
    const initial = openInitial(file(), { ...open, heads: 1 });
    const session = await startRun(open, { initial });
    expect(session.record.init?.taken).toMatch(
      /Fresh: the head, the optimizer, the center, the schedule. Position/,
    );
    expect(session.record.config).toMatchObject({ dim: 64, depth: 2, heads: 1, globalCropsSize: 16 });
    const teacher = weightsUnder(await session.trainer.evaluatedWeights(), 'backbone.');
    const pixels = Float32Array.from({ length: 2 * 3 * 16 * 16 }, (_, i) => Math.sin(i));
    const view = { pixels, height: 16, width: 16 };
    const feature = async (kind: typeof backbone | ReturnType<typeof backboneOf>, from: typeof weights) => {
      const frozen = new FrozenBackbone({ ...kind, kind: 'vit' } as never, 16, ortNode, { threads: 1 });
      const [tokens = new Float32Array()] = await frozen.tokens(from, view);
      return tokens;
    };
    const [ours, theirs] = [
      await feature(backboneOf(session.record.config), teacher),
      await feature(backbone, weights),
    ];
    for (const [i, value] of ours.entries()) expect(value).toBeCloseTo(theirs[i]!, 4);
  });

  it('is led on gently by the recipe, which says why', async () => {
    const initial = openInitial(file(), { steps: 100, heads: 1 });
    const session = await startRun(
      {
        steps: 100,
        threads: 1,
        numWorkers: 0,
        evalEvery: 0,
        batchSizePerGpu: 4,
        globalCropsSize: 16,
        localCropsSize: 8,
      },
      { initial },
    );
    expect(session.record.config).toMatchObject({ lr: 0.0004, warmupSteps: 20, freezeLastLayerSteps: 10 });
    expect(session.record.config.momentumTeacher).toBeGreaterThanOrEqual(0.998);
    expect(session.record.choices.find(({ name }) => name === 'lr')?.reason).toContain('trained already');
  });
});

describe('the guard of a run that began with weights', () => {
  it('keeps them when the run was worse, and says so', async () => {
    const first = await startRun({ ...tinyConvnet, steps: 6 });
    await follow(first);
    const initial = openInitial(first.folder.path, { steps: 4 });
    const ruinous = { lr: 50, minLr: 50, warmupSteps: 0, clipGrad: 0, weightDecay: 0, weightDecayEnd: 0 };
    const { threads, numWorkers, batchSizePerGpu, localCropsSize } = tinyConvnet;
    const options = { threads, numWorkers, batchSizePerGpu, localCropsSize, steps: 4, evalEvery: 2 };
    const session = await startRun({ ...options, ...ruinous, momentumTeacher: 0 }, { initial });
    const before = (await session.trainer.evaluatedWeights()).get('backbone.conv1.weight')!.slice();
    const events = await follow(session);
    const compared = events.find((event) => event.type === 'compared')!;
    expect(compared).toMatchObject({ type: 'compared', measure: 'knn' });
    if (compared.type !== 'compared') throw new Error('unreachable');
    const observed = events.flatMap((event) => (event.type === 'observed' ? [event.observation.knn!] : []));
    expect(compared.before).toBe(observed[0]);
    expect(compared.after).toBe(observed.at(-1));
    const best = Math.max(...observed);
    expect(compared.kept).toBe(observed[0] === best ? 'before' : 'during');
    const kept = networkWeights(session.folder.read('best.safetensors'), 'best', 'teacher');
    if (compared.kept === 'before') expect(kept.get('backbone.conv1.weight')).toEqual(before);
    else expect(kept.get('backbone.conv1.weight')).not.toEqual(before);
  });
});
