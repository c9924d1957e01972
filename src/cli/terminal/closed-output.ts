/**
 * What to do when nobody reads the output any more (`dino … | head`, a terminal that was closed): the command ends without
 * a word, unless it has something to save first.
 */
import { exitCodes } from '../exit-codes.ts';

let action = (): void => process.exit(exitCodes.error);

/** @param stop is called instead of ending the process @returns takes it back */
export function whenOutputCloses(stop: () => void): () => void {
  const before = action;
  action = stop;
  return () => {
    action = before;
  };
}

/** Once, when the command starts. */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => action());
}
