import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePaths, hasImageExtension, isHidden } from '../../src/data/image-paths.ts';

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
