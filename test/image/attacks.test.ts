import { describe, expect, it } from 'vitest';
import { blurBy, cropAway, rotate, writeOver } from '../../src/image/attacks.ts';
import type { Image } from '../../src/image/image.ts';
import { jpegCopy } from '../../src/image/jpeg-node.ts';
import { Random } from '../../src/random/random.ts';

/** Every pixel differs. */
function ramp(width: number, height: number, channels: 1 | 3 = 1): Image {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 7) % 256);
  return { width, height, channels, data };
}

function meanDifference(a: Image, b: Image): number {
  return a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;
}

describe('attacks on images', () => {
  it('cut away the share of the surface that they say, and keep the pixels of the rest', () => {
    const image = ramp(100, 60);
    const cut = cropAway(image, 0.75, new Random(1, 'crop'));
    expect([cut.width, cut.height]).toEqual([50, 30]);
    const offsets = Array.from({ length: 51 * 31 }, (_, i) => [i % 51, Math.floor(i / 51)] as const);
    const places = offsets.filter(([left, top]) =>
      [0, 29].every((y) =>
        [0, 49].every((x) => cut.data[y * 50 + x] === image.data[(top + y) * 100 + left + x]),
      ),
    );
    expect(places.length).toBeGreaterThan(0);
    expect(cropAway(image, 0.75, new Random(1, 'crop'))).toEqual(cut);
    expect(cropAway(image, 0, new Random(1, 'crop'))).toEqual(image);
    expect(cropAway(ramp(1, 1), 0.8, new Random(1, 'crop')).data).toHaveLength(1);
    expect(() => cropAway(image, 1, new Random(1, 'crop'))).toThrow('1 of an image cannot be cut away');
  });

  it('turn by 90 degrees to exactly the pixels that belong there, and by 360 to the image itself', () => {
    const image = ramp(5, 5, 3);
    const turned = rotate(image, 90);
    for (let y = 0; y < 5; y++)
      for (let x = 0; x < 5; x++)
        for (let c = 0; c < 3; c++)
          expect(turned.data[(y * 5 + x) * 3 + c]).toBe(image.data[(x * 5 + (4 - y)) * 3 + c]);
    expect(rotate(image, 360).data).toEqual(image.data);
    expect(rotate(image, 0).data).toEqual(image.data);
    const white: Image = { width: 20, height: 10, channels: 1, data: new Uint8Array(200).fill(255) };
    const tilted = rotate(white, 45);
    expect(tilted.data[0]).toBe(0); // a corner comes from outside
    expect(tilted.data[5 * 20 + 10]).toBe(255);
  });

  it('blur more the larger the share, and the same whatever the resolution', () => {
    const image = ramp(64, 64);
    const [little, much] = [blurBy(image, 0.01), blurBy(image, 0.06)];
    expect(meanDifference(image, much)).toBeGreaterThan(meanDifference(image, little));
  });

  it('write white letters with a black edge, and leave an image alone that is too small for them', () => {
    const gray: Image = { width: 120, height: 80, channels: 3, data: new Uint8Array(28800).fill(128) };
    const written = writeOver(gray, 0.8, new Random(2, 'text'));
    const count = (value: number) => written.data.filter((each) => each === value).length / 3;
    // C 13, O 16, P 15, Y 10 cells of 3 x 3 pixels each.
    expect(count(255)).toBe((13 + 16 + 15 + 10) * 9);
    expect(count(0)).toBeGreaterThan(0);
    expect(count(0) + count(128) + count(255)).toBe(9600);
    const small = ramp(12, 12);
    expect(writeOver(small, 0.8, new Random(2, 'text'))).toEqual(small);
  });

  it('compress in color and in gray, the more the lower the quality', async () => {
    for (const channels of [1, 3] as const) {
      const image = ramp(40, 32, channels);
      const [fine, coarse] = [await jpegCopy(image, 95), await jpegCopy(image, 5)];
      expect([fine.width, fine.height, fine.channels]).toEqual([40, 32, channels]);
      expect(meanDifference(image, coarse)).toBeGreaterThan(meanDifference(image, fine));
    }
  });
});
