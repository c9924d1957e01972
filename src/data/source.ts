/**
 * Data sets. `openSource` looks at a path and says what is there: a folder of images, a tar or zip of one, tars of a WebDataset,
 * Parquet files of Hugging Face, CIFAR-10 in its binary version or the IDX files of the MNIST family; `scenesSource` makes one
 * that is rendered. Opening reads names, headers and labels only; the images are read by workers, which get the source's `spec`.
 */
import { readdirSync, type Stats, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Levels } from '../image/levels.ts';
import { sceneClasses, sceneLabel } from '../scenes/scene.ts';
import { findCifar10, isCifar10File, openCifar10 } from './cifar10.ts';
import { classesOf } from './class-folders.ts';
import { labelIn } from './class-labels.ts';
import { entryReason, type FolderListing, listFiles } from './folder.ts';
import { findIdx, isIdxFile, openIdx } from './idx.ts';
import { depthIn } from './image-files.ts';
import { comparePaths, countUnread, hasImageExtension } from './image-paths.ts';
import { explainLeftOut, type LeftOut } from './left-out.ts';
import { explainLinks } from './linked-images.ts';
import { CONVERT, namedKinds, refuseWithoutImages } from './no-images.ts';
import { openTars, openZip } from './open-archive.ts';
import { openParquet } from './open-parquet.ts';
import { unpackingAdvice } from './packed-files.ts';
import { partOf } from './shards.ts';
import type { SourceSpec } from './source-spec.ts';
import { packTexts, textAt } from './text-table.ts';
import { framesCommand, hasVideoExtension } from './video-file.ts';

/** A data set: images by number, in an order that depends on their names only. */
export interface Source {
  /** The path as it was given. */
  readonly name: string;
  /** How many images. */
  readonly length: number;
  /** 3 = decoded to RGB, 1 = to gray. */
  readonly channels: 1 | 3;
  /** Class names, in the order that numbers them, or [] when the source has no classes. */
  readonly classes: readonly string[];
  /** The number of the image's class; undefined where it has none. */
  label(index: number): number | undefined;
  /** The image's path inside the source. */
  key(index: number): string;
  /** How many parts of the image's path lead to the last symbolic link in it; 0 if there is none. */
  linkDepth?(index: number): number;
  /** Images beside these whose formats are not read, by extension. */
  readonly unread?: ReadonlyMap<string, number>;
  /** One sentence on the classes, where folders were not taken as such or not all images have one. */
  readonly classNote?: string | undefined;
  /** Entries that cannot be read, such as links that lead nowhere. */
  readonly leftOut?: readonly LeftOut[];
  /** Files beside these that belong to another part of the data set. */
  readonly otherParts?: readonly string[];
  /** What a thread needs to read the images; see `openReader`. */
  readonly spec: SourceSpec;
}

export interface SourceOptions {
  /** 3 decodes to RGB, 1 to gray; left out: what the format holds (gray for IDX, RGB for all else). */
  readonly channels?: 1 | 3;
  /** Black and white of samples that are not bytes (16 bits, floating point); what each file says unless given. */
  readonly levels?: Levels | undefined;
}

/**
 * Opens the data set at a path.
 *
 * @throws if the path is missing, holds no images, is damaged or of an unknown format
 */
export function openSource(path: string, options: SourceOptions = {}): Source {
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

/**
 * Sentences on what a source leaves out or has twice: formats that are not read, entries that cannot be read, other parts of the set,
 * images without a class, links.
 */
export function explainOmissions(source: Source): string[] {
  const { name, unread, leftOut = [], otherParts = [], classNote } = source;
  const sentences = [explainLeftOut(name, leftOut), explainLinks(source)];
  if (unread !== undefined && unread.size > 0)
    sentences.push(
      `${name} also has images in formats that are not read (${namedKinds(unread)}): ${CONVERT}.`,
    );
  if (otherParts.length > 0)
    sentences.push(`${name}: the training part is taken; ${otherParts.join(', ')} can be opened by itself.`);
  if (classNote !== undefined) sentences.push(`${name}: ${classNote}.`);
  return sentences.filter((sentence) => sentence !== undefined);
}

/** `count` rendered scenes of `size` x `size` pixels (src/scenes), a pure function of the seed. */
export function scenesSource(options: {
  readonly count: number;
  readonly seed?: number;
  readonly size?: number;
  readonly channels?: 1 | 3;
}): Source {
  const { count, seed = 0, size = 64, channels = 3 } = options;
  if (!Number.isInteger(count) || count < 1) {
    throw new Error(`${count} scenes were asked for: give a whole number, 1 or more.`);
  }
  if (!Number.isInteger(size) || size < 8) {
    throw new Error(`Scenes of ${size} pixels were asked for: give a whole number of pixels, 8 or more.`);
  }
  return {
    name: 'scenes',
    length: count,
    channels,
    classes: sceneClasses,
    label: (index) => sceneLabel(seed, index),
    key: (index) => `scene-${index}`,
    spec: { kind: 'scenes', channels, seed, count, size },
  };
}

function openDirectory(path: string, options: SourceOptions): Source {
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
): Source {
  const { channels = 3, levels } = options;
  const { classes, labels, note } = classesOf(images.map(({ path }) => path));
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
function openShards(root: string, { others, leftOut }: FolderListing, options: SourceOptions): Source {
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

function openFile(path: string, options: SourceOptions): Source {
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
