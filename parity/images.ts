/** Fixtures augment_ops and augment_pipeline: images byte for byte, normalized pixels bit for bit. */
import { z } from 'zod';
import { applyView, type ViewOp } from '../src/image/augment.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  jitter,
  jitterSteps,
  solarize,
  toGrayscale,
} from '../src/image/color.ts';
import { flip } from '../src/image/flip.ts';
import { gaussianBlur } from '../src/image/gaussian-blur.ts';
import { adjustHue } from '../src/image/hue.ts';
import type { Box, Image } from '../src/image/image.ts';
import { normalizationTable, normalize } from '../src/image/normalize.ts';
import { axisWeights } from '../src/image/resample.ts';
import { centerCrop, resize, resizedCrop, resizeShortSide, thumbnail } from '../src/image/resize.ts';
import { Workbench } from '../src/image/workbench.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { resamplePlain } from './resample-plain.ts';

/** `[top, left, height, width]` as stored. */
export const boxSchema = z
  .tuple([z.number(), z.number(), z.number(), z.number()])
  .transform(([top, left, height, width]): Box => ({ top, left, height, width }));

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
const opsSchema = z.object({
  mean: z.array(z.number()),
  std: z.array(z.number()),
  cases: z.object({
    resized_crop: z.array(plain.extend({ box: boxSchema, size: pair, interpolation })).default([]),
    resize_exact: z.array(plain.extend({ size: pair, interpolation })).default([]),
    resize_center_crop: z
      .array(plain.extend({ size: z.number(), crop: z.number(), interpolation }))
      .default([]),
    center_crop_pad: z.array(plain.extend({ crop: z.number() })).default([]),
    thumbnail: z.array(plain.extend({ size: z.number() })).default([]),
    hflip: z.array(plain).default([]),
    brightness: z.array(adjusted).default([]),
    contrast: z.array(adjusted).default([]),
    saturation: z.array(adjusted).default([]),
    hue: z.array(adjusted).default([]),
    jitter: z.array(jitterCase).default([]),
    grayscale: z.array(plain).default([]),
    gaussian_blur: z.array(plain.extend({ radius: z.number() })).default([]),
    solarize: z.array(plain.extend({ threshold: z.number() })).default([]),
    normalize: z.array(plain).default([]),
  }),
});

/** Every operation alone: the plain function, and the workbench's fast path where there is one. */
export function augmentOps(fixture: Fixture, comparison: Comparison): void {
  const config = fixture.config(opsSchema);
  const { cases } = config;
  const bench = new Workbench();
  const check = <T extends z.infer<typeof plain>>(
    quantity: string,
    all: readonly T[],
    compute: (image: Image, c: T) => Image,
  ): void => {
    for (const c of all)
      sameImage(comparison, quantity, c.out, compute(fixture.image(c.image), c), fixture.image(c.out));
  };
  /** The plain function, then what the bench does to the whole image. */
  const both = <T extends z.infer<typeof plain>>(
    quantity: string,
    all: readonly T[],
    compute: (image: Image, c: T) => Image,
    change: (c: T) => void,
  ): void => {
    check(quantity, all, compute);
    check(`${quantity} (workbench)`, all, (image, c) => {
      bench.load(image);
      bench.wholeImage();
      change(c);
      return bench.view();
    });
  };
  check('resized_crop', cases.resized_crop, (image, c) =>
    resizedCrop(image, c.box, c.size[0], c.size[1], c.interpolation),
  );
  check('resized_crop (workbench)', cases.resized_crop, (image, c) => {
    bench.load(image);
    bench.resizedCrop(c.box, c.size[0], c.size[1], c.interpolation);
    return bench.view();
  });
  check('resize_exact', cases.resize_exact, (image, c) =>
    resize(image, c.size[0], c.size[1], c.interpolation),
  );
  check('resize_exact (plain definition)', cases.resize_exact, (image, { size: [height, width], ...c }) =>
    resamplePlain(
      image,
      axisWeights(image.width, width, c.interpolation),
      axisWeights(image.height, height, c.interpolation),
    ),
  );
  for (const c of cases.resize_center_crop) {
    const resized = resizeShortSide(fixture.image(c.image), c.size, c.interpolation);
    sameImage(comparison, 'resize_center_crop, resized', c.out, resized, fixture.image(`${c.out}/resized`));
    sameImage(
      comparison,
      'resize_center_crop',
      c.out,
      centerCrop(resized, c.crop, c.crop),
      fixture.image(c.out),
    );
  }
  check('center_crop_pad', cases.center_crop_pad, (image, c) => centerCrop(image, c.crop, c.crop));
  check('thumbnail', cases.thumbnail, (image, c) => thumbnail(image, c.size));
  both('hflip', cases.hflip, flip, () => bench.flip());
  both(
    'brightness',
    cases.brightness,
    (image, c) => adjustBrightness(image, c.factor),
    (c) => bench.brightness(c.factor),
  );
  both(
    'contrast',
    cases.contrast,
    (image, c) => adjustContrast(image, c.factor),
    (c) => bench.contrast(c.factor),
  );
  both(
    'saturation',
    cases.saturation,
    (image, c) => adjustSaturation(image, c.factor),
    (c) => bench.saturation(c.factor),
  );
  both(
    'hue',
    cases.hue,
    (image, c) => adjustHue(image, c.factor),
    (c) => bench.hue(c.factor),
  );
  const order = (c: z.infer<typeof jitterCase>) => c.order.flatMap((i) => jitterSteps[i] ?? []);
  both(
    'jitter',
    cases.jitter,
    (image, c) => jitter(image, order(c), c),
    (c) => {
      for (const step of order(c)) bench[step](c[step]);
    },
  );
  both('grayscale', cases.grayscale, toGrayscale, () => bench.grayscale());
  both(
    'gaussian_blur',
    cases.gaussian_blur,
    (image, c) => gaussianBlur(image, c.radius),
    (c) => bench.blur(c.radius),
  );
  both(
    'solarize',
    cases.solarize,
    (image, c) => solarize(image, c.threshold),
    (c) => bench.solarize(c.threshold),
  );
  const table = normalizationTable(config);
  for (const c of cases.normalize) {
    comparison.identical(
      'normalize',
      c.out,
      normalized(fixture.image(c.image), table),
      fixture.numbers(c.out),
    );
  }
}

/** The fixture's operations as ours. */
const viewOpSchema: z.ZodType<ViewOp> = z.union([
  z.object({ op: z.literal('resized_crop'), box: boxSchema, size: pair, interpolation }).transform(
    ({ box, size: [height, width], interpolation: filter }): ViewOp => ({
      op: 'resizedCrop',
      box,
      height,
      width,
      interpolation: filter,
    }),
  ),
  z.object({ op: z.literal('hflip') }).transform((): ViewOp => ({ op: 'flip' })),
  z.object({ op: z.literal('grayscale') }),
  z.object({ op: z.enum(['brightness', 'contrast', 'saturation', 'hue']), factor: z.number() }),
  z
    .object({ op: z.literal('gaussian_blur'), radius: z.number() })
    .transform(({ radius }): ViewOp => ({ op: 'blur', radius })),
  z.object({ op: z.literal('solarize'), threshold: z.number().default(128) }),
]);
const pipelineSchema = z.object({
  mean: z.array(z.number()),
  std: z.array(z.number()),
  views: z.array(
    z.object({
      image: z.string(),
      transform: z.string(),
      ops: z.array(viewOpSchema),
      out: z.string(),
      normalized: z.string(),
    }),
  ),
});

/** The operations that the official augmentation drew, one after the other. */
export function augmentPipeline(fixture: Fixture, comparison: Comparison): void {
  const config = fixture.config(pipelineSchema);
  const table = normalizationTable(config);
  for (const { image, transform, ops, out, normalized: name } of config.views) {
    const view = applyView(fixture.image(image), ops);
    sameImage(comparison, `views (${transform})`, out, view, fixture.image(out));
    comparison.identical(
      `normalized views (${transform})`,
      name,
      normalized(view, table),
      fixture.numbers(name),
    );
  }
}

function normalized(image: Image, table: Float32Array): Float32Array {
  const out = new Float32Array(image.data.length);
  normalize(image, table, out);
  return out;
}

function sameImage(comparison: Comparison, quantity: string, at: string, got: Image, wanted: Image): void {
  const shape = ({ height, width, channels }: Image): number[] => [height, width, channels];
  comparison.identical(quantity, at, [...shape(got), ...got.data], [...shape(wanted), ...wanted.data]);
}
