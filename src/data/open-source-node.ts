/**
 * Opens data sets, in Node. `openSource` looks at a path and says what is there: a folder of images, a tar or zip of one, tars of a
 * WebDataset, Parquet files of Hugging Face, CIFAR-10 in its binary version or the IDX files of the MNIST family. Opening reads
 * names, headers and labels only; images are read by `reader-node.ts`, here or in workers.
 */
import { readdirSync, type Stats, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findCifar10, isCifar10File, openCifar10 } from './cifar10-node.ts';
import { classesOf } from './class-folders.ts';
import { labelIn } from './class-labels.ts';
import { entryReason, type FolderListing, listFiles } from './folder-node.ts';
import { findIdx, isIdxFile, openIdx } from './idx-node.ts';
import { depthIn } from './image-files-node.ts';
import { comparePaths, countUnread, hasImageExtension } from './image-paths.ts';
import { CONVERT, refuseWithoutImages } from './no-images.ts';
import { openTars, openZip } from './open-archive-node.ts';
import { openParquet } from './open-parquet-node.ts';
import { unpackingAdvice } from './packed-files.ts';
import { openReader } from './reader-node.ts';
import { partOf } from './shards.ts';
import type { Source, SourceOptions, StoredList } from './source.ts';
import { packTexts, textAt } from './text-table.ts';
import { framesCommand, hasVideoExtension } from './video-names.ts';

/**
 * Opens the data set at a path.
 *
 * @throws if the path is missing, holds no images, is damaged or of an unknown format
 */
export function openSource(path: string, options: SourceOptions = {}): Source & StoredList {
  const opened = openList(path, options);
  const list = options.labels === 'none' ? { ...opened, ...UNLABELED_LIST } : opened;
  return { ...list, open: (loadSize) => openReader(list.spec, loadSize) };
}

const UNLABELED_LIST = { classes: [], label: () => undefined, classNote: undefined };

function openList(path: string, options: SourceOptions): StoredList {
  return statusOf(path, 'the path of a folder of images or of an archive').isDirectory()
    ? openDirectory(path, options)
    : openFile(path, options);
}

/**
 * What lies at a path.
 *
 * @param wanted what to give, for the error
 * @throws Error if there is nothing, or the system does not let it be looked at
 */
export function statusOf(path: string, wanted: string): Stats {
  const status = readable(path, () => statSync(path, { throwIfNoEntry: false }));
  if (status === undefined) throw new Error(`There is nothing at ${path}: give ${wanted}.`);
  return status;
}

/** @throws Error in words where the system does not let the path be looked at */
function readable<Result>(path: string, look: () => Result): Result {
  try {
    return look();
  } catch (error) {
    throw new Error(
      `${path} cannot be opened (${entryReason(error)}): give another path, or change its permissions.`,
      {
        cause: error,
      },
    );
  }
}

function openDirectory(path: string, options: SourceOptions): StoredList {
  const names = readable(path, () => readdirSync(path)).sort(comparePaths);
  const cifar = findCifar10(names);
  if (cifar.length > 0) {
    return openCifar10(
      path,
      cifar.map((name) => join(path, name)),
      options.channels ?? 3,
    );
  }
  const idx = findIdx(names);
  if (idx !== undefined) return openIdx(path, join(path, idx), options.channels ?? 1);
  const listing = listFiles(path);
  return listing.images.length > 0 ? openFolder(path, listing, options) : openShards(path, listing, options);
}

function openFolder(
  root: string,
  { images, others, leftOut }: FolderListing,
  options: SourceOptions,
): StoredList {
  const { channels = 3, levels } = options;
  const { classes, labels, note } = classesOf(
    images.map(({ path }) => path),
    options.labels,
  );
  const table = packTexts(images.map(({ bytes }) => bytes));
  return {
    name: root,
    length: images.length,
    channels,
    classes,
    label: labelIn(labels),
    classNote: note,
    key: (index) => textAt(table, index),
    linkDepth: depthIn(images),
    unread: countUnread(others),
    leftOut,
    spec: { kind: 'folder', channels, levels, root, paths: table },
  };
}

/** A folder without images: tars of a WebDataset, or Parquet files. @throws Error if it has neither */
function openShards(root: string, { others, leftOut }: FolderListing, options: SourceOptions): StoredList {
  for (const [ending, open] of [
    ['.tar', openTars],
    ['.parquet', openParquet],
  ] as const) {
    const shards = others.filter((path) => path.toLowerCase().endsWith(ending)).sort(comparePaths);
    if (shards.length === 0) continue;
    const { taken, left } = partOf(shards);
    const source = open(
      root,
      taken.map((path) => join(root, path)),
      options,
    );
    return { ...source, leftOut: [...leftOut, ...(source.leftOut ?? [])], otherParts: left };
  }
  return refuseWithoutImages(`The folder ${root}`, others, leftOut);
}

function openFile(path: string, options: SourceOptions): StoredList {
  const name = basename(path).toLowerCase();
  if (name.endsWith('.tar')) return openTars(path, [path], options);
  if (name.endsWith('.zip')) return openZip(path, options);
  if (name.endsWith('.parquet')) return openParquet(path, [path], options);
  if (isIdxFile(path)) return openIdx(path, path, options.channels ?? 1);
  if (isCifar10File(name)) return openCifar10(path, [path], options.channels ?? 3);
  if (hasImageExtension(name)) {
    throw new Error(`${path} is a single image: give the folder that holds the images.`);
  }
  if (hasVideoExtension(name)) {
    throw new Error(
      `${path} is a video: make images of its frames first, such as by ${framesCommand(path)}, and give their folder.`,
    );
  }
  const advice = unpackingAdvice(path);
  if (advice !== undefined) throw new Error(`${path} is compressed as a whole: ${advice}.`);
  if (countUnread([name]).size > 0)
    throw new Error(`${path} is an image of a format that is not read: ${CONVERT}.`);
  throw new Error(
    `${path} is of an unknown format: give a folder of images, a .tar, .zip or .parquet, CIFAR-10 .bin files or IDX (ubyte) files.`,
  );
}
