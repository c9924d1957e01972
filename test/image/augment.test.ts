import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  applyView,
  augment,
  type CropRecipe,
  dinoAugmentation,
  drawView,
  type ViewKind,
  type ViewOp,
  viewSizes,
} from '../../src/image/augment.ts';
import type { Image } from '../../src/image/image.ts';
import { imagenetStatistics, normalizationTable, normalize } from '../../src/image/normalize.ts';
import { Random } from '../../src/random/random.ts';
import { boxSchema, difference, imageOf, numbersOf, readFixture } from './fixtures.ts';

/** The fixture's operations as ours. */
const opSchema: z.ZodType<ViewOp> = z.union([
  z
    .object({
      op: z.literal('resized_crop'),
      box: boxSchema,
      size: z.tuple([z.number(), z.number()]),
      interpolation: z.literal('bicubic'),
    })
    .transform(
      ({ box, size: [height, width], interpolation }): ViewOp => ({
        op: 'resizedCrop',
        box,
        height,
        width,
        interpolation,
      }),
    ),
  z.object({ op: z.literal('hflip') }).transform((): ViewOp => ({ op: 'flip' })),
  z.object({ op: z.literal('grayscale') }),
  z.object({ op: z.enum(['brightness', 'contrast', 'saturation', 'hue']), factor: z.number() }),
  z
    .object({ op: z.literal('gaussian_blur'), radius: z.number() })
    .transform(({ radius }): ViewOp => ({ op: 'blur', radius })),
  z.object({ op: z.literal('solarize'), threshold: z.number() }),
]);
const schema = z.object({
  views: z.array(
    z.object({ image: z.string(), ops: z.array(opSchema), out: z.string(), normalized: z.string() }),
  ),
});

const small: CropRecipe = { ...dinoAugmentation, globalSize: 32, localSize: 16, localCrops: 4 };

function noise(width: number, height: number, channels: 1 | 3): Image {
  const random = new Random(1, 'noise', width, height);
  const data = Uint8Array.from({ length: width * height * channels }, () => random.integer(256));
  return { width, height, channels, data };
}

function views(image: Image, recipe: CropRecipe, random: Random): Uint8Array {
  const bytes = viewSizes(recipe).reduce((sum, size) => sum + size * size * recipe.channels, 0);
  const out = new Uint8Array(bytes);
  augment(image, recipe, random, out);
  return out;
}

describe('the official augmentation', () => {
  it('gives the official bytes and the official float32 numbers for the operations that it drew', () => {
    const { tensors, config } = readFixture('augment_pipeline', schema);
    const table = normalizationTable(imagenetStatistics);
    expect(config.views.length).toBeGreaterThan(50);
    for (const { image, ops, out, normalized } of config.views) {
      const view = applyView(imageOf(tensors, image), ops);
      expect(difference(view, imageOf(tensors, out)), out).toBe(0);
      const numbers = new Float32Array(view.data.length);
      normalize(view, table, numbers);
      expect(Array.from(numbers), normalized).toEqual(numbersOf(tensors, normalized));
    }
  });
});

describe('drawn views', () => {
  it('have the official sizes in order', () => {
    expect(viewSizes(dinoAugmentation)).toEqual([224, 224, 96, 96, 96, 96, 96, 96, 96, 96]);
    expect(viewSizes(small)).toEqual([32, 32, 16, 16, 16, 16]);
  });

  it.each<[ViewKind, number, number]>([
    ['global1', 1, 0],
    ['global2', 0.1, 0.2],
    ['local', 0.5, 0],
  ])('of kind %s have each operation as often as officially', (kind, blur, solarize) => {
    const draws = 20000;
    const counts = new Map<string, number>();
    let firstBrightness = 0;
    for (let i = 0; i < draws; i++) {
      const ops = drawView(new Random(3, kind, i), kind, 100, 120, dinoAugmentation);
      for (const { op } of ops) counts.set(op, (counts.get(op) ?? 0) + 1);
      if (
        ops.find(({ op }) => ['brightness', 'contrast', 'saturation', 'hue'].includes(op))?.op ===
        'brightness'
      ) {
        firstBrightness++;
      }
    }
    const wanted = {
      resizedCrop: 1,
      flip: 0.5,
      brightness: 0.8,
      contrast: 0.8,
      saturation: 0.8,
      hue: 0.8,
      grayscale: 0.2,
      blur,
      solarize,
    };
    for (const [op, p] of Object.entries(wanted)) {
      const error = Math.abs((counts.get(op) ?? 0) / draws - p);
      expect(error, op).toBeLessThanOrEqual(4 * Math.sqrt((p * (1 - p)) / draws));
    }
    expect(Math.abs(firstBrightness / draws - 0.2)).toBeLessThan(4 * Math.sqrt(0.16 / draws));
  });

  it('have factors and radii that fill the official ranges', () => {
    const seen = new Map<string, { least: number; most: number }>();
    const note = (name: string, value: number): void => {
      const { least, most } = seen.get(name) ?? { least: value, most: value };
      seen.set(name, { least: Math.min(least, value), most: Math.max(most, value) });
    };
    for (let i = 0; i < 5000; i++) {
      for (const op of drawView(new Random(4, 'ranges', i), 'global1', 64, 64, dinoAugmentation)) {
        if ('factor' in op) note(op.op, op.factor);
        if ('radius' in op) note('radius', op.radius);
      }
    }
    const ranges = {
      brightness: [0.6, 1.4],
      contrast: [0.6, 1.4],
      saturation: [0.8, 1.2],
      hue: [-0.1, 0.1],
      radius: [0.1, 2],
    };
    for (const [name, [low = 0, high = 0]] of Object.entries(ranges)) {
      const { least, most } = seen.get(name)!;
      const margin = (high - low) / 200;
      expect(least, name).toBeGreaterThanOrEqual(Math.fround(low));
      expect(least, name).toBeLessThan(low + margin);
      expect(most, name).toBeLessThanOrEqual(Math.fround(high));
      expect(most, name).toBeGreaterThan(high - margin);
    }
  });

  it('are what augment writes, one after the other', () => {
    const image = noise(70, 50, 3);
    const out = views(image, small, new Random(5, 'augment', 0, 7));
    const random = new Random(5, 'augment', 0, 7);
    let offset = 0;
    for (const kind of ['global1', 'global2', 'local', 'local', 'local', 'local'] as const) {
      const view = applyView(image, drawView(random, kind, 50, 70, small));
      expect(out.subarray(offset, offset + view.data.length), kind).toEqual(view.data);
      offset += view.data.length;
    }
    expect(offset).toBe(out.length);
  });

  it('depend on the stream and on nothing else', () => {
    const image = noise(70, 50, 3);
    const first = views(image, small, new Random(5, 'augment', 0, 7));
    views(noise(300, 200, 3), small, new Random(5, 'augment', 0, 8));
    expect(views(image, small, new Random(5, 'augment', 0, 7))).toEqual(first);
    expect(views(image, small, new Random(5, 'augment', 0, 8))).not.toEqual(first);
  });

  it('of gray images leave out saturation, hue and grayscale', () => {
    const gray: CropRecipe = { ...small, channels: 1 };
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      for (const { op } of drawView(new Random(6, 'gray', i), 'global2', 40, 40, gray)) seen.add(op);
    }
    expect([...seen].sort()).toEqual(['blur', 'brightness', 'contrast', 'flip', 'resizedCrop', 'solarize']);
    expect(new Set(views(noise(33, 47, 1), gray, new Random(6, 'gray'))).size).toBeGreaterThan(100);
  });

  it('of an image with the wrong number of channels are refused', () => {
    expect(() => augment(noise(8, 8, 1), small, new Random(0, 'x'), new Uint8Array(10))).toThrow(
      "The recipe is for 3 channels, the image has 1: decode images to the recipe's channels.",
    );
  });
});
