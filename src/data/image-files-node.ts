/** The files behind the images of a source: how large they are, and which images are one file under several names. */
import { type BigIntStats, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileBelow } from './folder-node.ts';
import type { Source } from './source.ts';
import type { FolderSpec } from './source-spec.ts';
import { bytesAt } from './text-table.ts';

export interface ImageFiles {
  /** Bytes of the image's file; 0 where it has none of its own. */
  bytes(index: number): number;
  /** Images of which this is equal are one file, by hard or symbolic links; undefined where images are no files. */
  file(index: number): string | number | undefined;
  /** False for a file that surely has no other name than others' symbolic links. */
  mayHaveNames(index: number): boolean;
}

/**
 * @param patience milliseconds in which all files of a folder are looked at; where that is not enough (a million files on a network
 *   disk), sizes are not known and only linked folders are seen. As long as it takes unless given.
 */
export function imageFiles(source: Source, patience = Number.POSITIVE_INFINITY): ImageFiles {
  const { spec } = source;
  if (spec?.kind === 'archive')
    return {
      bytes: (index) => spec.sizes[index] ?? 0,
      file: (index) => (spec.offsets[index] ?? 0) * spec.files.length + (spec.fileOf[index] ?? 0),
      mayHaveNames: () => true,
    };
  if (spec?.kind !== 'folder') return { bytes: () => 0, file: () => undefined, mayHaveNames: () => false };
  const found = look(spec, source.length, Date.now() + patience);
  const realPath = realPaths(source, spec.root);
  const isLink = (index: number): boolean => (source.linkDepth?.(index) ?? 0) > 0;
  if (found === undefined) return { bytes: () => 0, file: realPath, mayHaveNames: isLink };
  const { sizes, disks, numbers, names } = found;
  return {
    bytes: (index) => sizes[index] ?? 0,
    file: (index) => (names[index] === 0 ? realPath(index) : `${disks[index]} ${numbers[index]}`),
    mayHaveNames: (index) => isLink(index) || (names[index] ?? 0) > 1,
  };
}

/** The images of each file that has several, in the order of their first ones. */
export function sharedFiles(length: number, { file, mayHaveNames }: ImageFiles): number[][] {
  const shared = new Map<string | number, number[]>();
  for (let index = 0; index < length; index++) {
    const name = mayHaveNames(index) ? file(index) : undefined;
    if (name !== undefined) shared.set(name, []);
  }
  if (shared.size === 0) return [];
  for (let index = 0; index < length; index++) shared.get(file(index) ?? '')?.push(index);
  return [...shared.values()].filter((images) => images.length > 1).sort(([a = 0], [b = 0]) => a - b);
}

/** What a source says of its images' links, in a byte each; paths have no more than 255 parts. */
export function depthIn(images: readonly { readonly linkDepth: number }[]): (index: number) => number {
  const depths = Uint8Array.from(images, ({ linkDepth }) => Math.min(255, linkDepth));
  return (index) => depths[index] ?? 0;
}

/** The last symbolic link on the way to an image, or the image itself if it is one; undefined for a file in its own place. */
export function linkTo({ key, linkDepth }: Source, index: number): string | undefined {
  const depth = linkDepth?.(index) ?? 0;
  return depth === 0 ? undefined : key(index).split('/').slice(0, depth).join('/');
}

/** Images that are links, or that another image is a link to: taking one away may take away another. */
export function linkedImages(source: Source, files: ImageFiles): ReadonlySet<number> {
  const linked = new Set(sharedFiles(source.length, files).flat());
  for (let index = 0; index < source.length; index++)
    if (linkTo(source, index) === source.key(index)) linked.add(index);
  return linked;
}

interface Looked {
  readonly sizes: Float64Array;
  /** Which disk a file is on, and its number there. */
  readonly disks: BigUint64Array;
  readonly numbers: BigUint64Array;
  /** How many names a file has, 255 at most; 0 where it is gone. */
  readonly names: Uint8Array;
}

/** @returns undefined when the time is up */
function look({ root, paths }: FolderSpec, length: number, deadline: number): Looked | undefined {
  const sizes = new Float64Array(length);
  const [disks, numbers] = [new BigUint64Array(length), new BigUint64Array(length)];
  const names = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    if (index % 256 === 0 && Date.now() > deadline) return undefined;
    const status = statusOrNone(fileBelow(root, bytesAt(paths, index)));
    if (status === undefined) continue;
    sizes[index] = Number(status.size);
    disks[index] = status.dev;
    numbers[index] = status.ino;
    names[index] = Math.min(255, Math.max(1, Number(status.nlink)));
  }
  return { sizes, disks, numbers, names };
}

/** Nothing where the file is gone or must not be looked at: whoever reads it says so. */
function statusOrNone(path: Buffer): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/** Where images lie when the links to folders on the way are followed. */
function realPaths(source: Source, root: string): (index: number) => string {
  const known = new Map<string, string>();
  const real = (folder: string): string => {
    const path = known.get(folder) ?? realPath(join(root, folder));
    known.set(folder, path);
    return path;
  };
  return (index) => {
    const key = source.key(index);
    const link = linkTo(source, index);
    return link === undefined || link === key
      ? join(real(''), key)
      : join(real(link), key.slice(link.length));
  };
}

/** The path itself where its name is not UTF-8, so that it is not found as it is written. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
