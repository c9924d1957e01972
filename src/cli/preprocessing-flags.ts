/** Flags that take the place of the preprocessing that belongs to weights, and what protocol lines say of it. */
import { z } from 'zod';
import { describeStatistics, describeView, interpolations, resizeKinds } from '../image/preprocessing.ts';
import type { Subject } from '../run/subject.ts';
import type { AskedPreprocessing } from '../weights/stated-preprocessing.ts';

const perChannel = (number: z.ZodNumber) => z.array(number).min(1).max(3);

export const preprocessingFields = {
  evalSize: z
    .number()
    .int()
    .min(1)
    .describe('side of the images the network sees, pixels; what belongs to the weights unless given'),
  resize: z
    .enum(resizeKinds)
    .describe('what is resized before the center is cut out: the short side, or both sides to a square'),
  cropPct: z
    .number()
    .gt(0)
    .max(1)
    .describe('side of the center over the side after the resize, as in timm; 1 cuts nothing off'),
  interpolation: z.enum(interpolations).describe('filter of the resize'),
  mean: perChannel(z.number()).describe('mean of each channel, of samples in 0..1'),
  std: perChannel(z.number().positive()).describe('standard deviation of each channel, of samples in 0..1'),
};

const fields = z.object(preprocessingFields).partial();

/** @throws ZodError on a value that is none of its flag's */
export function askedPreprocessing(values: Readonly<Record<string, unknown>>): AskedPreprocessing {
  return fields.parse(values);
}

/**
 * How images were shown to the network, as a protocol line says it; undefined where it goes without saying: a run in its own way.
 *
 * @param shown side at which images were shown, where it is another one; 'own' where mean and deviation alone are the weights'
 */
export function preprocessingSentence(
  { preprocessing, preprocessingOrigin: origin, record }: Subject,
  asked: AskedPreprocessing,
  shown: number | 'own' | undefined,
): string | undefined {
  const isAsked = Object.values(asked).some((value) => value !== undefined);
  if (record !== undefined && !isAsked) return undefined;
  const { size } = preprocessing;
  const view = shown === 'own' ? '' : `${describeView({ ...preprocessing, size: shown ?? size })}, `;
  const what = `${view}${describeStatistics(preprocessing)}`;
  const usual = "DINO's own";
  if (isAsked) return `images: ${what} (as asked for, the rest as in ${origin ?? `${usual} evaluation`})`;
  return `images: ${what} (${origin ?? `${usual}: nothing beside the weights says another`})`;
}
