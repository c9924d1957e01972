/**
 * How an image becomes the input of a network: resize, center crop, mean and standard deviation. It belongs to the weights:
 * a network that was trained with other numbers gives other features without them.
 *
 * Official protocol (`eval_knn.py`): short side to 8/7 of the input's side (256 for 224), bicubic, then the center. Here images
 * that have the input's size already are taken as they are: cutting the border off a 32-pixel image would lose a quarter of it.
 */
import { z } from 'zod';
import type { Image } from './image.ts';
import { statisticsFor } from './normalize.ts';
import type { Interpolation } from './resample.ts';
import { centerCrop, resize, resizedCenter } from './resize.ts';

export const resizeKinds = ['short', 'square'] as const;
export const interpolations = ['bilinear', 'bicubic', 'lanczos'] as const satisfies readonly Interpolation[];

export const preprocessingSchema = z.object({
  /** Side of the input, pixels. */
  size: z.number().int().min(1),
  /** What is resized: the short side, which keeps the shape of the image, or both sides, which does not. */
  resize: z.enum(resizeKinds),
  /** Side after the resize over side of the input; at 1 nothing is cut off a square. */
  zoom: z.number().positive(),
  interpolation: z.enum(interpolations),
  /** Whether images that have the input's size already are taken as they are. */
  keepsFitting: z.boolean(),
  /** Mean and standard deviation of each channel, for samples in 0..1. */
  statistics: z.object({
    mean: z.array(z.number()).readonly(),
    std: z.array(z.number().positive()).readonly(),
  }),
});

export type Preprocessing = Readonly<z.infer<typeof preprocessingSchema>>;

/** The official evaluation's, with the statistics that networks are trained with here. @param size side of the input, pixels */
export function usualPreprocessing(size: number, channels: 1 | 3): Preprocessing {
  return {
    size,
    resize: 'short',
    zoom: 8 / 7,
    interpolation: 'bicubic',
    keepsFitting: true,
    statistics: statisticsFor(channels),
  };
}

/** Side after the resize, pixels. */
export function resizedSide({ size, zoom }: Preprocessing): number {
  return Math.round(size * zoom);
}

/** What the network sees of an image, [size, size]; `normalize` with the `statistics` comes after it. */
export function inputView(image: Image, preprocessing: Preprocessing): Image {
  const { size, interpolation, keepsFitting } = preprocessing;
  if (keepsFitting && image.width === size && image.height === size) return image;
  const side = resizedSide(preprocessing);
  if (preprocessing.resize === 'short') return resizedCenter(image, side, size, interpolation);
  return centerCrop(resize(image, side, side, interpolation), size, size);
}

/** Whether two show every image alike. */
export function isSamePreprocessing(a: Preprocessing, b: Preprocessing): boolean {
  const facts = (each: Preprocessing): string => {
    const { size, resize, interpolation, keepsFitting, statistics } = each;
    const { mean, std } = statistics;
    return JSON.stringify([size, resize, resizedSide(each), interpolation, keepsFitting, mean, std]);
  };
  return facts(a) === facts(b);
}

/** "short side to 256 pixels (bicubic), center of 224" */
export function describeView(preprocessing: Preprocessing): string {
  const { size, interpolation, keepsFitting } = preprocessing;
  const side = resizedSide(preprocessing);
  const resized =
    preprocessing.resize === 'short'
      ? `short side to ${side} pixels (${interpolation})`
      : `squashed to ${side} x ${side} pixels (${interpolation})`;
  const cut = side === size && preprocessing.resize === 'square' ? '' : `, center of ${size}`;
  return `${resized}${cut}${keepsFitting ? `, images of ${size} x ${size} as they are` : ''}`;
}

/** "mean 0.485 0.456 0.406, std 0.229 0.224 0.225" */
export function describeStatistics({ statistics: { mean, std } }: Preprocessing): string {
  const numbers = (values: readonly number[]): string =>
    values.map((value) => String(Number(value.toPrecision(6)))).join(' ');
  return `mean ${numbers(mean)}, std ${numbers(std)}`;
}
