/**
 * Data sets. `openSource` looks at a path and says what is there: a folder of images, a tar archive of one, CIFAR-10 in
 * its binary version or the IDX files of the MNIST family; `scenesSource` makes one that is rendered. Opening reads
 * names and headers only; the images are read by workers, which get the source's `spec`.
 */
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { sceneClasses, sceneLabel } from '../scenes/scene.ts';
import { findCifar10, isCifar10File, openCifar10 } from './cifar10.ts';
import { classesOf } from './class-folders.ts';
import { listImages } from './folder.ts';
import { findIdx, isIdxFile, openIdx } from './idx.ts';
import { comparePaths, countUnread, hasImageExtension, IMAGE_FORMATS, isHidden } from './image-paths.ts';
import type { SourceSpec } from './source-spec.ts';
import { indexTar } from './tar.ts';
import { packTexts, textAt } from './text-table.ts';

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
  /** Images beside these whose formats are not read, by extension. */
  readonly unread?: ReadonlyMap<string, number>;
  /** One sentence on the classes, where folders were not taken as such or not all images have one. */
  readonly classNote?: string | undefined;
  /** What a thread needs to read the images; see `openReader`. */
  readonly spec: SourceSpec;
}

export interface SourceOptions {
  /** 3 decodes to RGB, 1 to gray; left out: what the format holds (gray for IDX, RGB for all else). */
  readonly channels?: 1 | 3;
}

/**
 * Opens the data set at a path.
 *
 * @throws if the path is missing, holds no images, is damaged or of an unknown format
 */
export function openSource(path: string, options: SourceOptions = {}): Source {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) {
    throw new Error(`There is nothing at ${path}: give the path of a folder of images or of a tar archive.`);
  }
  return status.isDirectory() ? openDirectory(path, options) : openFile(path, options);
}

/** One sentence on the images that are left out because their formats are not read; undefined if there are none. */
export function explainUnread({ name, unread = new Map() }: Source): string | undefined {
  const kinds = [...unread]
    .sort(([, a], [, b]) => b - a)
    .map(([extension, count]) => `${count} .${extension}`);
  if (kinds.length === 0) return undefined;
  return `${name} also has images in formats that are not read (${kinds.join(', ')}): convert them to JPEG or PNG to use them.`;
}

/** One sentence on images that have no class, or on folders that are none; undefined where nothing is to say. */
export function explainClasses({ name, classNote }: Source): string | undefined {
  return classNote === undefined ? undefined : `${name}: ${classNote}.`;
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
  const names = readdirSync(path).sort(comparePaths);
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
  const { images: paths, others } = listImages(path);
  const { classes, labels, note } = classesOf(paths);
  const table = packTexts(paths);
  const channels = options.channels ?? 3;
  return {
    name: path,
    length: paths.length,
    channels,
    classes,
    label: labelIn(labels),
    classNote: note,
    key: (index) => textAt(table, index),
    unread: countUnread(others),
    spec: { kind: 'folder', channels, root: path, paths: table },
  };
}

/** @param labels of all images, -1 for none; empty where there are no classes */
function labelIn(labels: Int32Array): Source['label'] {
  return (index) => {
    const label = labels[index] ?? -1;
    return label < 0 ? undefined : label;
  };
}

function openFile(path: string, options: SourceOptions): Source {
  const name = basename(path).toLowerCase();
  if (name.endsWith('.tar')) return openTar(path, options.channels ?? 3);
  if (isIdxFile(path)) return openIdx(path, path, options.channels ?? 1);
  if (isCifar10File(name)) return openCifar10(path, [path], options.channels ?? 3);
  if (hasImageExtension(name)) {
    throw new Error(`${path} is a single image: give the folder that holds the images.`);
  }
  if (/\.(tgz|gz|bz2|xz|zst|zip|7z|rar)$/.test(name)) {
    throw new Error(`${path} is compressed: unpack it and give the folder or the plain .tar.`);
  }
  throw new Error(
    `${path} is of an unknown format: give a folder of images, a .tar, CIFAR-10 .bin files or IDX (ubyte) files.`,
  );
}

function openTar(path: string, channels: 1 | 3): Source {
  const all = indexTar(path);
  const members = all.filter((member) => !isHidden(member.path) && hasImageExtension(member.path));
  if (members.length === 0) {
    throw new Error(
      `The archive ${path} holds ${all.length} files but none with the extension of an image: give ${IMAGE_FORMATS} files.`,
    );
  }
  members.sort((a, b) => comparePaths(a.path, b.path));
  const paths = members.map((member) => member.path);
  const { classes, labels, note } = classesOf(paths);
  const table = packTexts(paths);
  const offsets = new Float64Array(new SharedArrayBuffer(members.length * 8));
  const sizes = new Uint32Array(new SharedArrayBuffer(members.length * 4));
  members.forEach((member, index) => {
    offsets[index] = member.offset;
    sizes[index] = member.size;
  });
  return {
    name: path,
    length: members.length,
    channels,
    classes,
    label: labelIn(labels),
    classNote: note,
    key: (index) => textAt(table, index),
    unread: countUnread(all.flatMap((member) => (isHidden(member.path) ? [] : [member.path]))),
    spec: { kind: 'tar', channels, file: path, paths: table, offsets, sizes },
  };
}
