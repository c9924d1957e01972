/** Opens archives of images: a tar, the tars of a WebDataset, a zip. Only names, headers and labels are read. */
import { basename } from 'node:path';
import { type FileSource, openFile } from '../files/file-source-node.ts';
import { readZipDirectory, type ZipRecord, zipDataOffset } from '../format/zip.ts';
import { unpacked } from './archive-bytes-node.ts';
import { type ArchiveListing, type ArchiveMember, listArchive } from './archive-tree.ts';
import { classesOf } from './class-folders.ts';
import { labelIn } from './class-labels.ts';
import { nameText } from './file-name.ts';
import { depthIn } from './image-files-node.ts';
import { countUnread } from './image-paths.ts';
import { refuseWithoutImages } from './no-images.ts';
import type { LabelChoice, SourceOptions, StoredList } from './source.ts';
import { indexTar } from './tar-node.ts';
import { packTexts, textAt } from './text-table.ts';
import { readWebDataset, type WebDataset } from './webdataset.ts';

/** Where a member's bytes are. */
interface Place {
  readonly offset: number;
  readonly size: number;
  /** When unpacked; 0 if it is stored as it is. */
  readonly unpackedSize: number;
}

/** A member of one of several archives. */
interface Entry {
  /** Its path in the source: of several archives, that of the archive stands before it. */
  readonly path: string;
  /** Its path in its archive. */
  readonly inner: string;
  /** The number of the archive. */
  readonly file: number;
  readonly place: Place;
  /** How many parts of the path lead to the last symbolic link in it; 0 if there is none. */
  readonly linkDepth: number;
}

/**
 * @param name what the source is called
 * @param files one tar, or several that are one data set
 * @throws Error if one is damaged, or none holds an image
 */
export function openTars(name: string, files: readonly string[], options: SourceOptions): StoredList {
  const listings = files.map((file) =>
    listArchive(
      indexTar(file).map(({ path, offset, size, link }) => ({
        path,
        place: { offset, size, unpackedSize: 0 },
        ...(link === undefined ? {} : { link }),
      })),
    ),
  );
  return archiveSource(name, files, listings, options);
}

/** @throws Error if the archive is damaged, its entries are encrypted or compressed in an unusual way, or it holds no image */
export function openZip(file: string, options: SourceOptions): StoredList {
  const source = openFile(file);
  try {
    const members = readZipDirectory(source).flatMap((record): ArchiveMember<Place>[] => {
      const path = nameText(record.name);
      if (path.endsWith('/')) return []; // a folder
      const place = zipPlace(source, record, path);
      const isLink = (record.unixMode & 0o170000) === 0o120000;
      if (!isLink) return [{ path, place }];
      const target = nameText(
        unpacked(source.read(place.offset, place.size), place.unpackedSize, `${file}:${path}`),
      );
      return [{ path, place, link: { kind: 'symbolic', target } }];
    });
    return archiveSource(file, [file], [listArchive(members)], options);
  } finally {
    source.close();
  }
}

function zipPlace(source: FileSource, record: ZipRecord, path: string): Place {
  const { method, stored, size, isEncrypted } = record;
  if (isEncrypted) throw new Error(`${source.name} is encrypted (${path}): unpack it, and give the folder.`);
  if (method !== 0 && method !== 8) {
    throw new Error(
      `${source.name} is compressed in an unusual way (method ${method} of ${path}): unpack it, and give the folder.`,
    );
  }
  const offset = zipDataOffset(source, record);
  if (offset + stored > source.size)
    throw new Error(`${source.name} is cut off inside ${path}: copy or download it again.`);
  return { offset, size: stored, unpackedSize: method === 0 ? 0 : size };
}

function archiveSource(
  name: string,
  files: readonly string[],
  listings: readonly ArchiveListing<Place>[],
  { channels = 3, levels, labels: choice }: SourceOptions,
): StoredList {
  const all = (of: 'images' | 'others'): Entry[] =>
    listings.flatMap((listing, file) => {
      const prefix = files.length === 1 ? '' : `${basename(files[file]!).replace(/\.tar$/i, '')}/`;
      const around = files.length === 1 ? 0 : 1;
      return listing[of].map(({ path, place, linkDepth }) => ({
        path: prefix + path,
        inner: path,
        file,
        place,
        linkDepth: linkDepth === 0 ? 0 : around + linkDepth,
      }));
    });
  const [found, others] = [all('images'), all('others')];
  const leftOut = listings.flatMap((listing) => listing.leftOut);
  if (found.length === 0) {
    const paths = others.map(({ path }) => path);
    refuseWithoutImages(
      files.length === 1 ? `The archive ${name}` : `The archives of ${name}`,
      paths,
      leftOut,
    );
  }
  const { images, labels: of } = labeled(files, found, others, choice);
  const { classes, labels, note } = of;
  const table = packTexts(images.map(({ path }) => path));
  const numbers = new Uint32Array(new SharedArrayBuffer(images.length * 4 * 3));
  const [fileOf, sizes, unpackedSizes] = [0, 1, 2].map((i) =>
    numbers.subarray(i * images.length, (i + 1) * images.length),
  ) as [Uint32Array, Uint32Array, Uint32Array];
  const offsets = new Float64Array(new SharedArrayBuffer(images.length * 8));
  for (const [i, { file, place }] of images.entries()) {
    fileOf[i] = file;
    offsets[i] = place.offset;
    sizes[i] = place.size;
    unpackedSizes[i] = place.unpackedSize;
  }
  return {
    name,
    length: images.length,
    channels,
    classes,
    label: labelIn(labels),
    classNote: note,
    key: (index) => textAt(table, index),
    linkDepth: depthIn(images),
    unread: countUnread(others.map(({ path }) => path)),
    leftOut,
    spec: { kind: 'archive', channels, levels, files, paths: table, fileOf, offsets, sizes, unpackedSizes },
  };
}

/** Labels of a WebDataset, or those of folders. */
function labeled(
  files: readonly string[],
  images: readonly Entry[],
  others: readonly Entry[],
  choice: LabelChoice | undefined,
): WebDataset<Entry> {
  const open = new Map<number, FileSource>();
  const read = ({ file, inner, place }: Entry): Uint8Array => {
    const source = open.get(file) ?? openFile(files[file]!);
    open.set(file, source);
    return unpacked(source.read(place.offset, place.size), place.unpackedSize, `${files[file]}:${inner}`);
  };
  try {
    return (
      readWebDataset(images, others, read) ?? {
        images,
        labels: classesOf(
          images.map(({ inner }) => inner),
          choice,
        ),
      }
    );
  } finally {
    for (const source of open.values()) source.close();
  }
}
