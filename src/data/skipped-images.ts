/** Images that were left out because they could not be read. */
import type { Source } from './source.ts';

export interface SkippedImage {
  /** The path inside the source; behind the source's name where an evaluation has several. */
  readonly key: string;
  /** What is wrong with it, to stand behind its name. */
  readonly reason: string;
}

/** Why an image of an extreme shape was left out, to stand behind its name. */
export function unfitReason(error: RangeError): string {
  return `cannot be shown: ${error.message}`;
}

/** An image of one of several sources, which may have images of the same paths. */
export function pathIn({ name }: Pick<Source, 'name'>, key: string): string {
  return `${name}/${key}`;
}
