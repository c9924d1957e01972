/** Reads images of a data set by number, in any thread, from the plain description that a `Source` carries. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { luma } from '../image/color.ts';
import { decode } from '../image/decode-node.ts';
import type { Image } from '../image/image.ts';
import { renderScene } from '../scenes/scene.ts';
import { CIFAR10_RECORD, cifar10Image } from './cifar10.ts';
import { IDX_IMAGE_HEADER, idxImage } from './idx.ts';
import type {
  Cifar10Spec,
  FolderSpec,
  IdxSpec,
  ScenesSpec,
  SourceSpec,
  SubsetSpec,
  TarSpec,
} from './source-spec.ts';
import { textAt } from './text-table.ts';

export interface ImageReader {
  /**
   * Image number `index`, decoded to the source's channels.
   *
   * @throws (rejects) if the file cannot be read or decoded
   */
  read(index: number): Promise<Image>;
  /** Closes the files. */
  close(): void;
}

/**
 * Opens the files a source needs. Folders are opened file by file as they are read.
 *
 * @param loadSize image files with a larger short side are shrunk to it, in pixels; 0 = never
 */
export function openReader(spec: SourceSpec, loadSize = 0): ImageReader {
  switch (spec.kind) {
    case 'folder':
      return folderReader(spec, loadSize);
    case 'tar':
      return tarReader(spec, loadSize);
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
  return {
    async read(index) {
      const path = join(spec.root, textAt(spec.paths, index));
      return decode(readFileSync(path), path, spec.channels, loadSize);
    },
    close() {},
  };
}

function tarReader(spec: TarSpec, loadSize: number): ImageReader {
  const descriptor = openSync(spec.file, 'r');
  return {
    async read(index) {
      const bytes = readAt(descriptor, spec.file, spec.offsets[index]!, spec.sizes[index]!);
      return decode(bytes, `${spec.file}:${textAt(spec.paths, index)}`, spec.channels, loadSize);
    },
    close: () => closeSync(descriptor),
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

function scenesReader(spec: ScenesSpec): ImageReader {
  return {
    async read(index) {
      const { image } = renderScene(spec.seed, index, spec.size);
      if (spec.channels === 3) return image;
      const data = new Uint8Array(spec.size * spec.size);
      for (let i = 0; i < data.length; i++) {
        data[i] = luma(image.data[3 * i]!, image.data[3 * i + 1]!, image.data[3 * i + 2]!);
      }
      return { width: spec.size, height: spec.size, channels: 1, data };
    },
    close() {},
  };
}

function subsetReader({ of, indices }: SubsetSpec, loadSize: number): ImageReader {
  const whole = openReader(of, loadSize);
  return {
    read: (index) => whole.read(indices[index] ?? -1),
    close: () => whole.close(),
  };
}
