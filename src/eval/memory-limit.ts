/** Features of a whole set are held in memory: what does not fit is told before the machine swaps or ends the process. */

/** Bytes that this process may still take, where the platform tells (Node does, and heeds the limits of containers). */
function availableMemory(): number {
  return globalThis.process?.availableMemory?.() ?? Number.POSITIVE_INFINITY;
}

/**
 * @param bytes that are about to be taken
 * @param what they hold, for the message: 'the features of 50000 images'
 * @param available bytes that may be taken; what the platform tells unless given
 * @throws Error with both sizes when they do not fit
 */
export function checkMemory(bytes: number, what: string, available = availableMemory()): void {
  if (bytes <= available) return;
  throw new Error(
    `${what} need ${gibibytes(bytes)} of memory and ${gibibytes(available)} are free: take fewer images, or write them with dino embed and look them up with dino search, which read block by block.`,
  );
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
