import { ZodError } from 'zod';
import { OptionError } from '../method/option-error.ts';
import { explainIssue } from '../train/option-problems.ts';
import { exitCodes } from './exit-codes.ts';
import { UsageError } from './terminal/flags.ts';
import { asSentence } from './terminal/sentence.ts';

/**
 * Says what went wrong, in one line.
 *
 * @param where it did, such as "rank 3"
 * @returns the exit code
 */
export function tellError(error: unknown, where = ''): number {
  const front = where === '' ? 'error' : `error on ${where}`;
  if (error instanceof ZodError) console.error(`${front}: ${explainIssue(error, () => undefined)}.`);
  else console.error(`${front}: ${asSentence(error instanceof Error ? error.message : String(error))}`);
  const mistake = error instanceof UsageError || error instanceof OptionError || error instanceof ZodError;
  return mistake ? exitCodes.mistake : exitCodes.error;
}
