import { describe, expect, it } from 'vitest';
import { type ArchiveMember, listArchive } from '../../src/data/archive-tree.ts';

type Entry = string | readonly [path: string, kind: 'hard' | 'symbolic', target: string];

/** Members whose place is their number. */
function members(entries: readonly Entry[]) {
  return entries.map((entry, place): ArchiveMember<number> => {
    if (typeof entry === 'string') return { path: entry, place };
    const [path, kind, target] = entry;
    return { path, place, link: { kind, target } };
  });
}

const listed = (...entries: readonly Entry[]) => {
  const { images, leftOut } = listArchive(members(entries));
  return { images: images.map(({ path, place }) => [path, place]), leftOut };
};

describe('the files of an archive', () => {
  it('are those of the last member of each name, without hidden ones', () => {
    expect(
      listed('a/1.jpg', 'a/._1.jpg', '.git/x.jpg', '__MACOSX/a/1.jpg', './a/1.jpg', 'b.png', 'notes.txt')
        .images,
    ).toEqual([
      ['a/1.jpg', 4],
      ['b.png', 5],
    ]);
  });

  it('are also what hard and symbolic links lead to, to files and to folders', () => {
    const { images, leftOut } = listed(
      'a/1.jpg',
      ['b/hard.jpg', 'hard', 'a/1.jpg'],
      ['b/soft.jpg', 'symbolic', '../a/1.jpg'],
      ['c', 'symbolic', 'a'],
      ['d/chain.jpg', 'symbolic', '../c/1.jpg'],
      // `..` leaves the folder that the link led to.
      ['up', 'symbolic', 'c/../b'],
    );
    expect(leftOut).toEqual([]);
    expect(images).toEqual([
      ['a/1.jpg', 0],
      ['b/hard.jpg', 0],
      ['b/soft.jpg', 0],
      ['c/1.jpg', 0],
      ['d/chain.jpg', 0],
      ['up/hard.jpg', 0],
      ['up/soft.jpg', 0],
    ]);
  });

  it('keep what a hard link was made of when the file is replaced later', () => {
    expect(listed('a.jpg', ['b.jpg', 'hard', 'a.jpg'], 'a.jpg').images).toEqual([
      ['a.jpg', 2],
      ['b.jpg', 0],
    ]);
  });

  it('leave out links in circles, to nothing and out of the archive', () => {
    const { images, leftOut } = listed(
      'a/1.jpg',
      ['a/up', 'symbolic', '..'],
      ['loop.png', 'symbolic', 'loop.png'],
      ['x.png', 'symbolic', 'y.png'],
      ['y.png', 'symbolic', 'x.png'],
      ['gone.png', 'symbolic', 'nowhere.png'],
      ['out.png', 'symbolic', '../../etc/out.png'],
      ['root.png', 'symbolic', '/a/1.jpg'],
      ['hard.png', 'hard', 'nowhere.png'],
    );
    expect(images).toEqual([['a/1.jpg', 0]]);
    expect(leftOut.map(({ key, reason }) => `${key}: ${reason}`).sort()).toEqual([
      'a/up: a link to a folder that it lies in',
      'gone.png: a link that leads to nothing in the archive',
      'hard.png: a link that leads to nothing in the archive',
      'loop.png: a link that leads to itself',
      'out.png: a link that leads to nothing in the archive',
      'root.png: a link that leads to nothing in the archive',
      'x.png: a link that leads to itself',
      'y.png: a link that leads to itself',
    ]);
  });
});
