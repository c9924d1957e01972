import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classesOf, comparePaths, hasImageExtension, isHidden } from '../../src/data/image-paths.ts';

describe('comparePaths', () => {
  it('takes runs of digits as numbers and goes part by part', () => {
    const sorted = ['1.jpg', '2.jpg', '010.jpg', '10.jpg', 'a/2.jpg', 'a/12.jpg', 'a-b/1.jpg', 'b'];
    expect(sorted.toReversed().sort(comparePaths)).toEqual(sorted);
  });

  it('orders numbers too long for a double', () => {
    expect(comparePaths('f90071992547409930', 'f90071992547409931')).toBeLessThan(0);
  });

  it('is a total order, so that every listing is sorted one way only', () => {
    const path = fc.string({ unit: fc.constantFrom('a', 'b', '0', '1', '9', '/', '-'), maxLength: 6 });
    fc.assert(
      fc.property(path, path, path, (a, b, c) => {
        expect(Math.sign(comparePaths(a, b))).toBe(-Math.sign(comparePaths(b, a)) + 0);
        expect(comparePaths(a, b) === 0).toBe(a === b);
        if (comparePaths(a, b) <= 0 && comparePaths(b, c) <= 0) {
          expect(comparePaths(a, c)).toBeLessThanOrEqual(0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('classesOf', () => {
  it('takes first-level directories when every image is inside one', () => {
    const { classes, labels } = classesOf(['dog/1.jpg', 'cat/deep/2.jpg', 'dog/3.jpg']);
    expect(classes).toEqual(['cat', 'dog']);
    expect([...labels]).toEqual([1, 0, 1]);
  });

  it('finds none when an image lies at the top', () => {
    expect(classesOf(['dog/1.jpg', 'cat/2.jpg', '3.jpg']).classes).toEqual([]);
    expect(classesOf(['1.jpg']).labels.length).toBe(0);
  });

  it('looks through one directory around everything and through train and val', () => {
    expect(classesOf(['pets/dog/1.jpg', 'pets/cat/2.jpg']).classes).toEqual(['cat', 'dog']);
    const split = classesOf(['set/train/dog/1.jpg', 'set/train/cat/2.jpg', 'set/val/dog/3.jpg']);
    expect(split.classes).toEqual(['cat', 'dog']);
    expect([...split.labels]).toEqual([1, 0, 1]);
    expect(classesOf(['train/1.jpg', 'val/2.jpg']).classes).toEqual(['train', 'val']);
    expect(classesOf(['dog/1.jpg', 'dog/2.jpg']).classes).toEqual(['dog']);
  });

  it('numbers classes by code unit, as ImageFolder does', () => {
    expect(classesOf(['class2/a.jpg', 'class10/a.jpg', 'B/a.jpg']).classes).toEqual([
      'B',
      'class10',
      'class2',
    ]);
  });
});

describe('names', () => {
  it('knows the image extensions in any case', () => {
    const names = ['a.jpg', 'a.JPEG', 'a.png', 'a.webp', 'a.avif', 'a.tif', 'a.TIFF', 'b/c.gif'];
    expect(names.filter(hasImageExtension)).toEqual(names);
    expect(['a.txt', 'jpg', 'a.jpg.txt', 'a.pngx'].filter(hasImageExtension)).toEqual([]);
  });

  it('calls hidden what begins with a dot at any level, and the shadow folder of macOS archives', () => {
    expect(['.a.jpg', 'x/.git/a.jpg', 'x/._a.jpg', '__MACOSX/a.jpg'].every(isHidden)).toBe(true);
    expect(isHidden('x/a.b.jpg')).toBe(false);
  });
});
