import { describe, expect, it } from 'vitest';
import { counted } from '../../src/format/counted.ts';
import { describeNetwork } from '../../src/model/backbone.ts';
import { tinyVit } from '../model/tiny-networks.ts';

describe('counts', () => {
  it('are singular for one alone', () => {
    expect([0, 1, 2].map((count) => counted(count, 'image'))).toEqual(['0 images', '1 image', '2 images']);
    expect([1, 3].map((count) => counted(count, 'class', 'classes'))).toEqual(['1 class', '3 classes']);
  });

  it('name the parts of a network', () => {
    expect(describeNetwork({ ...tinyVit, depth: 1 })).toBe('ViT, width 16, 1 block, 2 heads, patches of 8');
  });
});
