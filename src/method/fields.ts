/** Kinds of options, each with the sentence that the help prints. */
import { z } from 'zod';

export const count = (text: string) => z.number().int().min(1).describe(text);
export const countOrZero = (text: string) => z.number().int().min(0).describe(text);
export const positive = (text: string) => z.number().gt(0).describe(text);
export const notNegative = (text: string) => z.number().min(0).describe(text);
export const share = (text: string) => z.number().min(0).max(1).describe(text);
/** @param number what each of the two must be */
export const range = (text: string, number = z.number().gt(0).max(1)) =>
  z
    .tuple([number, number])
    .refine(([low, high]) => low <= high, { message: 'the first number must not be larger than the second' })
    .describe(text);

export const momentumTeacher = share('momentum of the teacher at the start; rises to 1 (cosine)');
