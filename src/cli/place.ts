/** Where a command puts what it makes without being told where: the working directory, unless a caller says otherwise. */
import { join } from 'node:path';

export interface Place {
  /** Folder of new runs and of results of weights that are in no run. */
  readonly results: string;
}

export const workingDirectory: Place = { results: '.' };

/** Takes the words after its name, returns the exit code. */
export type Command = (args: readonly string[], place: Place) => Promise<number>;

/** A folder for a run that was given none, named by the time. */
export function newRunFolder(results: string, prefix = ''): string {
  return join(results, 'runs', `${prefix}${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`);
}
