/** What a data set leaves out, in sentences. */
import { explainLeftOut } from './left-out.ts';
import { CONVERT, namedKinds } from './no-images.ts';
import type { ImageList } from './source.ts';

/**
 * Sentences on what a source leaves out: formats that are not read, entries that cannot be read, other parts of the set, images
 * without a class.
 */
export function explainOmissions({
  name,
  unread,
  leftOut = [],
  otherParts = [],
  classNote,
}: ImageList): string[] {
  const sentences = [explainLeftOut(name, leftOut)];
  if (unread !== undefined && unread.size > 0)
    sentences.push(
      `${name} also has images in formats that are not read (${namedKinds(unread)}): ${CONVERT}.`,
    );
  if (otherParts.length > 0)
    sentences.push(`${name}: the training part is taken; ${otherParts.join(', ')} can be opened by itself.`);
  if (classNote !== undefined) sentences.push(`${name}: ${classNote}.`);
  return sentences.filter((sentence) => sentence !== undefined);
}
