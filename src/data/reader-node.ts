/** Reads images of a data set by number, in any thread, from the plain description that a `Source` carries. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { openFile } from '../files/file-source-node.ts';
import { decode } from '../image/decode-node.ts';
import { ImageError } from '../image/image-error.ts';
import { unpacked } from './archive-bytes-node.ts';
import { CIFAR10_RECORD, cifar10Image } from './cifar10-node.ts';
import { fileBelow } from './folder-node.ts';
import { IDX_IMAGE_HEADER, idxImage } from './idx-node.ts';
import { ParquetColumn, readParquetMetadata } from './parquet-column-node.ts';
import { readImageFile } from './read-image-file-node.ts';
import { scenesReader } from './scenes-source.ts';
import type { ImageReader } from './source.ts';
import type {
  ArchiveSpec,
  Cifar10Spec,
  FolderSpec,
  IdxSpec,
  ParquetSpec,
  SourceSpec,
  SubsetSpec,
} from './source-spec.ts';
import { bytesAt, textAt } from './text-table.ts';

/**
 * Opens the files a source needs. Folders are opened file by file as they are read.
 *
 * @param loadSize image files with a larger short side are shrunk to it, in pixels; 0 = never
 */
export function openReader(spec: SourceSpec, loadSize = 0): ImageReader {
  switch (spec.kind) {
    case 'folder':
      return folderReader(spec, loadSize);
    case 'archive':
      return archiveReader(spec, loadSize);
    case 'parquet':
      return parquetReader(spec, loadSize);
    case 'cifar10':
      return cifar10Reader(spec);
    case 'idx':
      return idxReader(spec);
    case 'scenes':
      return scenesReader(spec);
    case 'subset':
      return subsetReader(spec, loadSize);
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

function folderReader(spec: FolderSpec, loadSize: number): ImageReader {
  const { root, paths, channels, levels } = spec;
  return {
    async read(index) {
      const name = join(root, textAt(paths, index));
      const bytes = readImageFile(fileBelow(root, bytesAt(paths, index)), name);
      return decode(bytes, name, channels, { shortSide: loadSize, levels });
    },
    close() {},
  };
}

function archiveReader(spec: ArchiveSpec, loadSize: number): ImageReader {
  const { files, paths, channels, levels, fileOf, offsets, sizes, unpackedSizes } = spec;
  const descriptors = files.map((file) => openSync(file, 'r'));
  return {
    async read(index) {
      const number = fileOf[index]!;
      const file = files[number]!;
      const name = `${file}:${textAt(paths, index)}`;
      const stored = readAt(descriptors[number]!, file, offsets[index]!, sizes[index]!);
      const bytes = unpacked(stored, unpackedSizes[index]!, name);
      return decode(bytes, name, channels, { shortSide: loadSize, levels });
    },
    close: () => descriptors.forEach((descriptor) => void closeSync(descriptor)),
  };
}

function parquetReader(spec: ParquetSpec, loadSize: number): ImageReader {
  const { files, counts, column, channels, levels } = spec;
  const open = files.map((file) => openColumn(file, column));
  return {
    async read(index) {
      let [row, number] = [index, 0];
      while (number < counts.length - 1 && row >= counts[number]!) row -= counts[number++]!;
      const file = files[number]!;
      const bytes = open[number]!.column.read(row);
      const name = `${file}, row ${row}`;
      if (!(bytes instanceof Uint8Array)) throw new ImageError(name, 'holds no image.');
      return decode(bytes, name, channels, { shortSide: loadSize, levels });
    },
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

function cifar10Reader(spec: Cifar10Spec): ImageReader {
  const descriptors = spec.files.map((file) => openSync(file, 'r'));
  return {
    async read(index) {
      let record = index;
      let which = 0;
      while (which < spec.counts.length - 1 && record >= spec.counts[which]!) record -= spec.counts[which++]!;
      const bytes = readAt(descriptors[which]!, spec.files[which]!, record * CIFAR10_RECORD, CIFAR10_RECORD);
      return cifar10Image(bytes, spec.channels);
    },
    close: () => descriptors.forEach((descriptor) => void closeSync(descriptor)),
  };
}

function idxReader(spec: IdxSpec): ImageReader {
  const length = spec.height * spec.width;
  const descriptor = spec.unpacked === undefined ? openSync(spec.file, 'r') : undefined;
  return {
    async read(index) {
      const position = IDX_IMAGE_HEADER + index * length;
      const gray =
        descriptor === undefined
          ? spec.unpacked!.slice(position, position + length)
          : readAt(descriptor, spec.file, position, length);
      return idxImage(gray, spec.width, spec.height, spec.channels);
    },
    close: () => {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}

function subsetReader({ of, indices }: SubsetSpec, loadSize: number): ImageReader {
  const whole = openReader(of, loadSize);
  return {
    read: (index) => whole.read(indices[index] ?? -1),
    close: () => whole.close(),
  };
}
