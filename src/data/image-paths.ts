/**
 * What can be told from paths alone: which files are images, and in which order they are taken (and by class-folders.ts,
 * which class each one belongs to). Paths are relative and use `/`. Folders and archives share these rules, so a folder and a
 * tar of it are the same data set with the same numbering.
 */

const EXTENSIONS = new Set([
  ...['jpg', 'jpeg', 'jpe', 'jfif', 'png', 'webp', 'avif', 'tif', 'tiff', 'gif', 'heic', 'heif', 'hif'],
]);

/** The formats, for error messages. */
export const IMAGE_FORMATS = 'JPEG, PNG, WebP, AVIF, HEIC, TIFF or GIF';

/** Whether the file name ends as an image's does. The decoder has the last word. */
export function hasImageExtension(path: string): boolean {
  const dot = path.lastIndexOf('.');
  return dot >= 0 && EXTENSIONS.has(path.slice(dot + 1).toLowerCase());
}

/** Photos and pictures in formats that are not read. */
const UNREAD = new Set([
  ...['bmp', 'jxl', 'jp2', 'psd', 'tga', 'ppm', 'pgm', 'exr', 'hdr', 'svg'],
  ...['dng', 'cr2', 'cr3', 'nef', 'arw', 'raf', 'orf', 'rw2'],
]);

/** How many of the paths end as images do that are not read, by extension. */
export function countUnread(paths: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const extension = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
    if (UNREAD.has(extension)) counts.set(extension, (counts.get(extension) ?? 0) + 1);
  }
  return counts;
}

/** Whether any part of the path is hidden (`.git/x`, `._x.jpg`) or the `__MACOSX` shadow of an archive. */
export function isHidden(path: string): boolean {
  return path.startsWith('.') || path.includes('/.') || path.startsWith('__MACOSX/');
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/**
 * Natural order of two paths: part by part, runs of digits as numbers (`2.jpg` before `10.jpg`), all else by code unit,
 * so that it depends on neither file system nor locale. Zero only for equal paths.
 */
export function comparePaths(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const ca = a.charCodeAt(i);
    const cb = b.charCodeAt(j);
    if (isDigit(ca) && isDigit(cb)) {
      while (a.charCodeAt(i) === 48) i++;
      while (b.charCodeAt(j) === 48) j++;
      const startA = i;
      const startB = j;
      while (i < a.length && isDigit(a.charCodeAt(i))) i++;
      while (j < b.length && isDigit(b.charCodeAt(j))) j++;
      if (i - startA !== j - startB) return i - startA - (j - startB);
      for (let k = 0; k < i - startA; k++) {
        const difference = a.charCodeAt(startA + k) - b.charCodeAt(startB + k);
        if (difference !== 0) return difference;
      }
    } else if (ca !== cb) {
      // A shorter part comes first: "a/x" before "a-b/x".
      if (ca === 47) return -1;
      if (cb === 47) return 1;
      return ca - cb;
    } else {
      i++;
      j++;
    }
  }
  if (a.length - i !== b.length - j) return a.length - i - (b.length - j);
  return a < b ? -1 : a > b ? 1 : 0; // "01" and "1"
}
