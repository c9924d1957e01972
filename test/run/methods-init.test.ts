/** Runs that begin with what another method has trained, or with weights of every network that can be trained. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { openInitial } from '../../src/run/open-initial-node.ts';
import type { Session } from '../../src/run/session.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { dino } from '../cli/command.ts';
import { tinyMethod, tinyVitOf } from '../method/tiny-methods.ts';
import { golden } from './golden-checkpoint.ts';
import { follow, startRun, stateOf, temporaryFolder } from './tiny-run.ts';

/** A run of some steps of a method. */
async function trained(method: string, more: TrainOptions = {}): Promise<Session> {
  const { options, frozen } = await tinyMethod(method);
  const session = await startRun({ ...options, ...more, steps: 3 }, { frozen });
  await follow(session);
  return session;
}

/** A run of a method that begins with something; its network is that of the file. */
async function begun(method: string, path: string, more: TrainOptions = {}): Promise<Session> {
  const { options, frozen } = await tinyMethod(method);
  const network = ['arch', 'patchSize', 'dim', 'depth', 'heads', 'widths', 'blocks', 'registers'];
  const kept = Object.fromEntries(Object.entries(options).filter(([name]) => !network.includes(name)));
  const given = { ...kept, method, steps: 3, ...more };
  const session = await startRun(given, { frozen, initial: openInitial(path, given) });
  return session;
}

/** Weights of a network of a run whose names begin so. */
function weightsOf({ trainer }: Session, prefix: string): Map<string, unknown> {
  return new Map(
    [...stateOf(trainer)].flatMap(([name, values]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), values] as const] : [],
    ),
  );
}

describe('a run that begins with that of another method', () => {
  it.each([
    ['dino', 'byol', 'teacher.', 'DINO', 'BYOL'],
    ['byol', 'dino', 'teacher.', 'BYOL', 'DINO'],
    ['dino', 'simclr', 'teacher.', 'DINO', 'SimCLR'],
    ['simclr', 'byol', 'student.', 'SimCLR', 'BYOL'],
  ])('takes the backbone alone that was evaluated: %s to %s', async (from, to, network, was, is) => {
    const first = await trained(from);
    const second = await begun(to, first.folder.path);
    expect(second.record.init?.taken).toContain(
      `It was trained by ${was}: ${is} begins with its backbone alone.`,
    );
    expect(second.record.init?.taken).toMatch(
      to === 'simclr'
        ? /^From \S+: \d+ parameters\. Fresh: /
        : /^From \S+: \d+ parameters of student and teacher\. Fresh: /,
    );
    expect(second.record.init?.taken).toContain(
      to === 'byol' ? 'Fresh: the heads, the optimizer' : 'Fresh: the head, the optimizer',
    );
    const wanted = weightsOf(first, `${network}backbone.`);
    expect(wanted.size).toBeGreaterThan(5);
    for (const [name, values] of weightsOf(second, 'student.backbone.')) {
      if (!name.includes('running') && !name.includes('tracked'))
        expect(values, name).toEqual(wanted.get(name));
    }
    if (to !== 'simclr')
      for (const [name, values] of weightsOf(second, 'teacher.backbone.'))
        if (!name.includes('running') && !name.includes('tracked'))
          expect(values, name).toEqual(wanted.get(name));
    expect((await follow(second)).some(({ type }) => type === 'finished')).toBe(true);
  });

  it.each([
    ['mae', 'dino'],
    ['mae', 'dinov2'],
    ['distill', 'mae'],
    ['dinov2', 'distill'],
  ])('goes on from ViTs: %s to %s', async (from, to) => {
    const first = await trained(from);
    const second = await begun(to, first.folder.path, { localCropsNumber: undefined });
    if (to === 'dinov2')
      expect(second.record.init?.taken).toContain('Fresh: the head, the mask token, the optimizer');
    const wanted = weightsOf(
      first,
      `${first.trainer.state.update.average.size > 0 ? 'teacher' : 'student'}.backbone.`,
    );
    for (const [name, values] of weightsOf(second, 'student.backbone.'))
      if (name !== 'mask_token') expect(values, name).toEqual(wanted.get(name));
    expect((await follow(second)).some(({ type }) => type === 'finished')).toBe(true);
  });

  it('takes no state of another method, though it has the same name and size', async () => {
    const first = await trained('dino', {
      ...tinyVitOf(4),
      widths: undefined,
      blocks: undefined,
      useBnInHead: false,
    });
    const center = stateOf(first.trainer).get('method.center');
    expect((center as Float32Array).some((value) => value !== 0)).toBe(true);
    const second = await begun('dinov2', first.folder.path, { centering: 'center' });
    const fresh = stateOf(second.trainer).get('method.center') as Float32Array;
    expect(fresh.length).toBe((center as Float32Array).length);
    expect(fresh.every((value) => value === 0)).toBe(true);
  });

  it('refuses registers where the method has none', async () => {
    const first = await trained('dinov2');
    await expect(begun('mae', first.folder.path)).rejects.toThrow(
      'MAE has no register tokens, and this network has 2: begin with one that has none, or give another --method.',
    );
  });

  it('begins BYOL with an official checkpoint: its backbone alone, under a new schedule', async () => {
    const session = await begun('byol', golden('checkpoint.pth'), { heads: 2 });
    expect(session.record.config).toMatchObject({ method: 'byol', dim: 16, depth: 2, patchSize: 8 });
    expect(session.record.config).not.toHaveProperty('outDim');
    expect(session.fromStep).toBe(0);
    expect(session.record.init?.taken).toContain(
      'It was trained by the official code of DINO: BYOL begins with its backbone alone.',
    );
  });
});

describe('a run that begins with the same method', () => {
  it.each(['byol', 'mae', 'dinov2', 'distill'])('takes all that %s keeps', async (method) => {
    const first = await trained(method);
    const { options, frozen } = await tinyMethod(method);
    const given = {
      ...options,
      ...(method === 'distill' ? { teacher: first.record.config.teacher } : {}),
      steps: 4,
    };
    const second = await startRun(given, { frozen, initial: openInitial(first.folder.path, given) });
    expect(stateOf(second.trainer)).toEqual(stateOf(first.trainer));
    expect(second.record.init?.taken).toContain('Fresh: the schedule.');
  });
});

describe('a backbone in a file', () => {
  it('of a DINOv2 ViT with registers and layer scales is trained on, by DINO and DINOv2', async () => {
    const first = await trained('dinov2', { layerScale: 0.25, ffn: 'swiglu' });
    const file = join(temporaryFolder(), 'exported');
    expect(await dino('export', first.folder.path, '--to', 'torch', '--output', file)).toMatchObject({
      code: 0,
    });
    for (const method of ['dinov2', 'dino']) {
      const session = await begun(method, join(file, 'backbone.pth'), {
        localCropsNumber: 2,
        localCropsSize: 8,
        heads: 2,
      });
      expect(session.record.config).toMatchObject({ arch: 'vit', registers: 2, ffn: 'swiglu', dim: 16 });
      expect(session.record.config.layerScale).toBeGreaterThan(0);
      const wanted = weightsOf(first, 'teacher.backbone.');
      const got = weightsOf(session, 'student.backbone.');
      expect([...got.keys()]).toEqual(expect.arrayContaining(['register_tokens', 'blocks.0.ls1.gamma']));
      for (const [name, values] of got)
        if (name !== 'mask_token') expect(values, name).toEqual(wanted.get(name));
      expect((await follow(session)).some(({ type }) => type === 'finished')).toBe(true);
    }
  });

  it.each([
    ['resnet18', 32],
    ['xcit_small_12_p16', 32],
  ] as const)('of %s, from our own export', async (arch, globalCropsSize) => {
    const slim = {
      arch,
      globalCropsSize,
      widths: undefined,
      blocks: undefined,
      batchSizePerGpu: 2,
      steps: 1,
    };
    const { options } = await tinyMethod('simclr');
    const first = await startRun({ ...options, ...slim });
    await follow(first);
    const folder = join(temporaryFolder(), 'exported');
    expect(await dino('export', first.folder.path, '--to', 'torch', '--output', folder)).toMatchObject({
      code: 0,
    });
    const path = join(folder, 'backbone.pth');
    const initial = openInitial(path, { method: 'byol' });
    expect(initial.architecture).toEqual({ arch, channels: 3 });
    const { student } = first.trainer.state.update;
    const same = [...student].map(([name, buffer]) => [
      name,
      !name.startsWith('backbone.') ||
        Buffer.compare(bytes(hostFloats(buffer)), bytes(initial.student.get(name)!)) === 0,
    ]);
    expect(same.filter(([, isSame]) => !isSame)).toEqual([]);
    expect(same.length).toBeGreaterThan(50);
  });
});

/** To compare millions of numbers at once. */
const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
