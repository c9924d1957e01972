/** What an evaluation measured on, and how, so that its scores stand beside those of other runs only where both are the same. */
import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Measured } from '../report/blocks.ts';
import { toFlag } from '../train/option-names.ts';

/** The options of all evaluations that name images, or what is known of them. */
const roles = [
  ...['train', 'test', 'images', 'masks', 'frames', 'bank', 'database', 'queries', 'groundTruth'],
  ...['originals', 'distractors', 'whiten', 'head'],
];
/** What belongs to the network and not to the way it is measured. */
const ofNetwork = ['feature', 'descriptor', 'rate', 'head']; // nor which k were asked for: titles name the one that is shown

/**
 * @param values of the flags
 * @param paths that stand behind the run
 * @param protocol as `eval/<name>.json` holds it
 */
export function measuredOn(
  values: Readonly<Record<string, unknown>>,
  paths: readonly string[],
  protocol: unknown,
): Measured {
  const data = roles.flatMap((role) => {
    const path = values[role];
    return typeof path === 'string' ? [[role, whole(path)] as const] : [];
  });
  const settings = Object.entries(typeof protocol === 'object' && protocol !== null ? protocol : {}).flatMap(
    ([name, value]) =>
      value === undefined || ofNetwork.includes(name) || (name === 'k' && Array.isArray(value))
        ? []
        : [[toFlag(name).replaceAll('_', ' '), worded(value)] as const],
  );
  return {
    data: {
      ...Object.fromEntries(data),
      ...(paths.length > 0 ? { images: paths.map(whole).join(', ') } : {}),
    },
    protocol: Object.fromEntries(settings),
  };
}

function worded(value: unknown): string {
  if (Array.isArray(value)) return value.map(worded).join(' ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Where a path leads, whatever it starts from. */
function whole(path: string): string {
  return existsSync(path) ? realpathSync(path) : resolve(path);
}
