import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { resamplePlain } from '../../parity/resample-plain.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  jitter,
  jitterSteps,
  solarize,
  toGrayscale,
} from '../../src/image/color.ts';
import { flip } from '../../src/image/flip.ts';
import { gaussianBlur } from '../../src/image/gaussian-blur.ts';
import { adjustHue } from '../../src/image/hue.ts';
import type { Image } from '../../src/image/image.ts';
import { imagenetStatistics, normalizationTable, normalize } from '../../src/image/normalize.ts';
import { axisWeights } from '../../src/image/resample.ts';
import {
  centerCrop,
  resize,
  resizedCenter,
  resizedCrop,
  resizeShortSide,
  thumbnail,
} from '../../src/image/resize.ts';
import { Workbench } from '../../src/image/workbench.ts';
import { boxSchema, difference, imageOf, numbersOf, readFixture } from './fixtures.ts';

const interpolation = z.enum(['bilinear', 'bicubic']);
const pair = z.tuple([z.number(), z.number()]);
const plain = z.object({ image: z.string(), out: z.string() });
const adjusted = plain.extend({ factor: z.number() });
const jitterCase = plain.extend({
  order: z.array(z.number().int().min(0).max(3)),
  brightness: z.number(),
  contrast: z.number(),
  saturation: z.number(),
  hue: z.number(),
});
const schema = z.object({
  mean: z.array(z.number()),
  std: z.array(z.number()),
  cases: z.object({
    resized_crop: z.array(plain.extend({ box: boxSchema, size: pair, interpolation })),
    resize_exact: z.array(plain.extend({ size: pair, interpolation })),
    resize_center_crop: z.array(plain.extend({ size: z.number(), crop: z.number(), interpolation })),
    center_crop_pad: z.array(plain.extend({ crop: z.number() })),
    thumbnail: z.array(plain.extend({ size: z.number() })),
    hflip: z.array(plain),
    brightness: z.array(adjusted),
    contrast: z.array(adjusted),
    saturation: z.array(adjusted),
    hue: z.array(adjusted),
    jitter: z.array(jitterCase),
    grayscale: z.array(plain),
    gaussian_blur: z.array(plain.extend({ radius: z.number() })),
    solarize: z.array(plain.extend({ threshold: z.number() })),
    normalize: z.array(plain),
  }),
});

const { tensors, config } = readFixture('augment_ops', schema);
const { cases } = config;
const bench = new Workbench();

/** Compares every case of an operation with what the official code stored. */
function check<T extends z.infer<typeof plain>>(
  all: readonly T[],
  compute: (image: Image, c: T) => Image,
): void {
  expect(all.length).toBeGreaterThan(0);
  for (const c of all) {
    expect(difference(compute(imageOf(tensors, c.image), c), imageOf(tensors, c.out)), c.out).toBe(0);
  }
}

/** The view that the fast path makes of a whole image. */
function fast(image: Image, change: () => void): Image {
  bench.load(image);
  bench.wholeImage();
  change();
  return bench.view();
}

describe('the official transforms, byte for byte', () => {
  it('a resized crop cuts first and then resizes', () => {
    check(cases.resized_crop, (image, c) => resizedCrop(image, c.box, c.size[0], c.size[1], c.interpolation));
  });

  it('the plain definition of resampling gives the official bytes too', () => {
    check(cases.resize_exact, (image, { size: [height, width], interpolation }) =>
      resamplePlain(
        image,
        axisWeights(image.width, width, interpolation),
        axisWeights(image.height, height, interpolation),
      ),
    );
  });

  it('resizing to an exact size ignores the aspect ratio', () => {
    check(cases.resize_exact, (image, c) => resize(image, c.size[0], c.size[1], c.interpolation));
  });

  it('resizing the short side truncates the long one, and a center crop rounds halves to even', () => {
    for (const c of cases.resize_center_crop) {
      const resized = resizeShortSide(imageOf(tensors, c.image), c.size, c.interpolation);
      expect(difference(resized, imageOf(tensors, `${c.out}/resized`)), `${c.out}/resized`).toBe(0);
      expect(difference(centerCrop(resized, c.crop, c.crop), imageOf(tensors, c.out)), c.out).toBe(0);
      const atOnce = resizedCenter(imageOf(tensors, c.image), c.size, c.crop, c.interpolation);
      expect(difference(atOnce, imageOf(tensors, c.out)), `${c.out} at once`).toBe(0);
    }
  });

  it('a center crop larger than the image surrounds it with zeros', () => {
    check(cases.center_crop_pad, (image, c) => centerCrop(image, c.crop, c.crop));
  });

  it('a thumbnail keeps the aspect ratio and averages before it resamples', () => {
    check(cases.thumbnail, (image, c) => thumbnail(image, c.size));
  });

  it('a flip reverses the columns', () => {
    check(cases.hflip, flip);
    check(cases.hflip, (image) => fast(image, () => bench.flip()));
  });

  it('brightness multiplies and truncates', () => {
    check(cases.brightness, (image, c) => adjustBrightness(image, c.factor));
    check(cases.brightness, (image, c) => fast(image, () => bench.brightness(c.factor)));
  });

  it('contrast blends with the rounded mean luma', () => {
    check(cases.contrast, (image, c) => adjustContrast(image, c.factor));
    check(cases.contrast, (image, c) => fast(image, () => bench.contrast(c.factor)));
  });

  it('saturation blends with the luma of each pixel', () => {
    check(cases.saturation, (image, c) => adjustSaturation(image, c.factor));
    check(cases.saturation, (image, c) => fast(image, () => bench.saturation(c.factor)));
  });

  it('hue goes through the 8-bit HSV of PIL', () => {
    check(cases.hue, (image, c) => adjustHue(image, c.factor));
    check(cases.hue, (image, c) => fast(image, () => bench.hue(c.factor)));
  });

  it('a jitter does its four steps in the drawn order', () => {
    const order = (c: z.infer<typeof jitterCase>) => c.order.map((i) => jitterSteps[i]!);
    check(cases.jitter, (image, c) => jitter(image, order(c), c));
    check(cases.jitter, (image, c) =>
      fast(image, () => {
        for (const step of order(c)) bench[step](c[step]);
      }),
    );
  });

  it('grayscale is the luma in three channels', () => {
    check(cases.grayscale, toGrayscale);
    check(cases.grayscale, (image) => fast(image, () => bench.grayscale()));
  });

  it('a blur is three extended box passes an axis', () => {
    check(cases.gaussian_blur, (image, c) => gaussianBlur(image, c.radius));
    check(cases.gaussian_blur, (image, c) => fast(image, () => bench.blur(c.radius)));
  });

  it('solarize inverts the levels from the threshold on', () => {
    check(cases.solarize, (image, c) => solarize(image, c.threshold));
    check(cases.solarize, (image, c) => fast(image, () => bench.solarize(c.threshold)));
  });

  it('normalization gives exactly the float32 numbers, at any offset', () => {
    expect(imagenetStatistics).toEqual({ mean: config.mean, std: config.std });
    const table = normalizationTable(imagenetStatistics);
    for (const c of cases.normalize) {
      const image = imageOf(tensors, c.image);
      const out = new Float32Array(image.data.length + 5);
      normalize(image, table, out, 5);
      expect(Array.from(out.subarray(5)), c.out).toEqual(numbersOf(tensors, c.out));
    }
  });
});
