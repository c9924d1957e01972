import { describe, expect, it } from 'vitest';
import { folderGroups } from '../../src/data/image-groups.ts';

describe('groups by folder', () => {
  it('are taken at the first depth where there are several', () => {
    expect(folderGroups(['all/a/1.png', 'all/b/2.png', 'all/a/x/3.png'])).toEqual({
      groups: ['all/a', 'all/b'],
      labels: Int32Array.of(0, 1, 0),
    });
    expect(folderGroups(['1.png', 'a/2.png'])).toEqual({ groups: ['a'], labels: Int32Array.of(-1, 0) });
  });

  it('are none where all images lie together', () => {
    expect(folderGroups(['1.png', '2.png'])).toBeUndefined();
    expect(folderGroups(['all/x/1.png', 'all/x/2.png'])).toBeUndefined();
    expect(folderGroups([])).toBeUndefined();
  });
});
