/** What every evaluation says of images that it had to leave out. */
import type { SkippedImage } from '../data/skipped-images.ts';
import { counted } from '../numbers/counted.ts';

/**
 * One sentence that names the first image and its fault; undefined where none was left out.
 *
 * @param record the file that lists all of them
 */
export function explainSkipped(skipped: readonly SkippedImage[], record: string): string | undefined {
  const [first] = skipped;
  if (first === undefined) return undefined;
  const fault = `${first.key} ${first.reason}`;
  const what = `${counted(skipped.length, 'image was', 'images were')} left out`;
  return skipped.length === 1 ? `${what}: ${fault}` : `${what} (${record} lists all); the first: ${fault}`;
}
