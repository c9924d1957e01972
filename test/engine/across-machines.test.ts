/** Several processes that open a plugin together: on a stand-in for one, as no machine here has several accelerators. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileOptions } from '../../src/engine/xla/pjrt-client-node.ts';
import { visibleDevices } from '../../src/run/open-across-node.ts';
import { startRanks } from '../collective/tcp-ranks.ts';
import { temporaryFolder } from '../run/tiny-run.ts';

const hasCompiler = spawnSync('gcc', ['--version']).status === 0;
const missing = hasCompiler ? '' : ' (skipped: there is no gcc here)';

describe.skipIf(!hasCompiler)(`a plugin that two processes open${missing}`, () => {
  it('exchanges values through rank 0, and programs span the devices of both', async () => {
    const file = join(temporaryFolder(), 'stand-in.so');
    const source = join(import.meta.dirname, 'stand-in-plugin.c');
    const made = spawnSync('gcc', ['-shared', '-fPIC', '-Wall', '-Werror', '-o', file, source, '-lpthread']);
    expect(made.stderr.toString()).toBe('');
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
