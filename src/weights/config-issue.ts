/** What is wrong with a config that lies beside weights, for every kind of it. */
import type { z } from 'zod';

/** The first field that does not fit: 'mean is missing', 'std.0: Too small: expected number to be >0'. */
export function configIssue({ issues: [issue] }: z.ZodError, within = ''): string {
  if (issue === undefined) return 'it does not fit';
  const field = within + issue.path.join('.');
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return `${field === '' ? 'all of it' : field} is missing`;
  return field === '' ? issue.message : `${field}: ${issue.message}`;
}
