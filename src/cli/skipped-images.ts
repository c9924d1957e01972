/** What every evaluation says of images that it had to leave out. */
import type { SkippedImage } from '../data/skipped-images.ts';

/**
 * One sentence that names the first image and its fault; undefined where none was left out.
 *
 * @param record the file that lists all of them
 */
export function explainSkipped(skipped: readonly SkippedImage[], record: string): string | undefined {
  const [first] = skipped;
  if (first === undefined) return undefined;
  const fault = `${first.key} ${first.reason}`;
  return skipped.length === 1
    ? `1 image was left out: ${fault}`
    : `${skipped.length} images were left out (${record} lists all); the first: ${fault}`;
}
