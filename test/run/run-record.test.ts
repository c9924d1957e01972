import { randomUUID } from 'node:crypto';
import { renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRecorded } from '../../src/run/open-recorded-node.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { readRecord } from '../../src/run/run-record.ts';
import { photos, trainedOn } from '../cli/tiny-network.ts';

describe('the images of a run', () => {
  it('are found from another directory than the one it was started in', async () => {
    const images = await photos(['a', 'b'], 6);
    const record = readRecord(RunFolder.open(await trainedOn(images)));
    expect(record.source.directory).toBe(process.cwd());
    // A name that no other directory has, so that the path leads nowhere from wherever the tests run.
    const [start, name] = [dirname(images), `photos-${randomUUID()}`];
    renameSync(images, join(start, name));
    const moved = { ...record, source: { ...record.source, path: name, directory: start } };
    expect(openRecorded(moved)).toMatchObject({ length: 12, classes: ['a', 'b'] });
    // Runs of earlier versions do not say where they were started.
    const { directory: _, ...source } = moved.source;
    expect(() => openRecorded({ ...moved, source })).toThrow(/There is nothing at/);
  });
});
