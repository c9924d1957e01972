/** Several processes that open a plugin together: on a stand-in for one, as no machine here has several accelerators. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileOptions } from '../../src/engine/xla/pjrt-client-node.ts';
import { placeOf, visibleDevices } from '../../src/run/open-across-node.ts';
import { colorPhoto } from '../cli/color-photos.ts';
import { freePort, startRank, startRanks } from '../collective/tcp-ranks.ts';
import { temporaryFolder } from '../run/tiny-run.ts';

const hasCompiler = spawnSync('gcc', ['--version']).status === 0;
/** A new plugin. */
function standIn(folder = temporaryFolder()): string {
  const file = join(folder, 'stand-in.so');
  const source = join(import.meta.dirname, 'stand-in-plugin.c');
  const made = spawnSync('gcc', ['-shared', '-fPIC', '-Wall', '-Werror', '-o', file, source, '-lpthread']);
  expect(made.stderr.toString()).toBe('');
  return file;
}
const missing = hasCompiler ? '' : ' (skipped: there is no gcc here)';

describe.skipIf(!hasCompiler)(`a plugin that two processes open${missing}`, () => {
  it('exchanges values through rank 0, and programs span the devices of both', async () => {
    const file = standIn();
    const script = '../engine/across-machines.ts';
    const ended = await Promise.all((await startRanks(2, script, [file])).map((each) => each.ended));
    for (const [rank, { code, out, err }] of ended.entries()) {
      expect(code, err).toBe(0);
      const hex = (ids: readonly number[]) =>
        Buffer.from(compileOptions({ replicas: ids.length, ids })).toString('hex');
      const { name, replicas, span, asked } = JSON.parse(out);
      expect({ name, replicas, span }).toEqual({
        ...{ name: 'XLA, stand-in, 4 devices of 2 processes', replicas: 2 },
        span: { first: 2 * rank, all: 4 },
      });
      expect(asked[0]).toContain(`options ${hex([0, 1, 2, 3])}, mhlo.num_replicas = 4`);
      // What devices do not do together is for those of one process.
      expect(asked[1]).toContain(`options ${hex([2 * rank, 2 * rank + 1])}, mhlo.num_replicas = 2`);
    }
  });

  /** `dino train` in two processes, each in a folder of its own. */
  const train = async (folders: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    const port = await freePort();
    const words = ['train', 'images', '--batch_size_per_gpu', '2', '--threads', '1'];
    const device = ['--pjrt_plugin', './stand-in.so', '--compile_cache', 'none'];
    const started = folders.map((folder, rank) =>
      startRank({ rank, size: 2, port }, 'mpi-command.ts', [...words, ...device], {
        ...{ RANK_DIRECTORY: folder, LOCAL_WORLD_SIZE: '1' },
        ...(rank === 1 ? more : {}),
      }),
    );
    const [zero, one] = await Promise.all(started.map(({ ended }) => ended));
    return [zero!, one!] as const;
  };

  const withImages = async (): Promise<string> => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'images'));
    for (let i = 0; i < 8; i++) writeFileSync(join(folder, 'images', `${i}.png`), await colorPhoto(0, i));
    return folder;
  };

  it('is what dino train computes with, on the devices of all', async () => {
    const folder = await withImages();
    standIn(folder);
    const [zero, one] = await train([folder, folder]);
    expect([zero.code, one.code, one.err]).toEqual([1, 1, '']);
    expect(zero.err).toContain('Computes on XLA, stand-in, 4 devices of 2 processes.');
    expect(zero.err).toContain('4 devices of 2 processes cannot compile the program: options 1a');
  });

  it('has to be on all machines', async () => {
    const folders = [await withImages(), await withImages()];
    standIn(folders[0]);
    const [zero, one] = await train(folders);
    expect([zero.code, one.code, one.err]).toEqual([2, 2, '']);
    expect(zero.err).toContain(
      'Rank 1 cannot compute on XLA devices: There is no plugin at ./stand-in.so. With --device cpu all ranks',
    );
  });

  it('that fails on one of them ends the other, which waits in the plugin', async () => {
    const folder = await withImages();
    standIn(folder);
    const [zero, one] = await train([folder, folder], { STAND_IN_FAILS: '1' });
    expect(one.code).toBe(1);
    expect(one.err).toMatch(/error on rank 1 \(.*\): It fell off the bus\./);
    expect(zero.signal).toBe('SIGKILL');
    expect(zero.err).toMatch(
      /error on rank 0: Rank 1 \(.*\) has ended all: what happened stands in its own output\./,
    );
  });
});

it('where a program runs is said in the format of protobuf', () => {
  const hex = (...places: Parameters<typeof compileOptions>) =>
    Buffer.from(compileOptions(...places)).toString('hex');
  expect(hex({ replicas: 2 })).toBe('1a0f08ffffffffffffffffff0120022801');
  // Device 3, then 300, for one computation each.
  expect(hex({ replicas: 2, ids: [3, 300] })).toBe(
    `1a1c08ffffffffffffffffff0120022801${'4a0b'}${'0802'}${'1001'}${'1a05'}${'0a0303ac02'}`,
  );
  expect(hex({ replicas: 1, flags: { ab: false } })).toBe(
    '1a0f08ffffffffffffffffff01200128013a080a026162120210' + '00',
  );
});

describe('the GPUs of a rank', () => {
  it('are those of its place on its machine', () => {
    const offers = ['a', 'b', 'a', 'b'].map((host) => ({ host }));
    const unsaid = { local: undefined, here: undefined };
    expect(placeOf({ rank: 2, ...unsaid }, offers)).toEqual({ local: 1, here: 2 });
    expect(placeOf({ rank: 1, ...unsaid }, offers)).toEqual({ local: 0, here: 2 });
    expect(placeOf({ rank: 1, local: 3, here: 4 }, offers)).toEqual({ local: 3, here: 4 });
  });

  const cuda = { vendor: 'cuda' } as const;
  it.each([
    ['all of its machine', { here: 1, local: 0 }, {}, {}, {}],
    ['the first ones', { here: 1, local: 0 }, { devices: 2 }, {}, { visible_devices: [0, 1] }],
    ['its own of several ranks', { here: 4, local: 3 }, {}, {}, { visible_devices: [3] }],
    [
      'its own of those that are shown',
      { here: 2, local: 1 },
      {},
      { CUDA_VISIBLE_DEVICES: '4,5' },
      { visible_devices: [1] },
    ],
    ['what the launcher dealt out', { here: 4, local: 3 }, {}, { CUDA_VISIBLE_DEVICES: '3' }, {}],
  ] as const)('%s', (_, place, choice, env, expected) => {
    expect(visibleDevices(cuda, choice, place, env)).toEqual(expected);
    expect(visibleDevices({ vendor: undefined }, choice, place, env)).toEqual({});
  });
});
