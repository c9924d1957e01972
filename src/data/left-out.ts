/** Entries of a data set that are left out because they cannot be read, and how that is said. */

export interface LeftOut {
  /** The path inside the source. */
  readonly key: string;
  /** A sentence about it, without the path. */
  readonly reason: string;
}

const SHOWN = 3;

/** One sentence on what was left out; undefined if nothing was. */
export function explainLeftOut(source: string, leftOut: readonly LeftOut[]): string | undefined {
  if (leftOut.length === 0) return undefined;
  const named = leftOut.slice(0, SHOWN).map(({ key, reason }) => `${key} (${reason})`);
  const more = leftOut.length > SHOWN ? `, and ${leftOut.length - SHOWN} more` : '';
  const what = leftOut.length === 1 ? '1 entry was' : `${leftOut.length} entries were`;
  return `${source}: ${what} left out: ${named.join(', ')}${more}.`;
}

/** Why a link is not followed that would go round in circles. */
export const AROUND = 'a link to a folder that it lies in';
