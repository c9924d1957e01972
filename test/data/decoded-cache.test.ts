import { describe, expect, it } from 'vitest';
import { allocateCache, DecodedCache } from '../../src/data/decoded-cache.ts';
import type { Image } from '../../src/image/image.ts';

function image(width: number, height: number, level: number): Image {
  return { width, height, channels: 3, data: new Uint8Array(width * height * 3).fill(level) };
}

describe('DecodedCache', () => {
  it('gives back what was put in, to every user of its memory', () => {
    const buffers = allocateCache(3, 10_000, 3);
    const cache = new DecodedCache(buffers);
    expect(cache.get(1)).toBeUndefined();
    cache.put(1, image(5, 3, 7));
    cache.put(0, image(2, 2, 9));
    const elsewhere = new DecodedCache(buffers);
    expect(elsewhere.get(1)).toEqual(image(5, 3, 7));
    expect(elsewhere.get(0)).toEqual(image(2, 2, 9));
    expect(elsewhere.get(2)).toBeUndefined();
  });

  it('keeps what came first and holds no more than its budget', () => {
    const cache = new DecodedCache(allocateCache(4, 160, 3));
    cache.put(0, image(5, 5, 1)); // 75 bytes, 80 with padding
    cache.put(0, image(5, 5, 2));
    cache.put(1, image(6, 5, 3)); // 90 bytes: no room
    cache.put(2, image(5, 5, 4)); // fits what is left
    cache.put(3, image(1, 1, 5));
    expect(cache.get(0)).toEqual(image(5, 5, 1));
    expect(cache.get(1)).toBeUndefined();
    expect(cache.get(2)).toEqual(image(5, 5, 4));
    expect(cache.get(3)).toBeUndefined();
  });

  it('remembers bad files', () => {
    const buffers = allocateCache(2, 0, 1);
    new DecodedCache(buffers).markBad(1);
    expect(new DecodedCache(buffers).isBad(1)).toBe(true);
    expect(new DecodedCache(buffers).isBad(0)).toBe(false);
    expect(new DecodedCache(buffers).get(1)).toBeUndefined();
  });
});
