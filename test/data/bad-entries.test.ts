import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fileBelow } from '../../src/data/folder-node.ts';
import { explainOmissions } from '../../src/data/omissions-node.ts';
import { openSource } from '../../src/data/open-source-node.ts';
import { openReader } from '../../src/data/reader-node.ts';
import type { Source } from '../../src/data/source.ts';
import { png, tarArchive, tarMember, temporaryFolder, writeFiles, zipArchive } from './fixtures.ts';

const keys = (source: Source): string[] => Array.from({ length: source.length }, (_, i) => source.key(i));

/** macOS and Windows hold names as Unicode only. */
const anyBytes = process.platform === 'linux';

describe('a folder with an entry that cannot be read', () => {
  it('gives the others, and tells of links that lead to themselves or nowhere', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'a/1.png': await png(1), 'b/2.png': await png(2) });
    symlinkSync('loop.png', join(folder, 'loop.png'));
    symlinkSync('y.png', join(folder, 'a', 'x.png'));
    symlinkSync('x.png', join(folder, 'a', 'y.png'));
    symlinkSync('nowhere', join(folder, 'gone.png'));
    symlinkSync('.', join(folder, 'self'));
    symlinkSync('../..', join(folder, 'b', 'up'));
    const source = openSource(folder);
    expect(keys(source)).toEqual(['a/1.png', 'b/2.png']);
    const told = explainOmissions(source).join(' ');
    expect(told).toContain('6 entries were left out: ');
    expect(source.leftOut?.map(({ key, reason }) => `${key}: ${reason}`).sort()).toEqual([
      'a/x.png: a link that leads to itself',
      'a/y.png: a link that leads to itself',
      'b/up: a link to a folder that it lies in',
      'gone.png: a link that leads nowhere',
      'loop.png: a link that leads to itself',
      'self: a link to a folder that it lies in',
    ]);
  });

  it.runIf(anyBytes)('reads files and folders whose names are not UTF-8', async () => {
    const folder = temporaryFolder();
    const latin1 = (name: string) => fileBelow(folder, Buffer.from(name, 'latin1'));
    mkdirSync(latin1('\xe9t\xe9'));
    writeFileSync(latin1('\xe9t\xe9/caf\xe9.png'), await png(1));
    writeFileSync(latin1('\xe9t\xe9/caf\xe8.png'), await png(2));
    writeFileSync(latin1('plain.png'), await png(3));
    const source = openSource(folder);
    expect(keys(source)).toEqual(['\\xE9t\\xE9/caf\\xE8.png', '\\xE9t\\xE9/caf\\xE9.png', 'plain.png']);
    const reader = openReader(source.spec);
    const first = await Promise.all([0, 1, 2].map(async (i) => (await reader.read(i)).data[0]));
    expect(first).toEqual([2 * 37, 37, 3 * 37]);
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'tells of a subfolder and a file that may not be read',
    async () => {
      const folder = temporaryFolder();
      writeFiles(folder, { 'a/1.png': await png(1), 'b/2.png': await png(2), 'c.png': await png(3) });
      chmodSync(join(folder, 'b'), 0);
      chmodSync(join(folder, 'c.png'), 0);
      const source = openSource(folder);
      chmodSync(join(folder, 'b'), 0o700);
      expect(keys(source)).toEqual(['a/1.png', 'c.png']);
      expect(source.leftOut).toEqual([{ key: 'b', reason: 'reading it is not permitted' }]);
      await expect(openReader(source.spec).read(1)).rejects.toThrow(
        /c\.png cannot be read: reading it is not permitted/,
      );
    },
  );

  it('of nothing else is refused with what is wrong', () => {
    const folder = temporaryFolder();
    symlinkSync('loop.png', join(folder, 'loop.png'));
    expect(() => openSource(join(folder, 'loop.png'))).toThrow(
      /loop\.png cannot be opened \(a link that leads to itself\)/,
    );
    expect(() => openSource(folder)).toThrow(
      /loop\.png \(a link that leads to itself\), and nothing else is in it\.$/,
    );
  });
});

describe('a folder and its tar', () => {
  it.skipIf(spawnSync('tar', ['--version']).status !== 0)('with links are the same data set', async () => {
    const folder = temporaryFolder();
    const set = join(folder, 'set');
    writeFiles(set, { 'cat/1.png': await png(1), 'dog/2.png': await png(2) });
    linkSync(join(set, 'cat/1.png'), join(set, 'dog/hard.png'));
    symlinkSync('../cat/1.png', join(set, 'dog/soft.png'));
    symlinkSync('cat', join(set, 'kitten'));
    symlinkSync('..', join(set, 'cat/up'));
    symlinkSync('nowhere', join(set, 'cat/gone.png'));
    expect(spawnSync('tar', ['-cf', join(folder, 'set.tar'), '-C', set, '.']).status).toBe(0);
    const [fromFolder, fromTar] = [openSource(set), openSource(join(folder, 'set.tar'))];
    expect(keys(fromTar)).toEqual(keys(fromFolder));
    expect(keys(fromTar)).toContain('kitten/1.png');
    expect(fromTar.classes).toEqual(['cat', 'dog', 'kitten']);
    expect(fromTar.leftOut?.map(({ key }) => key)).toEqual(fromFolder.leftOut?.map(({ key }) => key));
    const [a, b] = [openReader(fromFolder.spec), openReader(fromTar.spec)];
    for (let i = 0; i < fromTar.length; i++) expect(await b.read(i)).toEqual(await a.read(i));
  });
});

describe('HEIC', () => {
  it('alone is a data set, in a folder and in a tar', async () => {
    const folder = temporaryFolder();
    const photo = readFileSync(fileURLToPath(new URL('../image/quarters.heic', import.meta.url)));
    writeFiles(folder, { 'set/IMG_1.HEIC': photo, 'set/IMG_2.heic': photo });
    writeFileSync(join(folder, 'set.tar'), tarArchive([tarMember({ name: 'IMG_1.HEIC', data: photo })]));
    for (const [path, length] of [
      ['set', 2],
      ['set.tar', 1],
    ] as const) {
      const source = openSource(join(folder, path));
      expect(source.length).toBe(length);
      expect(await openReader(source.spec).read(0)).toMatchObject({ width: 48, height: 32 });
    }
  });
});

describe('a source without images', () => {
  it('says how to get some from what it holds', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { "video2/Ann's clip.mp4": 'x' });
    expect(() => openSource(join(folder, 'video2'))).toThrow(/ffmpeg -i 'Ann'\\''s clip\.mp4' -vf/);
    writeFiles(folder, { 'raw/a.nef': 'x', 'raw/b.nef': 'x', 'video/clip.mp4': 'x', 'more/c.txt': 'x' });
    writeFileSync(join(folder, 'raw.zip'), zipArchive([{ name: 'a.NEF', data: 'x' }]));
    expect(() => openSource(join(folder, 'raw'))).toThrow(
      /holds 2 \.nef, which are not read, and no other images: convert them to JPEG or PNG first/,
    );
    expect(() => openSource(join(folder, 'raw.zip'))).toThrow(/holds 1 \.nef, which are not read/);
    expect(() => openSource(join(folder, 'video'))).toThrow(
      /holds videos and no images: .*ffmpeg -i clip\.mp4 /,
    );
    expect(() => openSource(join(folder, 'video', 'clip.mp4'))).toThrow(/is a video: .*ffmpeg -i /);
  });
});
