import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resamplePlain } from '../../parity/resample-plain.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  solarize,
  toGrayscale,
} from '../../src/image/color.ts';
import { flip } from '../../src/image/flip.ts';
import { gaussianBlur } from '../../src/image/gaussian-blur.ts';
import { adjustHue } from '../../src/image/hue.ts';
import type { Image } from '../../src/image/image.ts';
import { axisWeights, type Interpolation } from '../../src/image/resample.ts';
import { centerCrop, resizedCenter, resizeShortSide } from '../../src/image/resize.ts';
import { Workbench, workbench } from '../../src/image/workbench.ts';
import { Random } from '../../src/random/random.ts';
import { difference } from './fixtures.ts';

const bench = new Workbench();
const channels = fc.constantFrom<1 | 3>(1, 3);
const side = fc.integer({ min: 1, max: 70 });

/** Noise, with flat stretches in it so that gray and saturated pixels occur. */
function noise(width: number, height: number, channels: 1 | 3, seed: number): Image {
  const random = new Random(seed, 'noise');
  const data = Uint8Array.from({ length: width * height * channels }, () => {
    const value = random.integer(384);
    return value < 256 ? value : value < 320 ? 0 : 255;
  });
  return { width, height, channels, data };
}

const images = fc
  .record({ width: side, height: side, channels, seed: fc.nat() })
  .map(({ width, height, channels, seed }) => noise(width, height, channels, seed));

/** The fast path's change of a whole image. */
function fast(image: Image, change: () => void): Image {
  bench.load(image);
  bench.wholeImage();
  change();
  return bench.view();
}

describe('the fast path gives the bytes of the plain definitions', () => {
  it('when it resamples boxes', () => {
    const filters = fc.constantFrom<Interpolation>('bilinear', 'bicubic', 'lanczos');
    fc.assert(
      fc.property(images, filters, side, side, fc.nat(), (image, filter, height, width, seed) => {
        const random = new Random(seed, 'box');
        const box = {
          height: 1 + random.integer(image.height),
          width: 1 + random.integer(image.width),
          top: 0,
          left: 0,
        };
        box.top = random.integer(image.height - box.height + 1);
        box.left = random.integer(image.width - box.width + 1);
        const rows = Array.from({ length: box.height }, (_, y) => {
          const from = ((box.top + y) * image.width + box.left) * image.channels;
          return [...image.data.subarray(from, from + box.width * image.channels)];
        });
        const cut: Image = {
          width: box.width,
          height: box.height,
          channels: image.channels,
          data: Uint8Array.from(rows.flat()),
        };
        bench.load(image);
        bench.resizedCrop(box, height, width, filter);
        const across = axisWeights(box.width, width, filter);
        const down = axisWeights(box.height, height, filter);
        expect(difference(bench.view(), resamplePlain(cut, across, down))).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('when it recolors and flips', () => {
    const factor = fc.double({ min: 0, max: 3, noNaN: true });
    fc.assert(
      fc.property(images, factor, fc.double({ min: -0.5, max: 0.5, noNaN: true }), (image, f, h) => {
        expect(
          difference(
            fast(image, () => bench.flip()),
            flip(image),
          ),
          'flip',
        ).toBe(0);
        expect(
          difference(
            fast(image, () => bench.brightness(f)),
            adjustBrightness(image, f),
          ),
          'brightness',
        ).toBe(0);
        expect(
          difference(
            fast(image, () => bench.contrast(f)),
            adjustContrast(image, f),
          ),
          'contrast',
        ).toBe(0);
        expect(
          difference(
            fast(image, () => bench.saturation(f)),
            adjustSaturation(image, f),
          ),
          'saturation',
        ).toBe(0);
        expect(
          difference(
            fast(image, () => bench.hue(h)),
            adjustHue(image, h),
          ),
          'hue',
        ).toBe(0);
        expect(
          difference(
            fast(image, () => bench.grayscale()),
            toGrayscale(image),
          ),
          'grayscale',
        ).toBe(0);
        expect(
          difference(
            fast(image, () => bench.solarize(99)),
            solarize(image, 99),
          ),
          'solarize',
        ).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('when it blurs, with wide blurs too', () => {
    const radius = fc.oneof(
      fc.double({ min: 0.05, max: 3, noNaN: true }),
      fc.double({ min: 3, max: 90, noNaN: true }),
    );
    fc.assert(
      fc.property(images, radius, (image, r) => {
        expect(
          difference(
            fast(image, () => bench.blur(r)),
            gaussianBlur(image, r),
          ),
        ).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('for every hue, saturation and value, at every shift', () => {
    // Of the colors with a given largest sample all ranges and, in each sextant, all middle samples.
    const data: number[] = [];
    for (const value of [1, 2, 3, 84, 255]) {
      for (let least = 0; least <= value; least++) {
        for (let middle = least; middle <= value; middle += value > 100 ? 5 : 1) {
          data.push(value, middle, least, value, least, middle, least, value, middle);
          data.push(middle, value, least, middle, least, value, least, middle, value);
        }
      }
    }
    const image: Image = { width: data.length / 3, height: 1, channels: 3, data: Uint8Array.from(data) };
    for (let shift = -127; shift <= 127; shift += 14) {
      const factor = shift / 254.9;
      expect(
        difference(
          fast(image, () => bench.hue(factor)),
          adjustHue(image, factor),
        ),
        `${factor}`,
      ).toBe(0);
    }
  });
});

describe('a workbench', () => {
  it('cuts several views from one image, whatever happened to the view before', () => {
    const image = noise(60, 45, 3, 1);
    const box = { top: 3, left: 5, height: 31, width: 40 };
    bench.load(image);
    bench.resizedCrop(box, 24, 24, 'bicubic');
    const first = bench.view();
    bench.resizedCrop({ top: 0, left: 0, height: 45, width: 60 }, 64, 64, 'bicubic');
    bench.blur(2);
    bench.solarize(128);
    bench.resizedCrop(box, 24, 24, 'bicubic');
    expect(difference(bench.view(), first)).toBe(0);
  });

  it('takes images that are larger than its memory', () => {
    const fresh = new Workbench();
    const image = noise(400, 300, 3, 2);
    fresh.load(image);
    fresh.wholeImage();
    expect(difference(fresh.view(), image)).toBe(0);
  });

  it('refuses boxes that leave the image', () => {
    bench.load(noise(10, 10, 3, 3));
    expect(() => bench.resizedCrop({ top: 4, left: 0, height: 7, width: 10 }, 8, 8, 'bicubic')).toThrow(
      'A box of 7 x 10 at (4, 0) leaves the image of 10 x 10: keep it inside.',
    );
  });
});

describe('the center of a resized image', () => {
  it('is that of the whole resized image, to the byte, in any shape', () => {
    fc.assert(
      fc.property(
        side,
        side,
        channels,
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (width, height, c, size, seed) => {
          const image = noise(width, height, c, seed);
          for (const short of [size, Math.round((size * 8) / 7), Math.max(1, size - 3)]) {
            const whole = centerCrop(resizeShortSide(image, short, 'bicubic'), size, size);
            expect(resizedCenter(image, short, size, 'bicubic')).toEqual(whole);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('costs little for an image that is all width, which as a whole is refused in a sentence', () => {
    const line = noise(200_000, 2, 3, 1);
    const before = workbench().bytes;
    expect(resizedCenter(line, 73, 64, 'bicubic')).toMatchObject({ width: 64, height: 64 });
    expect(workbench().bytes - before).toBeLessThan(2 ** 24);
    expect(() => resizeShortSide(line, 256, 'bicubic')).toThrow(
      /An image of 200000 x 2 pixels needs \d+ MiB/,
    );
  });
});
