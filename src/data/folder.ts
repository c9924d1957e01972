/** Finds the images below a folder. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { comparePaths, hasImageExtension, IMAGE_FORMATS } from './image-paths.ts';

/**
 * Relative paths (with `/`) of all images below `root`, in natural order. Hidden files and folders are ignored. Links
 * are followed, but not to a folder that is being read already; dangling links are ignored.
 *
 * @throws if the folder is empty or holds no images
 */
export function listImages(root: string): string[] {
  const images: string[] = [];
  let others = 0;
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
      else others++;
    }
  };
  visit(root, '', []);
  if (images.length === 0) {
    throw new Error(
      others === 0
        ? `The folder ${root} is empty: give a folder with ${IMAGE_FORMATS} files.`
        : `The folder ${root} holds ${others} files but none with the extension of an image: give ${IMAGE_FORMATS} files.`,
    );
  }
  return images.sort(comparePaths);
}

/** @throws Error if there is no folder at the path; `what` says what it should hold */
export function requireFolder(path: string, what: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new Error(`There is no folder at ${path}: give the folder that holds the ${what}.`);
}
