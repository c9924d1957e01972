import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageFiles, linkedImages } from '../../src/data/image-files-node.ts';
import { explainOmissions } from '../../src/data/omissions-node.ts';
import { openSource } from '../../src/data/open-source-node.ts';
import { scenesSource } from '../../src/data/scenes-source.ts';
import { FolderError, makeFolder } from '../../src/files/make-folder-node.ts';
import { checkMoveTarget, moveFiles } from '../../src/files/move-files-node.ts';
import { png, tarArchive, tarMember, temporaryFolder, writeFiles } from './fixtures.ts';

describe('the files of a source', () => {
  it('have sizes in folders and archives, and links are told', async () => {
    const root = join(temporaryFolder(), 'photos');
    const image = await png(1);
    writeFiles(root, { 'a.png': image, 'b/c.png': await png(2), 'd.png': await png(3) });
    symlinkSync('a.png', join(root, 'e.png'));
    linkSync(join(root, 'd.png'), join(root, 'f.png'));
    const source = openSource(root);
    const files = imageFiles(source);
    const { bytes } = files;
    const key = (index: number): string => source.key(index);
    expect([...linkedImages(source, files)].map(key).sort()).toEqual(['a.png', 'd.png', 'e.png', 'f.png']);
    const at = Array.from({ length: source.length }, (_, i) => i).find((i) => key(i) === 'a.png') ?? -1;
    expect(bytes(at)).toBe(image.length);
    const tar = join(temporaryFolder(), 'photos.tar');
    const members = [
      tarMember({ name: 'x.png', data: image }),
      tarMember({ name: 'y.png', type: '2', link: 'x.png' }),
      tarMember({ name: 'z.png', data: image }),
    ];
    writeFileSync(tar, tarArchive(members));
    const packed = openSource(tar);
    expect(imageFiles(packed).bytes(0)).toBe(image.length);
    expect([...linkedImages(packed, imageFiles(packed))].sort()).toEqual([0, 1]);
    expect(imageFiles(scenesSource({ count: 1 })).bytes(0)).toBe(0);
  });
});

/** A folder, and a tar of it. */
function bothOf(folder: string): string[] {
  const tar = join(temporaryFolder(), 'set.tar');
  expect(spawnSync('tar', ['-cf', tar, '-C', folder, '.']).status).toBe(0);
  return [folder, tar];
}

describe.skipIf(spawnSync('tar', ['--version']).status !== 0)('links of a folder and of its tar', () => {
  it('that put images into two classes are told', async () => {
    const set = join(temporaryFolder(), 'photos');
    for (const name of ['cat/1.png', 'cat/sub/2.png', 'dog/3.png']) writeFiles(set, { [name]: await png(1) });
    symlinkSync('cat', join(set, 'kitten'));
    for (const path of bothOf(set))
      expect(explainOmissions(openSource(path))).toEqual([
        `${path}: 2 images stand in more than one class, because kitten is a link to cat: remove the link if it is not meant.`,
      ]);
    linkSync(join(set, 'dog/3.png'), join(set, 'cat/hard.png'));
    symlinkSync('../cat/1.png', join(set, 'dog/soft.png'));
    symlinkSync('../kitten', join(set, 'cat/again'));
    for (const path of bothOf(set)) {
      const { leftOut, length } = openSource(path);
      expect([length, leftOut]).toEqual([
        8,
        [
          { key: 'cat/again', reason: 'a link to a folder that it lies in' },
          { key: 'kitten/again', reason: 'a link to a folder that it lies in' },
        ],
      ]);
      // The hard link lies in cat and, by the link to it, in kitten.
      expect(explainOmissions(openSource(path)).at(-1)).toBe(
        `${path}: 3 images stand in more than one class, because kitten is a link to cat; dog/soft.png is a link to cat/1.png; cat/hard.png and dog/3.png are one file: remove the links that are not meant.`,
      );
    }
  });

  it('that put the images of a folder there twice are told, single ones of one class are not', async () => {
    const set = join(temporaryFolder(), 'photos');
    for (const name of ['a/1.png', 'a/2.png', 'a/3.png']) writeFiles(set, { [name]: await png(1) });
    symlinkSync('1.png', join(set, 'a/soft.png'));
    linkSync(join(set, 'a/2.png'), join(set, 'a/hard.png'));
    for (const path of bothOf(set)) expect(explainOmissions(openSource(path))).toEqual([]);
    symlinkSync('.', join(set, 'a', 'self'));
    writeFiles(set, { 'b/4.png': await png(4), 'b/deep/5.png': await png(5) });
    symlinkSync('deep', join(set, 'b/twin'));
    for (const path of bothOf(set))
      expect(explainOmissions(openSource(path)).at(-1)).toBe(
        `${path}: 1 image stands in it more than once, because b/twin is a link to b/deep: remove the link if it is not meant.`,
      );
  });
});

it('links out of a folder are told only where two lead to one place', async () => {
  const [set, store] = [join(temporaryFolder(), 'photos'), temporaryFolder()];
  writeFiles(store, { 'x/1.png': await png(1), 'y/2.png': await png(2) });
  mkdirSync(set);
  symlinkSync(join(store, 'x'), join(set, 'cat'));
  symlinkSync(join(store, 'y'), join(set, 'dog'));
  expect(openSource(set).classes).toEqual(['cat', 'dog']);
  expect(explainOmissions(openSource(set))).toEqual([]);
  symlinkSync(join(store, 'x'), join(set, 'kitten'));
  expect(explainOmissions(openSource(set))).toEqual([
    `${set}: 1 image stands in more than one class, because cat and kitten lead to the same folder: remove the links that are not meant.`,
  ]);
});

describe('moving files', () => {
  it('keeps their paths and their bytes', () => {
    const folder = temporaryFolder();
    const [root, target] = [join(folder, 'photos'), join(folder, 'copies', 'deep')];
    writeFiles(root, { 'a/1.txt': 'one', 'a/2.txt': 'two', '3.txt': 'three' });
    moveFiles(root, ['a/1.txt', '3.txt'], target);
    expect(readFileSync(join(target, 'a', '1.txt'), 'utf8')).toBe('one');
    expect(readFileSync(join(target, '3.txt'), 'utf8')).toBe('three');
    expect(existsSync(join(root, '3.txt'))).toBe(false);
    expect(readFileSync(join(root, 'a', '2.txt'), 'utf8')).toBe('two');
    // A later call adds to the record.
    moveFiles(root, ['a/2.txt'], target);
    const record = readFileSync(join(target, 'moved.txt'), 'utf8').trimEnd().split('\n');
    expect(record).toEqual(
      ['a/1.txt', '3.txt', 'a/2.txt'].map((key) => `${join(root, key)}\t${join(target, key)}`),
    );
  });

  it('writes over nothing, and refuses folders that lie in each other', () => {
    const folder = temporaryFolder();
    const [root, target] = [join(folder, 'photos'), join(folder, 'copies')];
    writeFiles(folder, { 'photos/1.txt': 'one', 'photos/2.txt': 'two', 'copies/2.txt': 'other', file: '' });
    expect(() => moveFiles(root, ['1.txt', '2.txt'], target)).toThrow(
      /2\.txt exists already, and nothing was moved/,
    );
    expect(existsSync(join(root, '1.txt'))).toBe(true);
    expect(readFileSync(join(target, '2.txt'), 'utf8')).toBe('other');
    for (const inside of [root, join(root, 'copies'), folder])
      expect(() => checkMoveTarget(root, inside)).toThrow('inside it or around it');
    expect(() => checkMoveTarget(root, join(folder, 'file'))).toThrow('is a file: give a folder');
    expect(() => checkMoveTarget(root, join(folder, 'photos2'))).not.toThrow();
    mkdirSync(join(folder, '..photos'));
    expect(() => checkMoveTarget(root, join(folder, '..photos'))).not.toThrow();
  });

  it('says how many were moved where one cannot be', () => {
    const folder = temporaryFolder();
    const [root, target] = [join(folder, 'photos'), join(folder, 'copies')];
    writeFiles(root, { '1.txt': 'one', 'a/2.txt': 'two' });
    expect(() => moveFiles(root, ['1.txt', 'gone.txt'], target)).toThrow(
      /gone\.txt is not there under this name .*, and nothing was moved/,
    );
    expect(existsSync(join(root, '1.txt'))).toBe(true);
    writeFiles(target, { a: 'a file where a folder is needed' });
    expect(() => moveFiles(root, ['1.txt', 'a/2.txt'], target)).toThrow(
      /2\.txt could not be moved .*; 1 of 2 files were moved/,
    );
  });
});

describe('making folders', () => {
  it('makes those they lie in too, and ends where that is not possible', () => {
    const root = temporaryFolder();
    makeFolder(join(root, 'a/b/c'));
    makeFolder(join(root, 'a/b/c'));
    expect(existsSync(join(root, 'a/b/c'))).toBe(true);
    writeFileSync(join(root, 'file'), '');
    for (const [path, reason] of [
      [join(root, 'file/below'), 'a file is in its way'],
      [join(root, 'file'), 'a file is in its way'],
      // Where mkdirSync with recursive would never return.
      ...(process.platform === 'linux' ? [['/proc/nowhere/x', 'no place for folders there'] as const] : []),
    ] as const) {
      expect(() => makeFolder(path, 'choose another --output')).toThrow(FolderError);
      expect(() => makeFolder(path, 'choose another --output')).toThrow(reason);
      expect(() => makeFolder(path, 'choose another --output')).toThrow(/: choose another --output\.$/);
    }
  });
});
