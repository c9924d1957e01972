/** Options of a run of any method are read again from its folder. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { definitions } from '../../src/method/registry.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { readRecord } from '../../src/run/run-record.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { tinyMethod } from '../method/tiny-methods.ts';
import { follow, startRun } from '../run/tiny-run.ts';
import { dino } from './command.ts';
import { photos } from './tiny-network.ts';

const names = definitions().map(({ name }) => name);

describe.each(names)('--config of a run of %s', (method) => {
  it('repeats it, and lends its other options to another method', async () => {
    const images = await photos(['cats', 'dogs'], 6);
    const { options, frozen } = await tinyMethod(method);
    const first = await startRun({ ...options, steps: 2 }, { frozen });
    await follow(first);
    const repeat = async (...more: readonly string[]) => {
      const run = join(temporaryFolder(), 'again');
      const said = await dino('train', images, '--config', first.folder.path, '--output_dir', run, ...more);
      expect(said, said.err).toMatchObject({ code: 0 });
      return readRecord(RunFolder.open(run)).config;
    };
    expect(await repeat()).toEqual(first.record.config);
    const other = method === 'simclr' ? 'byol' : 'simclr';
    expect(await repeat('--method', other)).toMatchObject({
      ...{ method: other, arch: first.record.config.arch, lr: 0.02, steps: 2 },
    });
  });
});
