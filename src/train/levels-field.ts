/** Black and white of samples that are not bytes, as an option. */
import { z } from 'zod';
import type { Levels } from '../image/levels.ts';

const LEVELS = 'must be two numbers, black and then white, or the word image';

/** Black and white of samples that are not bytes, as flags and records have them; see `src/image/levels.ts`. */
export const levelsField = z
  .array(z.union([z.number(), z.literal('image')], LEVELS))
  .refine((given) => levelsOf(given) !== undefined, { message: LEVELS })
  .describe(
    'black and white of images with more than 8 bits a sample, signed or floating-point ones: two numbers (0 4095), or image for the extremes of each image; what the file says unless given',
  );

/** The levels that a field holds; undefined for what means none. */
export function levelsOf(given: readonly (number | 'image')[] | undefined): Levels | undefined {
  const [low, high, ...more] = given ?? [];
  if (low === 'image' && high === undefined) return 'image';
  const arePair = typeof low === 'number' && typeof high === 'number' && low < high && more.length === 0;
  return arePair ? [low, high] : undefined;
}
