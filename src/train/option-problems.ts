/** What is wrong with an option, in words. */
import type { z } from 'zod';
import { toFlag } from './option-names.ts';

/** One sentence for a failed check: the option, the value and what was expected. */
export function explainIssue(error: z.ZodError, value: (path: string) => unknown): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'the options do not fit';
  if (issue.code === 'unrecognized_keys')
    return `--${toFlag(issue.keys[0] ?? '')}: there is no such option here`;
  const name = issue.path.filter((part) => typeof part !== 'number').join('.');
  const given = value(name);
  return `--${toFlag(name)}${given === undefined ? '' : ` ${String(given)}`}: ${problemOf(issue)}`;
}

/** What is wrong with a value, in words. */
function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') {
    const wanted = kinds[issue.expected];
    return wanted === undefined ? issue.message : `must be ${wanted}`;
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const [low, limit] =
      issue.code === 'too_small' ? [true, Number(issue.minimum)] : [false, Number(issue.maximum)];
    if (issue.origin === 'array')
      return `must be ${issue.inclusive === true ? limit : `more than ${limit}`} ${limit === 1 ? 'value' : 'values'}, with a space between`;
    if (issue.inclusive === true) return `must be ${limit} or ${low ? 'more' : 'less'}`;
    return `must be ${low ? 'more' : 'less'} than ${limit}`;
  }
  if (issue.code === 'invalid_value') {
    const [last, ...others] = issue.values.map(String).reverse();
    return `must be ${[others.reverse().join(', '), last].filter((words) => words !== '').join(' or ')}`;
  }
  return issue.message;
}

/** What the checks call a kind of value, in words. */
const kinds: Readonly<Partial<Record<string, string>>> = {
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  string: 'a text',
};
