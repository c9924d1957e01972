/** Writes an export into its folder: over an export of the same kind that was written here, never over anything else. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExportedFiles } from '../../export/export-files.ts';
import { FolderError, makeFolder } from '../../files/make-folder-node.ts';
import { OWN_FACTS } from '../../weights/own-facts.ts';

/** Files of which an export has one, and what stands near their beginning where they were written here. */
const SIGNATURES = {
  'README.md': 'dino-ts',
  'manifest.json': 'dino-ts train step',
  'model.onnx': 'dino-ts',
  'backbone.pth': OWN_FACTS,
  'model.safetensors': OWN_FACTS,
} as const;
/** Headers of large networks are long. */
const BEGINNING = 2 ** 20;

/**
 * Writes all files or none: under other names first, so that files of an export before this one stay until all is there.
 *
 * @returns whether an export before this one was replaced
 * @throws Error if something else is there, or it cannot be written
 */
export function writeExport(target: string, files: ExportedFiles): boolean {
  const replaces = isReplaceable(target, files);
  const temporary = (name: string): string => `${join(target, name)}.${process.pid}.writing`;
  try {
    for (const [name, parts] of files) {
      makeFolder(dirname(join(target, name)));
      writeFileSync(temporary(name), Buffer.concat(parts));
    }
    for (const name of files.keys()) renameSync(temporary(name), join(target, name));
    return replaces;
  } catch (error) {
    for (const name of files.keys()) rmSync(temporary(name), { force: true });
    if (error instanceof FolderError) throw error;
    throw new Error(
      `${target} could not be written (${error instanceof Error ? error.message : error}): make room or access.`,
    );
  }
}

/** False where nothing would be replaced. @throws Error naming a file that is not of such an export */
function isReplaceable(target: string, files: ExportedFiles): boolean {
  const status = statSync(target, { throwIfNoEntry: false });
  if (status === undefined) return false;
  if (!status.isDirectory()) throw new Error(`${target} is a file: choose another --output.`);
  const own = new Set([...files.keys()].map((name) => name.split('/')[0]));
  const other = readdirSync(target).find((name) => !own.has(name) && !name.startsWith('.'));
  if (other !== undefined)
    throw new Error(`${target} holds ${other}, which is no part of such an export: choose another --output.`);
  const there = [...files.keys()].find((name) => existsSync(join(target, name)));
  if (there === undefined) return false;
  const [signed, signature] =
    Object.entries(SIGNATURES).find(([name]) => files.has(name)) ?? ([there, undefined] as const);
  const path = join(target, signed);
  if (signature !== undefined && existsSync(path) && beginningOf(path).includes(signature)) return true;
  const foreign = existsSync(path) ? signed : there;
  throw new Error(
    `${join(target, foreign)} is there already, and not from dino export: choose another --output, or move it away.`,
  );
}

function beginningOf(path: string): Buffer {
  const bytes = Buffer.alloc(BEGINNING);
  const descriptor = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(descriptor, bytes, 0, BEGINNING, 0));
  } finally {
    closeSync(descriptor);
  }
}
