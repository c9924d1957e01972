/** Runs `dino` commands inside the test's process and keeps what they print. */
import { vi } from 'vitest';
import { runCommand } from '../../src/cli/command.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Results that were given no place go to the working directory. */
export const dino = (...args: readonly string[]): Promise<Said> => dinoIn('.', ...args);

/** @param results where results go that were given no place */
export async function dinoIn(results: string, ...args: readonly string[]): Promise<Said> {
  const [out, err]: [string[], string[]] = [[], []];
  const keep =
    (into: string[]) =>
    (text: unknown): boolean => {
      into.push(`${String(text)}\n`);
      return true;
    };
  const spies = [
    vi.spyOn(console, 'log').mockImplementation(keep(out)),
    vi.spyOn(console, 'error').mockImplementation(keep(err)),
    vi.spyOn(process.stdout, 'write').mockImplementation(keep(out)),
    vi.spyOn(process.stderr, 'write').mockImplementation(keep(err)),
  ];
  try {
    const code = await runCommand(args, { results });
    return { code, out: out.join(''), err: err.join('') };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** A command, or flags alone, with some flags at other values: `--steps 7` in place of `--steps 4`. */
export function withFlags(command: readonly string[], ...flags: readonly string[]): string[] {
  const words: string[] = [];
  const values = new Map<string, string[]>();
  let current = words;
  for (const word of [...command, ...flags]) {
    if (!word.startsWith('--')) current.push(word);
    else {
      current = [];
      values.set(word, current);
    }
  }
  return [...words, ...[...values].flatMap(([flag, given]) => [flag, ...given])];
}
