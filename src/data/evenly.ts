/**
 * Numbers spread evenly over `0 .. length - 1`, the first among them: which images to take where not all are wanted.
 *
 *     evenly(10, 3) // [0, 3, 6]
 */
export function evenly(length: number, count: number): number[] {
  const taken = Math.min(length, count);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * length) / taken));
}
