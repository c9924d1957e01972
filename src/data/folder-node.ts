/** Finds the images below a folder. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { nameText } from './file-name.ts';
import { comparePaths, hasImageExtension } from './image-paths.ts';
import { AROUND, type LeftOut } from './left-out.ts';
import { refuseWithoutImages } from './no-images.ts';

export interface FoundFile {
  /** Below the folder, with `/`. Names that are not UTF-8 are written as `nameText` does. */
  readonly path: string;
  /** The same in the file system's own bytes. */
  readonly bytes: Uint8Array;
  /** How many parts of the path lead to the last symbolic link in it; 0 if there is none. */
  readonly linkDepth: number;
}

export interface FolderListing {
  /** In natural order. */
  readonly images: readonly FoundFile[];
  /** Paths of all other files. */
  readonly others: readonly string[];
  /** Links that lead nowhere, folders that may not be read. */
  readonly leftOut: readonly LeftOut[];
}

const DOT = '.'.charCodeAt(0);

/** Where a found file lies: bytes, for names that are not UTF-8. */
export function fileBelow(root: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), bytes]);
}

/**
 * All files below `root`. Hidden files and folders are ignored. Links are followed, but not to a folder that is being read
 * already; one that leads nowhere, or a folder that cannot be read, is left out and told about.
 *
 * @throws if `root` itself cannot be read
 */
export function listFiles(root: string): FolderListing {
  const images: FoundFile[] = [];
  const others: string[] = [];
  const leftOut: LeftOut[] = [];
  const visit = (folder: Uint8Array, ancestors: readonly string[], around: number): void => {
    const path = folder.length === 0 ? Buffer.from(root) : fileBelow(root, folder);
    const real = realpathSync.native(path, 'buffer').toString('latin1');
    if (ancestors.includes(real) || isAround(real, ancestors[0])) {
      leftOut.push({ key: nameText(folder), reason: AROUND });
      return;
    }
    const prefix = folder.length === 0 ? folder : Buffer.concat([folder, Buffer.from('/')]);
    for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'buffer' })) {
      if (entry.name[0] === DOT) continue;
      const bytes = Buffer.concat([prefix, entry.name]);
      const key = nameText(bytes);
      try {
        const isLink = entry.isSymbolicLink();
        const kind = isLink ? statSync(fileBelow(root, bytes)) : entry;
        const linkDepth = isLink ? ancestors.length + 1 : around;
        if (kind.isDirectory()) visit(bytes, [...ancestors, real], linkDepth);
        else if (kind.isFile() && hasImageExtension(key)) images.push({ path: key, bytes, linkDepth });
        else others.push(key);
      } catch (error) {
        leftOut.push({ key, reason: entryReason(error) });
      }
    }
  };
  visit(new Uint8Array(), [], 0);
  return {
    images: images.sort((a, b) => comparePaths(a.path, b.path)),
    others,
    leftOut: leftOut.sort((a, b) => comparePaths(a.key, b.key)),
  };
}

/** Whether a folder holds the one that is being read. */
function isAround(folder: string, root = ''): boolean {
  return root.startsWith(folder === '/' ? folder : `${folder}/`);
}

/** The images below a folder. @throws if it holds none */
export function listImages(root: string): FolderListing {
  const listing = listFiles(root);
  if (listing.images.length === 0) refuseWithoutImages(`The folder ${root}`, listing.others, listing.leftOut);
  return listing;
}

/** What the system says, in words, for an entry that cannot be followed or read. @throws any other error */
export function entryReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const reason = typeof code === 'string' ? reasons[code] : undefined;
  if (reason === undefined) throw error;
  return reason;
}

const reasons: Readonly<Record<string, string>> = {
  ELOOP: 'a link that leads to itself',
  ENOENT: 'a link that leads nowhere',
  ENOTDIR: 'a link that leads nowhere',
  EACCES: 'reading it is not permitted',
  EPERM: 'reading it is not permitted',
  ENAMETOOLONG: 'its path is too long',
  EIO: 'the disk cannot read it',
};

/** @throws Error if there is no folder at the path; `what` says what it should hold */
export function requireFolder(path: string, what: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new Error(`There is no folder at ${path}: give the folder that holds the ${what}.`);
}
