import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openSource } from '../../src/data/open-source-node.ts';
import { unpackingAdvice } from '../../src/data/packed-files.ts';
import { scenesSource } from '../../src/data/scenes-source.ts';
import type { Source } from '../../src/data/source.ts';
import { sceneClasses, sceneLabel } from '../../src/scenes/scene.ts';
import { cifarRecords, idxFile, tarArchive, tarMember, temporaryFolder, writeFiles } from './fixtures.ts';

function keys(source: Source): string[] {
  return Array.from({ length: source.length }, (_, index) => source.key(index));
}

function labels(source: Source): (number | undefined)[] {
  return Array.from({ length: source.length }, (_, index) => source.label(index));
}

describe('a folder', () => {
  it('of files is a data set without classes, in natural order, without hidden files', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      '10.jpg': '',
      '9.jpg': '',
      'notes.txt': '',
      '.hidden.jpg': '',
      '.git/a.jpg': '',
      'z/1.PNG': '',
    });
    const source = openSource(folder);
    expect(keys(source)).toEqual(['9.jpg', '10.jpg', 'z/1.PNG']);
    expect(source.classes).toEqual([]);
    expect(source.label(0)).toBeUndefined();
    expect(source).toMatchObject({ name: folder, length: 3, channels: 3 });
    expect(openSource(folder, { channels: 1 }).spec.channels).toBe(1);
  });

  it('of class folders has their names as classes', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'dog/1.jpg': '', 'dog/more/2.jpg': '', 'cat/1.jpg': '', 'README.md': '' });
    const source = openSource(folder);
    expect(source.classes).toEqual(['cat', 'dog']);
    expect(keys(source)).toEqual(['cat/1.jpg', 'dog/1.jpg', 'dog/more/2.jpg']);
    expect(labels(source)).toEqual([0, 1, 1]);
  });

  it('with links follows them, but not in circles', () => {
    const folder = temporaryFolder();
    const elsewhere = temporaryFolder();
    writeFiles(folder, { 'a/1.jpg': '' });
    writeFiles(elsewhere, { '2.jpg': '' });
    symlinkSync(elsewhere, join(folder, 'linked'));
    symlinkSync(join(folder, 'a', '1.jpg'), join(folder, 'copy.jpg'));
    symlinkSync(folder, join(folder, 'a', 'up'));
    symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling.jpg'));
    expect(keys(openSource(folder))).toEqual(['a/1.jpg', 'copy.jpg', 'linked/2.jpg']);
  });

  it('that is missing, empty or without images is refused in one sentence', () => {
    const folder = temporaryFolder();
    expect(() => openSource(join(folder, 'none'))).toThrow(/^There is nothing at .*none: give the path/);
    expect(() => openSource(folder)).toThrow(/is empty: give a folder with JPEG, PNG/);
    writeFiles(folder, { 'a.txt': '', 'b/c.pdf': '' });
    expect(() => openSource(folder)).toThrow(/holds 2 files but none with the extension of an image/);
  });
});

describe('a tar archive', () => {
  it('is the same data set as the folder it was made of', () => {
    const folder = temporaryFolder();
    const names = ['dog/10.jpg', 'dog/9.jpg', 'cat/1.jpg', 'cat/._1.jpg', 'list.txt'];
    writeFiles(join(folder, 'pets'), Object.fromEntries(names.map((name) => [name, 'x'])));
    const archive = join(folder, 'pets.tar');
    writeFileSync(archive, tarArchive(names.map((name) => tarMember({ name: `./${name}`, data: 'x' }))));
    const fromFolder = openSource(join(folder, 'pets'));
    const fromTar = openSource(archive);
    expect(keys(fromTar)).toEqual(['cat/1.jpg', 'dog/9.jpg', 'dog/10.jpg']);
    expect(keys(fromTar)).toEqual(keys(fromFolder));
    expect(labels(fromTar)).toEqual(labels(fromFolder));
    expect(fromTar.classes).toEqual(['cat', 'dog']);
  });

  it('without images is refused', () => {
    const archive = join(temporaryFolder(), 'a.tar');
    writeFileSync(archive, tarArchive([tarMember({ name: 'a.txt', data: 'x' })]));
    expect(() => openSource(archive)).toThrow(/holds 1 file but none with the extension of an image/);
  });

  it('of 50,000 images opens, and each of them has its place in it', () => {
    const archive = join(temporaryFolder(), 'large.tar');
    const data = Buffer.alloc(900);
    const members = Array.from({ length: 50_000 }, (_, i) => tarMember({ name: `class/${i}.jpg`, data }));
    writeFileSync(archive, tarArchive(members));
    const { length, spec } = openSource(archive);
    expect(length).toBe(50_000);
    // A header and two blocks of data each; the natural order of the names is that of the archive.
    expect(spec.kind === 'archive' ? Array.from(spec.offsets) : []).toEqual(
      Array.from({ length: 50_000 }, (_, i) => 1536 * i + 512),
    );
  });
});

describe('CIFAR-10 records', () => {
  it('in a folder are its training batches, in order, with labels and the official class names', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      'data_batch_10.bin': cifarRecords([9]),
      'data_batch_2.bin': cifarRecords([3, 4]),
      'test_batch.bin': cifarRecords([1]),
      'readme.html': '',
    });
    const source = openSource(folder);
    expect(keys(source)).toEqual(['data_batch_2.bin/0', 'data_batch_2.bin/1', 'data_batch_10.bin/0']);
    expect(labels(source)).toEqual([3, 4, 9]);
    expect(source.classes[9]).toBe('truck');
    expect([...source.classes].sort()).toEqual(source.classes);
    expect(labels(openSource(join(folder, 'test_batch.bin')))).toEqual([1]);
  });

  it('that are cut off or of another data set are refused', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'test_batch.bin': cifarRecords([1]).subarray(1), 'other.bin': cifarRecords([10]) });
    expect(() => openSource(folder)).toThrow(/has 3072 bytes, which is no whole number of CIFAR-10 records/);
    expect(() => openSource(join(folder, 'other.bin')).label(0)).toThrow(/Record 0 of .* has the label 10/);
  });
});

describe('IDX files', () => {
  const images = idxFile(
    [3, 2, 2],
    Uint8Array.from({ length: 12 }, (_, i) => i),
  );

  it('are read with the labels beside them, gzipped or not, and are gray', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      'train-images-idx3-ubyte': images,
      'train-labels-idx1-ubyte.gz': gzipSync(idxFile([3], Uint8Array.of(2, 0, 1))),
      't10k-images-idx3-ubyte.gz': gzipSync(images),
    });
    const train = openSource(folder);
    expect(train).toMatchObject({ length: 3, channels: 1, classes: ['0', '1', '2'] });
    expect(labels(train)).toEqual([2, 0, 1]);
    const test = openSource(join(folder, 't10k-images-idx3-ubyte.gz'));
    expect(test).toMatchObject({ length: 3, classes: [] });
    expect(test.label(0)).toBeUndefined();
  });

  it('are known by their content too', () => {
    const file = join(temporaryFolder(), 'digits');
    writeFileSync(file, images);
    expect(openSource(file).length).toBe(3);
  });

  it('that are cut off, are labels or do not fit their labels are refused', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      'a-images-idx3-ubyte': images.subarray(0, 20),
      'b-labels-idx1-ubyte': idxFile([3], Uint8Array.of(0, 1, 2)),
      'c-images-idx3-ubyte': images,
      'c-labels-idx1-ubyte': idxFile([2], Uint8Array.of(0, 1)),
      'd-images-idx3-ubyte.gz': gzipSync(images).subarray(0, 30),
    });
    expect(() => openSource(join(folder, 'a-images-idx3-ubyte'))).toThrow(
      /has 20 bytes where its header announces 28/,
    );
    expect(() => openSource(join(folder, 'b-labels-idx1-ubyte'))).toThrow(/is not an IDX file of images/);
    expect(() => openSource(join(folder, 'c-images-idx3-ubyte'))).toThrow(/has 2 labels for the 3 images/);
    expect(() => openSource(join(folder, 'd-images-idx3-ubyte.gz'))).toThrow(/is cut off or not gzipped/);
  });
});

describe('a file that is compressed as a whole', () => {
  it.each([
    ['my.tar.gz', 'gunzip -k my.tar.gz', 'my.tar'],
    ['my.tgz', 'gunzip -k my.tgz', 'my.tar'],
    ['my.tar.bz2', 'bunzip2 -k my.tar.bz2', 'my.tar'],
    ['my.tbz2', 'bunzip2 -k my.tbz2', 'my.tar'],
    ['my.tar.xz', 'unxz -k my.tar.xz', 'my.tar'],
    ['my.TXZ', 'unxz -k my.TXZ', 'my.tar'],
    ['my.tar.zst', 'unzstd my.tar.zst', 'my.tar'],
    ['my.7z', '7z x my.7z -omy', 'the folder my'],
    ['my.rar', 'unrar x my.rar my/', 'the folder my'],
    ["Tom's.tar.gz", "gunzip -k 'Tom'\\''s.tar.gz'", "Tom's.tar"],
  ])('%s is refused with the command that unpacks it', (name, command, result) => {
    const folder = temporaryFolder();
    expect(unpackingAdvice(name)).toBe(`run "${command}" and give ${result}`);
    writeFiles(folder, { [name]: 'x' });
    expect(() => openSource(join(folder, name))).toThrow(/ is compressed as a whole: run "/);
    expect(() => openSource(folder)).toThrow(
      `holds ${name}, which is compressed as a whole, and no images: run "${command}" and give ${result} or the folder around it.`,
    );
  });

  it.skipIf(spawnSync('gunzip', ['--version']).status !== 0)('is a data set after that command', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      'a.tgz': gzipSync(tarArchive([tarMember({ name: 'cat/1.jpg', data: 'x' })])),
    });
    const [, command = ''] = /run "([^"]*)"/.exec(unpackingAdvice('a.tgz') ?? '') ?? [];
    expect(spawnSync('sh', ['-c', command], { cwd: folder }).status).toBe(0);
    expect(keys(openSource(join(folder, 'a.tar')))).toEqual(['cat/1.jpg']);
  });
});

describe('other files', () => {
  it('are refused with what to give instead', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'a.jpg': 'x', 'c.parquet': 'PAR1', 'd.zip': 'x', 'e.bmp': 'x', empty: '' });
    expect(() => openSource(join(folder, 'a.jpg'))).toThrow(/is a single image: give the folder/);
    expect(() => openSource(join(folder, 'e.bmp'))).toThrow(
      /is an image of a format that is not read: convert/,
    );
    expect(() => openSource(join(folder, 'd.zip'))).toThrow(/d\.zip: the archive is damaged/);
    expect(() => openSource(join(folder, 'c.parquet'))).toThrow(/c\.parquet is no whole Parquet file/);
    expect(() => openSource(join(folder, 'empty'))).toThrow(/is of an unknown format: give a folder/);
    mkdirSync(join(folder, 'x.tar'));
    expect(() => openSource(join(folder, 'x.tar'))).toThrow(/is empty/);
  });
});

describe('scenes', () => {
  it('are a source with the scenes labels and no files', () => {
    const source = scenesSource({ count: 30, seed: 4, size: 16 });
    expect(source).toMatchObject({ length: 30, classes: sceneClasses, channels: 3 });
    expect(labels(source)).toEqual(Array.from({ length: 30 }, (_, index) => sceneLabel(4, index)));
    expect(() => scenesSource({ count: 0 })).toThrow('0 scenes were asked for');
    expect(() => scenesSource({ count: 1, size: 2 })).toThrow('Scenes of 2 pixels were asked for');
  });
});
