/** Paths with spaces that a shell took apart: `my photos` without quotes is two words. */
import { existsSync } from 'node:fs';

/** More words than this are a list, not a name. */
const MOST_WORDS = 10;

/** The first path that is there once neighboring words are joined by spaces, while its first word alone is not. */
export function brokenPath(args: readonly string[]): string | undefined {
  for (const [start, token] of args.entries()) {
    const first = token.startsWith('--') ? inlineValue(token) : token;
    if (first === undefined || existsSync(first)) continue;
    let path = first;
    for (const word of args.slice(start + 1, start + MOST_WORDS)) {
      if (word.startsWith('--')) break;
      path += ` ${word}`;
      if (existsSync(path)) return path;
    }
  }
  return undefined;
}

/** What follows the = of `--flag=value`. */
function inlineValue(token: string): string | undefined {
  const at = token.indexOf('=');
  return at < 0 ? undefined : token.slice(at + 1);
}
