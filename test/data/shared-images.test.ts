import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSource } from '../../src/data/open-source-node.ts';
import { scenesSource } from '../../src/data/scenes-source.ts';
import { countShared } from '../../src/data/shared-images-node.ts';
import { subsetOf } from '../../src/data/subset.ts';
import { tarMember, temporaryFolder, writeFiles } from './fixtures.ts';

/** A folder of three files: the second and the third have the same size. */
function bank(): string {
  const folder = temporaryFolder();
  writeFiles(folder, { 'a/1.jpg': 'one', 'a/2.jpg': 'second', 'b/3.jpg': 'third!' });
  return folder;
}

describe('images that are in two data sets', () => {
  it('are found by their bytes under any name, not by names or sizes', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      '1.jpg': 'One',
      '2.jpg': 'third!',
      '3.jpg': 'fourth',
      '4.jpg': 'one',
      '5.jpg': 'one',
    });
    expect(countShared(openSource(folder), openSource(bank()))).toBe(3);
    expect(countShared(openSource(bank()), openSource(folder))).toBe(2);
  });

  it('are found through hard and symbolic links, and files that are gone are in neither', () => {
    const [known, folder] = [bank(), temporaryFolder()];
    linkSync(join(known, 'a', '1.jpg'), join(folder, 'x.jpg'));
    symlinkSync(join(known, 'b', '3.jpg'), join(folder, 'y.jpg'));
    const asked = openSource(folder);
    writeFileSync(join(known, 'b', '3.jpg'), 'changed in both');
    expect(countShared(asked, openSource(known))).toBe(2);
  });

  it('are found in archives, and of a part only in that part', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'tar'));
    const tar = join(folder, 'tar', 'images.tar');
    const members = ['second', 'other'].map((data, i) => tarMember({ name: `${i}.jpg`, data }));
    writeFileSync(tar, Buffer.concat([...members, Buffer.alloc(1024)]));
    const [asked, known] = [openSource(tar), openSource(bank())];
    expect(countShared(asked, known)).toBe(1);
    expect(countShared(asked, subsetOf(known, Uint32Array.of(0, 2)))).toBe(0);
    expect(countShared(asked, subsetOf(known, Uint32Array.of(1)))).toBe(1);
  });

  it('are none among generated scenes', () => {
    const scenes = scenesSource({ count: 3, seed: 1, size: 16 });
    expect(countShared(scenes, openSource(bank()))).toBe(0);
  });
});
