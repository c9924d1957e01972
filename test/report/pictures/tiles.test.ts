import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Image } from '../../../src/image/image.ts';
import { heatColors } from '../../../src/report/pictures/colormap.ts';
import { attentionExample } from '../../../src/report/pictures/pictures.ts';
import { encodePng } from '../../../src/report/pictures/png.ts';
import { brightestValue, heatTile, maskOverlay } from '../../../src/report/pictures/tiles.ts';

/** OKLab lightness of an 8-bit sRGB color. */
function lightness(red: number, green: number, blue: number): number {
  const [r = 0, g = 0, b = 0] = [red, green, blue].map((value) => {
    const v = value / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  return (
    0.2104542553 * Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) +
    0.793617785 * Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) -
    0.0040720468 * Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  );
}

const color = (i: number) => [...heatColors.subarray(3 * i, 3 * i + 3)];

describe('the color map', () => {
  it('rises in lightness in equal steps from 0.16 to 0.97', () => {
    for (let i = 0; i < 256; i++) {
      const [red = 0, green = 0, blue = 0] = color(i);
      expect(lightness(red, green, blue)).toBeCloseTo(0.16 + (0.81 * i) / 255, 1.9);
    }
  });

  it('has no jumps: neighboring colors differ by a few levels', () => {
    for (let i = 3; i < heatColors.length; i++)
      expect(Math.abs(heatColors[i]! - heatColors[i - 3]!)).toBeLessThan(13);
  });
});

describe('heat tiles', () => {
  it('color 0 darkest, the top and above brightest, half of it in the middle and NaN gray', () => {
    const tile = heatTile(new Float32Array([0, 1, 2, 4, Number.NaN, -1]), 2, 3, 2);
    expect([tile.width, tile.height]).toEqual([3, 2]);
    expect([...tile.data]).toEqual(
      [color(0), color(128), color(255), color(255), [128, 128, 128], color(0)].flat(),
    );
  });

  it('enlarge patches to squares', () => {
    const tile = heatTile(new Float32Array([0, 1]), 1, 2, 1, 2);
    expect([tile.width, tile.height]).toEqual([4, 2]);
    const row = [color(0), color(0), color(255), color(255)].flat();
    expect([...tile.data]).toEqual([...row, ...row]);
  });

  it('are dark when everything is zero, and refuse a map of the wrong size', () => {
    expect([...heatTile(new Float32Array(1), 1, 1, 0).data]).toEqual(color(0));
    expect(() => heatTile(new Float32Array(3), 2, 2, 1)).toThrow(
      'A map of 3 values does not fill 2 x 2 patches.',
    );
  });

  it('take the 98th percentile of all maps as the brightest value', () => {
    const values = Float32Array.from({ length: 100 }, (_, i) => (i * 37) % 100);
    expect(brightestValue([values.subarray(0, 50), values.subarray(50)])).toBe(97);
    expect(brightestValue([new Float32Array([Number.NaN, 3])])).toBe(3);
    expect(brightestValue([])).toBe(0);
  });
});

describe('mask overlays', () => {
  it('keep the image under the mask and darken it to gray elsewhere', () => {
    const image: Image = {
      width: 2,
      height: 2,
      channels: 3,
      data: new Uint8Array([200, 100, 50, 10, 20, 30, 255, 255, 255, 1, 2, 3]),
    };
    const overlay = maskOverlay(image, new Uint8Array([0, 1]), 1, 2);
    const gray = Math.floor(0.3 * (0.299 * 200 + 0.587 * 100 + 0.114 * 50));
    expect([...overlay.data]).toEqual([gray, gray, gray, 10, 20, 30, 76, 76, 76, 1, 2, 3]);
  });

  it('take gray images and refuse a mask of the wrong size', () => {
    const image: Image = { width: 2, height: 1, channels: 1, data: new Uint8Array([100, 200]) };
    expect([...maskOverlay(image, new Uint8Array([1, 0]), 1, 2).data]).toEqual([100, 100, 100, 60, 60, 60]);
    expect(() => maskOverlay(image, new Uint8Array(3), 2, 2)).toThrow(
      'A mask of 3 values does not fill 2 x 2 patches.',
    );
  });
});

describe('PNG files', () => {
  it('decode to the same pixels, whatever the size and content', async () => {
    const images = fc
      .record({
        width: fc.integer({ min: 1, max: 20 }),
        height: fc.integer({ min: 1, max: 20 }),
        channels: fc.constantFrom(1 as const, 3 as const),
      })
      .chain((size) => {
        const length = size.width * size.height * size.channels;
        return fc.uint8Array({ minLength: length, maxLength: length }).map((data) => ({ ...size, data }));
      });
    await fc.assert(
      fc.asyncProperty(images, async (image) => {
        const { data, info } = await sharp(await encodePng(image))
          .raw()
          .toBuffer({ resolveWithObject: true });
        const channels = info.channels;
        expect([info.width, info.height]).toEqual([image.width, image.height]);
        const pixels = Array.from(
          { length: image.data.length },
          (_, i) => data[Math.floor(i / image.channels) * channels + (i % image.channels)],
        );
        expect(pixels).toEqual([...image.data]);
      }),
      { numRuns: 40 },
    );
  });

  it('are small where the filters help: a slope costs almost nothing', async () => {
    const data = Uint8Array.from(
      { length: 64 * 64 * 3 },
      (_, i) => (Math.floor(i / 3) % 64) * 3 + Math.floor(i / 192),
    );
    expect((await encodePng({ width: 64, height: 64, channels: 3, data })).length).toBeLessThan(400);
  });

  it('refuse an image whose data do not fill it', async () => {
    await expect(encodePng({ width: 2, height: 2, channels: 3, data: new Uint8Array(11) })).rejects.toThrow(
      'An image of 11 bytes cannot be 2 x 2 with 3 channels.',
    );
  });
});

describe('attention examples', () => {
  it('hold a tile for each head and moment, on one color scale a head, and the last masks', async () => {
    const encoded: Image[] = [];
    const record = (image: Image) => {
      encoded.push(image);
      return new Uint8Array([encoded.length]);
    };
    const image: Image = { width: 1, height: 1, channels: 1, data: new Uint8Array([100]) };
    const example = await attentionExample(
      {
        image,
        name: 'a.png',
        heads: 2,
        rows: 1,
        columns: 2,
        moments: [
          { step: 0, maps: new Float32Array([0, 1, 0, 8]) },
          { step: 5, maps: new Float32Array([2, 0, 4, 4]) },
        ],
        masks: new Uint8Array([1, 0, 0, 1]),
      },
      record,
    );
    expect(example.steps).toEqual([0, 5]);
    expect(example.heads.map(({ maps, mask }) => [maps.length, mask?.width])).toEqual([
      [2, 1],
      [2, 1],
    ]);
    const shown = (head: number, moment: number) => [
      ...encoded[example.heads[head]!.maps[moment]!.bytes[0]! - 1]!.data,
    ];
    expect(shown(0, 0)).toEqual([color(0), color(128)].flat());
    expect(shown(0, 1)).toEqual([color(255), color(0)].flat());
    expect(shown(1, 1)).toEqual([color(128), color(128)].flat());
    expect(example).not.toHaveProperty('label');
    expect(example.heads.map(({ name }) => name)).toEqual(['head 1', 'head 2']);
    expect(example.others).toEqual([]);
  });

  it('keep the heads that are not shown, under their own names', async () => {
    const image: Image = { width: 1, height: 1, channels: 1, data: new Uint8Array([100]) };
    const moments = [{ step: 0, maps: new Float32Array([0.1, 0.2, 0.3, 0.4]) }];
    const example = await attentionExample(
      { image, name: 'a.png', heads: 4, shown: [2, 0], rows: 1, columns: 1, moments },
      () => new Uint8Array(1),
    );
    const names = (rows: typeof example.heads) => rows.map(({ name }) => name);
    expect([names(example.heads), names(example.others)]).toEqual([
      ['head 3', 'head 1'],
      ['head 2', 'head 4'],
    ]);
  });
});
