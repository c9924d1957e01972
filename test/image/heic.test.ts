import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decode, imageSize } from '../../src/image/decode-node.ts';

/** 48 x 32 pixels in quarters of red and green over blue and near white, made with libheif's heif-enc (x265, quality 80). */
const file = readFileSync(fileURLToPath(new URL('quarters.heic', import.meta.url)));

describe('a HEIC file', () => {
  it('gives its pixels, whatever it is called', async () => {
    expect(await imageSize(file, 'a')).toMatchObject({ width: 48, height: 32 });
    const { width, height, data } = await decode(file, 'photo.jpg', 3);
    expect([width, height]).toEqual([48, 32]);
    const at = (x: number, y: number): number[] => [...data.subarray(3 * (y * 48 + x), 3 * (y * 48 + x) + 3)];
    for (const [x, y, wanted] of [
      [8, 8, [200, 40, 40]],
      [40, 8, [40, 180, 60]],
      [8, 24, [50, 60, 200]],
      [40, 24, [230, 230, 230]],
    ] as const)
      expect(Math.max(...at(x, y).map((level, c) => Math.abs(level - wanted[c]!)))).toBeLessThanOrEqual(6);
  });

  it('is shrunk, made gray, and refused by name where it is cut off', async () => {
    const small = await decode(file, 'a', 1, { shortSide: 16 });
    expect([small.width, small.height, small.channels]).toEqual([24, 16, 1]);
    await expect(decode(file.subarray(0, 600), 'IMG_1.HEIC', 3)).rejects.toThrow(
      /^IMG_1\.HEIC cannot be decoded \(/,
    );
  });
});
