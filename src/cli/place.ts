/** Where a command works: where it puts what it makes without being told where, and whether it can start other processes. */
import { join } from 'node:path';
import type { Ended } from './apart.ts';

export interface Place {
  /** Folder of new runs and of results of weights that are in no run. */
  readonly results: string;
  /** Runs a command in a process of its own, where that is possible. */
  readonly apart?: (args: readonly string[]) => Promise<Ended>;
}

export const workingDirectory: Place = { results: '.' };

/** Takes the words after its name, returns the exit code. */
export type Command = (args: readonly string[], place: Place) => Promise<number>;

/** A folder for a run that was given none, named by the time. */
export function newRunFolder(results: string, prefix = ''): string {
  return join(results, 'runs', `${prefix}${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`);
}
