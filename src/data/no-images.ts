/** What is said of a folder or an archive that holds no image: what it holds instead, and the way from there. */
import { countUnread, IMAGE_FORMATS } from './image-paths.ts';
import { explainLeftOut, type LeftOut } from './left-out.ts';
import { unpackingAdvice } from './packed-files.ts';
import { framesCommand, hasVideoExtension } from './video-names.ts';

/**
 * @param what begins the sentence: `The folder photos`
 * @param paths of the files in it
 * @throws Error always
 */
export function refuseWithoutImages(
  what: string,
  paths: readonly string[],
  leftOut: readonly LeftOut[] = [],
): never {
  const left = explainLeftOut(what, leftOut);
  if (left !== undefined && paths.length === 0)
    throw new Error(`${left.slice(0, -1)}, and nothing else is in it.`);
  if (paths.length === 0) throw new Error(`${what} is empty: give a folder with ${IMAGE_FORMATS} files.`);
  const unread = countUnread(paths);
  if (unread.size > 0)
    throw new Error(
      `${what} holds ${namedKinds(unread)}, which are not read, and no other images: ${CONVERT}.`,
    );
  const video = paths.find(hasVideoExtension);
  if (video !== undefined) {
    throw new Error(
      `${what} holds videos and no images: make images of their frames first, such as by ${framesCommand(video)}.`,
    );
  }
  const packed = paths.find((path) => unpackingAdvice(path) !== undefined);
  if (packed !== undefined)
    throw new Error(
      `${what} holds ${packed}, which is compressed as a whole, and no images: ${unpackingAdvice(packed)} or the folder around it.`,
    );
  throw new Error(
    `${what} holds ${paths.length === 1 ? '1 file' : `${paths.length} files`} but none with the extension of an image: give ${IMAGE_FORMATS} files.`,
  );
}

/** How to get from formats that are not read to one that is. */
export const CONVERT =
  'convert them to JPEG or PNG first, such as by ImageMagick\'s "magick mogrify -format jpg *"';

/** `3 .heic, 1 .bmp`, the most frequent first. */
export function namedKinds(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([extension, count]) => `${count} .${extension}`)
    .join(', ');
}
