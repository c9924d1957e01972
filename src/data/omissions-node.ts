/** What a data set leaves out or has twice, in sentences. */
import { explainLeftOut } from './left-out.ts';
import { explainLinks } from './linked-images-node.ts';
import { CONVERT, namedKinds } from './no-images.ts';
import type { Source } from './source.ts';

/**
 * Sentences on what a source leaves out or has twice: formats that are not read, entries that cannot be read, other parts of the set,
 * images without a class, links.
 *
 * @param withClasses whether classes matter to whoever opens it
 */
export function explainOmissions(source: Source, withClasses = true): string[] {
  const { name, unread, leftOut = [], otherParts = [], classNote } = source;
  const sentences = [explainLeftOut(name, leftOut), explainLinks(source)];
  if (unread !== undefined && unread.size > 0)
    sentences.push(
      `${name} also has images in formats that are not read (${namedKinds(unread)}): ${CONVERT}.`,
    );
  if (otherParts.length > 0)
    sentences.push(`${name}: the training part is taken; ${otherParts.join(', ')} can be opened by itself.`);
  if (withClasses && classNote !== undefined) sentences.push(`${name}: ${classNote}.`);
  return sentences.filter((sentence) => sentence !== undefined);
}
