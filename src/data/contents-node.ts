/** The bytes of a data set's images as they are stored, before they are decoded. In Node, in any thread. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openFile } from '../files/file-source-node.ts';
import { ImageError } from '../image/image-error.ts';
import { unpacked } from './archive-bytes-node.ts';
import { CIFAR10_RECORD } from './cifar10-node.ts';
import { fileBelow } from './folder-node.ts';
import { IDX_IMAGE_HEADER } from './idx-node.ts';
import { ParquetColumn, readParquetMetadata } from './parquet-column-node.ts';
import { readImageFile } from './read-image-file-node.ts';
import type {
  ArchiveSpec,
  Cifar10Spec,
  FolderSpec,
  IdxSpec,
  ParquetSpec,
  SourceSpec,
} from './source-spec.ts';
import { bytesAt, textAt } from './text-table.ts';

export interface Contents {
  /** What errors call an image. */
  name(index: number): string;
  /** How many bytes an image has; read only where nothing else tells. @throws Error if it cannot be looked at */
  size(index: number): number;
  /** An image file, or the record of an image in formats that hold no files. @throws Error if it cannot be read */
  read(index: number): Uint8Array;
  /** Closes the files. */
  close(): void;
}

/** Those whose images lie in files, and are no part of another one. */
export type StoredSpec = Extract<SourceSpec, FolderSpec | ArchiveSpec | ParquetSpec | Cifar10Spec | IdxSpec>;

/** Opens the files a source needs. Folders are opened file by file as they are read. */
export function openContents(spec: StoredSpec): Contents {
  switch (spec.kind) {
    case 'folder':
      return folderContents(spec);
    case 'archive':
      return archiveContents(spec);
    case 'parquet':
      return parquetContents(spec);
    case 'cifar10':
      return cifar10Contents(spec);
    case 'idx':
      return idxContents(spec);
  }
}

/** Exactly `length` bytes at `position`. */
function readAt(descriptor: number, file: string, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let got = 0;
  while (got < length) {
    const read = readSync(descriptor, bytes, got, length - got, position + got);
    if (read === 0) throw new Error(`${file} became shorter while it was read: leave it alone during a run.`);
    got += read;
  }
  return bytes;
}

/** Several files behind one another: which of them holds an image, and which of its own it is there. */
function placeIn(counts: readonly number[], index: number): { file: number; row: number } {
  let [row, file] = [index, 0];
  while (file < counts.length - 1 && row >= counts[file]!) row -= counts[file++]!;
  return { file, row };
}

function folderContents({ root, paths }: FolderSpec): Contents {
  const name = (index: number): string => join(root, textAt(paths, index));
  return {
    name,
    size: (index) => statSync(fileBelow(root, bytesAt(paths, index))).size,
    read: (index) => readImageFile(fileBelow(root, bytesAt(paths, index)), name(index)),
    close() {},
  };
}

function archiveContents(spec: ArchiveSpec): Contents {
  const { files, paths, fileOf, offsets, sizes, unpackedSizes } = spec;
  const descriptors = files.map((file) => openSync(file, 'r'));
  const name = (index: number): string => `${files[fileOf[index]!]}:${textAt(paths, index)}`;
  return {
    name,
    size: (index) => unpackedSizes[index]! || sizes[index]!,
    read(index) {
      const number = fileOf[index]!;
      const stored = readAt(descriptors[number]!, files[number]!, offsets[index]!, sizes[index]!);
      return unpacked(stored, unpackedSizes[index]!, name(index));
    },
    close: () => descriptors.forEach((descriptor) => void closeSync(descriptor)),
  };
}

function parquetContents({ files, counts, column }: ParquetSpec): Contents {
  const open = files.map((file) => openColumn(file, column));
  const name = (index: number): string => {
    const { file, row } = placeIn(counts, index);
    return `${files[file]}, row ${row}`;
  };
  const read = (index: number): Uint8Array => {
    const { file, row } = placeIn(counts, index);
    const bytes = open[file]!.column.read(row);
    if (!(bytes instanceof Uint8Array)) throw new ImageError(name(index), 'holds no image.');
    return bytes;
  };
  return {
    name,
    size: (index) => read(index).length,
    read,
    close: () => open.forEach((each) => void each.close()),
  };
}

function openColumn(file: string, path: readonly string[]) {
  const source = openFile(file);
  return {
    column: new ParquetColumn(source, readParquetMetadata(source), path),
    close: () => source.close(),
  };
}

function cifar10Contents({ files, counts }: Cifar10Spec): Contents {
  const descriptors = files.map((file) => openSync(file, 'r'));
  return {
    name: (index) => {
      const { file, row } = placeIn(counts, index);
      return `${files[file]}, record ${row}`;
    },
    size: () => CIFAR10_RECORD,
    read(index) {
      const { file, row } = placeIn(counts, index);
      return readAt(descriptors[file]!, files[file]!, row * CIFAR10_RECORD, CIFAR10_RECORD);
    },
    close: () => descriptors.forEach((descriptor) => void closeSync(descriptor)),
  };
}

function idxContents({ file, height, width, unpacked: whole }: IdxSpec): Contents {
  const length = height * width;
  const descriptor = whole === undefined ? openSync(file, 'r') : undefined;
  return {
    name: (index) => `${file}, image ${index}`,
    size: () => length,
    read(index) {
      const position = IDX_IMAGE_HEADER + index * length;
      return descriptor === undefined
        ? whole!.slice(position, position + length)
        : readAt(descriptor, file, position, length);
    },
    close: () => {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}
