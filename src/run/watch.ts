/** How an online evaluation is watched, and ended before it is done. */
import type { OnProgress } from '../features/on-progress.ts';

export interface Watch {
  /** Called as images are read or shown to the network. */
  readonly onProgress?: OnProgress | undefined;
  /** Ends it between two batches of images, with an `Interrupted`. */
  readonly signal?: AbortSignal | undefined;
}

/** An online evaluation was ended before it was done; nothing of it counts. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

/**
 * Tells of progress between two batches.
 *
 * @throws Interrupted if the signal asks for an end
 */
export function proceed({ onProgress, signal }: Watch, what: string, done: number, total: number): void {
  if (signal?.aborted === true) throw new Interrupted();
  onProgress?.(what, done, total);
}
