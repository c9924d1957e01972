/** Moves files to another folder; nothing is deleted and nothing is written over. */
import { appendFileSync, cpSync, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { makeFolder } from './make-folder-node.ts';

/**
 * @throws Error if files of `root` cannot be moved to this folder: it is a file, or one of the two lies in the other, so that
 *   the moved files would be found again
 */
export function checkMoveTarget(root: string, target: string): void {
  if (statSync(target, { throwIfNoEntry: false })?.isFile())
    throw new Error(`${target} is a file: give a folder to move to.`);
  if (isWithin(root, target) || isWithin(target, root))
    throw new Error(
      `${target} is ${root}, inside it or around it: give a folder beside ${root} to move to, so that what is moved is not found again.`,
    );
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(resolve(folder), resolve(path));
  return way !== '..' && !way.startsWith(`..${sep}`) && resolve(way) !== way;
}

/**
 * Moves files to the same relative paths below another folder. Its `moved.txt` keeps a line for each, from where to where, of this
 * and of earlier calls.
 *
 * @param keys their paths below `root`, with `/`
 * @throws Error before anything is moved if a file of one of these names is there already; Error saying how many were moved if one cannot be
 */
export function moveFiles(root: string, keys: readonly string[], target: string): void {
  checkMoveTarget(root, target);
  const taken = keys.find((key) => existsSync(join(target, key)));
  if (taken !== undefined)
    throw new Error(
      `${join(target, taken)} exists already, and nothing was moved: give an empty folder to move to.`,
    );
  const gone = keys.find((key) => !existsSync(join(root, key)));
  if (gone !== undefined)
    throw new Error(
      `${join(root, gone)} is not there under this name (one that is not UTF-8 is shown otherwise), and nothing was moved: rename it, or move the files of the list by hand.`,
    );
  for (const [moved, key] of keys.entries()) {
    try {
      makeFolder(dirname(join(target, key)));
      moveFile(join(root, key), join(target, key));
      appendFileSync(join(target, 'moved.txt'), `${join(root, key)}\t${join(target, key)}\n`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `${join(root, key)} could not be moved (${reason}); ${moved} of ${keys.length} files were moved to ${target}: make room or access, then run the command again with another folder.`,
        { cause: error },
      );
    }
  }
}

/** A rename, or a copy and then a removal where the folders lie on two disks. */
function moveFile(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
    cpSync(from, to, { preserveTimestamps: true, errorOnExist: true, force: false });
    rmSync(from);
  }
}
