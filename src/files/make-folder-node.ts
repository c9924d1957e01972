/** Makes folders, in Node. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A folder cannot be made. */
export class FolderError extends Error {
  override name = 'FolderError';
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'it is not allowed there',
  EPERM: 'it is not allowed there',
  EROFS: 'nothing can be written there',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a file is in its way',
  EEXIST: 'a file is in its way',
  ENOENT: 'the system has no place for folders there',
};

/**
 * Makes a folder and those it lies in, as far as they are missing. Not by `mkdirSync` with `recursive`, which in Node 20 to 24
 * never returns where a file system takes no folders at all, such as /proc.
 *
 * @param wayOut the end of the error's sentence
 * @throws FolderError if it cannot be made
 */
export function makeFolder(path: string, wayOut = 'choose another place'): void {
  try {
    makeWithParents(path);
  } catch (error) {
    throw folderError(path, error, wayOut);
  }
}

/** What the system says of a folder that cannot be made, in words. */
export function folderError(path: string, error: unknown, wayOut: string): FolderError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return new FolderError(`The folder ${path} cannot be made (${reason}): ${wayOut}.`, { cause: error });
}

function makeWithParents(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status?.isDirectory() === true) return;
  const parent = dirname(path);
  if (status === undefined && parent !== path) makeWithParents(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have made it in between.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
