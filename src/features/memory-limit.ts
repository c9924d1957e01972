/**
 * Features of a whole set are held in memory, and programs need much for images of extreme shapes: what does not fit is told before
 * the machine swaps or ends the process.
 */

/** Bytes that this process may still take, where the platform tells (Node does, and heeds the limits of containers). */
export function availableMemory(): number {
  return globalThis.process?.availableMemory?.() ?? Number.POSITIVE_INFINITY;
}

/**
 * @param bytes that are about to be taken
 * @param what they hold, which begins the message: 'The features of 50000 images'
 * @param available bytes that may be taken; what the platform tells unless given
 * @throws Error with both sizes when they do not fit
 */
export function checkMemory(bytes: number, what: string, available = availableMemory()): void {
  if (bytes <= available) return;
  throw new Error(
    `${what} need ${gibibytes(bytes)} of memory and ${gibibytes(available)} are free: take fewer images, or write them with dino embed and look them up with dino search, which read block by block.`,
  );
}

/** Something that one image needs and that does not fit; other images may. */
export class ImageMemoryError extends RangeError {
  override name = 'ImageMemoryError';

  /** @param what needs the memory: `An image of 32 x 38400 pixels` */
  constructor(what: string, bytes: number, limit: number) {
    super(
      `${what} needs ${gibibytes(bytes)} of memory, and ${gibibytes(limit)} may be used: choose a smaller --image_size, give both sides (height and width), or leave the image out.`,
    );
  }
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
