/** Finds the images below a folder. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { comparePaths, hasImageExtension, IMAGE_FORMATS } from './image-paths.ts';

export interface FolderListing {
  /** In natural order. */
  readonly images: readonly string[];
  /** All other files. */
  readonly others: readonly string[];
}

/**
 * Relative paths (with `/`) of all files below `root`. Hidden files and folders are ignored. Links
 * are followed, but not to a folder that is being read already; dangling links are ignored.
 *
 * @throws if the folder is empty or holds no images
 */
export function listImages(root: string): FolderListing {
  const images: string[] = [];
  const others: string[] = [];
  const visit = (directory: string, prefix: string, ancestors: readonly string[]): void => {
    const real = realpathSync(directory);
    if (ancestors.includes(real)) return;
    const chain = [...ancestors, real];
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(directory, entry.name);
      let isDirectory = entry.isDirectory();
      let isFile = entry.isFile();
      if (entry.isSymbolicLink()) {
        const target = statSync(path, { throwIfNoEntry: false });
        isDirectory = target?.isDirectory() ?? false;
        isFile = target?.isFile() ?? false;
      }
      if (isDirectory) visit(path, `${prefix}${entry.name}/`, chain);
      else if (isFile && hasImageExtension(entry.name)) images.push(prefix + entry.name);
      else others.push(prefix + entry.name);
    }
  };
  visit(root, '', []);
  if (images.length === 0) {
    throw new Error(
      others.length === 0
        ? `The folder ${root} is empty: give a folder with ${IMAGE_FORMATS} files.`
        : `The folder ${root} holds ${others.length} files but none with the extension of an image: give ${IMAGE_FORMATS} files.`,
    );
  }
  return { images: images.sort(comparePaths), others };
}

/** @throws Error if there is no folder at the path; `what` says what it should hold */
export function requireFolder(path: string, what: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new Error(`There is no folder at ${path}: give the folder that holds the ${what}.`);
}
