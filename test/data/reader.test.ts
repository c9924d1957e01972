import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openSource } from '../../src/data/open-source-node.ts';
import { openReader } from '../../src/data/reader-node.ts';
import { scenesSource } from '../../src/data/scenes-source.ts';
import { renderScene } from '../../src/scenes/scene.ts';
import {
  cifarRecords,
  idxFile,
  png,
  tarArchive,
  tarMember,
  temporaryFolder,
  writeFiles,
} from './fixtures.ts';

describe('openReader', () => {
  it('reads the same pixels from a folder and from a tar of it', async () => {
    const folder = temporaryFolder();
    const images = await Promise.all([0, 1, 2].map((number) => png(number)));
    writeFiles(join(folder, 'set'), { 'a/0.png': images[0]!, 'a/1.png': images[1]!, 'b/2.png': images[2]! });
    const members = [1, 2, 0].map((n) =>
      tarMember({ name: `${n === 2 ? 'b' : 'a'}/${n}.png`, data: images[n]! }),
    );
    writeFileSync(join(folder, 'set.tar'), tarArchive(members));
    const fromFolder = openReader(openSource(join(folder, 'set')).spec);
    const fromTar = openReader(openSource(join(folder, 'set.tar')).spec);
    for (const index of [2, 0, 1]) {
      const image = await fromTar.read(index);
      expect(image).toEqual(await fromFolder.read(index));
      expect(image).toMatchObject({ width: 12, height: 10, channels: 3 });
      expect([...image.data.subarray(3, 6)]).toEqual([index * 37 + 1, 2, index * 11]);
    }
    fromFolder.close();
    fromTar.close();
  });

  it('turns the planes of CIFAR-10 records into pixels, across files', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      'data_batch_1.bin': cifarRecords([0, 1]),
      'data_batch_2.bin': cifarRecords([2, 3]),
    });
    const reader = openReader(openSource(folder).spec);
    const image = await reader.read(3); // record 1 of the second file
    expect(image).toMatchObject({ width: 32, height: 32, channels: 3 });
    expect([...image.data.subarray(0, 6)]).toEqual([1, 51, 101, 2, 52, 102]);
    expect([...image.data.subarray(3 * 1023)]).toEqual([
      (1 + 1023) % 256,
      (51 + 1023) % 256,
      (101 + 1023) % 256,
    ]);
    const gray = await openReader(openSource(folder, { channels: 1 }).spec).read(3);
    expect(gray.data[0]).toBe(Math.round(0.299 * 1 + 0.587 * 51 + 0.114 * 101));
    reader.close();
  });

  it('reads IDX images as gray or as equal channels, gzipped or not', async () => {
    const folder = temporaryFolder();
    const file = idxFile(
      [2, 2, 3],
      Uint8Array.from({ length: 12 }, (_, i) => 10 * i),
    );
    writeFiles(folder, { 'a-images-idx3-ubyte': file, 'b-images-idx3-ubyte.gz': gzipSync(file) });
    for (const name of ['a-images-idx3-ubyte', 'b-images-idx3-ubyte.gz']) {
      const gray = await openReader(openSource(join(folder, name)).spec).read(1);
      expect(gray).toEqual({
        width: 3,
        height: 2,
        channels: 1,
        data: Uint8Array.of(60, 70, 80, 90, 100, 110),
      });
      const rgb = await openReader(openSource(join(folder, name), { channels: 3 }).spec).read(0);
      expect([...rgb.data.subarray(0, 6)]).toEqual([0, 0, 0, 10, 10, 10]);
    }
  });

  it('renders scenes, in gray too', async () => {
    const image = await openReader(scenesSource({ count: 5, seed: 2, size: 24 }).spec).read(4);
    expect(image).toEqual(renderScene(2, 4, 24).image);
    const gray = await openReader(scenesSource({ count: 5, seed: 2, size: 24, channels: 1 }).spec).read(4);
    expect(gray.data.length).toBe(24 * 24);
    const [red = 0, green = 0, blue = 0] = image.data;
    expect(Math.abs(gray.data[0]! - (0.299 * red + 0.587 * green + 0.114 * blue))).toBeLessThan(1);
  });

  it('names the file that went away or became shorter since the source was opened', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'set/a.png': await png(0), 'set/b.png': await png(1) });
    const source = openSource(join(folder, 'set'));
    rmSync(join(folder, 'set', 'a.png'));
    await expect(openReader(source.spec).read(0)).rejects.toThrow(/a\.png/);
    const archive = join(folder, 'set.tar');
    writeFileSync(archive, tarArchive([tarMember({ name: 'a.png', data: await png(0) })]));
    const tar = openSource(archive);
    truncateSync(archive, 520);
    await expect(openReader(tar.spec).read(0)).rejects.toThrow(/set\.tar became shorter while it was read/);
  });
});
