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
  it('are found by their bytes under any name, not by names or sizes', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      '1.jpg': 'One',
      '2.jpg': 'third!',
      '3.jpg': 'fourth',
      '4.jpg': 'one',
      '5.jpg': 'one',
    });
    expect(await countShared(openSource(folder), openSource(bank()))).toBe(3);
    expect(await countShared(openSource(bank()), openSource(folder))).toBe(2);
  });

  it('are found through hard and symbolic links, and files that are gone are in neither', async () => {
    const [known, folder] = [bank(), temporaryFolder()];
    linkSync(join(known, 'a', '1.jpg'), join(folder, 'x.jpg'));
    symlinkSync(join(known, 'b', '3.jpg'), join(folder, 'y.jpg'));
    const asked = openSource(folder);
    writeFileSync(join(known, 'b', '3.jpg'), 'changed in both');
    expect(await countShared(asked, openSource(known))).toBe(2);
  });

  it('are found in archives, and of a part only in that part', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'tar'));
    const tar = join(folder, 'tar', 'images.tar');
    const members = ['second', 'other'].map((data, i) => tarMember({ name: `${i}.jpg`, data }));
    writeFileSync(tar, Buffer.concat([...members, Buffer.alloc(1024)]));
    const [asked, known] = [openSource(tar), openSource(bank())];
    expect(await countShared(asked, known)).toBe(1);
    expect(await countShared(asked, subsetOf(known, Uint32Array.of(0, 2)))).toBe(0);
    expect(await countShared(asked, subsetOf(known, Uint32Array.of(1)))).toBe(1);
  });

  it('are looked for in parts that are shown, while others have their turn', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { '1.jpg': 'third!', '2.jpg': 'fourth', '3.jpg': 'longer than all' });
    const [asked, known] = [openSource(folder), openSource(bank())];
    const shown: unknown[] = [];
    let turns = 0;
    const count = (): void => {
      turns++;
      waiting = setImmediate(count);
    };
    let waiting = setImmediate(count);
    expect(await countShared(asked, known, (...progress) => shown.push(progress), 0)).toBe(1);
    clearImmediate(waiting);
    expect(shown).toEqual([
      ...[0, 1, 2].map((done) => ['sizes of test images', done, 3]),
      ...[0, 1, 2].map((done) => ['images that may be among them', done, 3]),
      ...[0, 1].map((done) => ['test images compared with them', done, 2]),
    ]);
    expect(turns).toBeGreaterThanOrEqual(shown.length - 1);
    await countShared(asked, known, () => expect.fail('a short search is not shown'), 60_000);
  });

  it('are none among generated scenes', async () => {
    const scenes = scenesSource({ count: 3, seed: 1, size: 16 });
    expect(await countShared(scenes, openSource(bank()))).toBe(0);
  });
});
