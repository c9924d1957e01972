/**
 * IDX files, the format of MNIST, Fashion-MNIST, KMNIST and EMNIST (yann.lecun.com/exdb/mnist): a big-endian header
 * (0, 0, 8 = unsigned bytes, number of dimensions, the dimensions) and the bytes. Images are `N x H x W` gray, labels
 * `N`. Both may be gzipped, as they are distributed; a gzipped file is unpacked whole when it is opened, for there is
 * no reading from its middle.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Image } from '../image/image.ts';
import type { StoredList } from './source.ts';

/** Bytes before the first pixel. */
export const IDX_IMAGE_HEADER = 16;
const IMAGES = 0x803;
const LABELS = 0x801;

/** The image file in a directory listing, the training part where there are several. */
export function findIdx(names: readonly string[]): string | undefined {
  const files = names.filter((name) => /images[-.]idx3-ubyte(\.gz)?$/.test(name));
  return files.find((name) => name.includes('train')) ?? files[0];
}

/** Whether a file is IDX by its name or its first bytes. */
export function isIdxFile(path: string): boolean {
  if (/idx\d-ubyte(\.gz)?$/.test(path)) return true;
  const head = new Uint8Array(4);
  const descriptor = openSync(path, 'r');
  try {
    readSync(descriptor, head, 0, 4, 0);
  } finally {
    closeSync(descriptor);
  }
  return head[0] === 0 && head[1] === 0 && head[2] === 8 && head[3] === 3;
}

function unpack(file: string): Uint8Array {
  const bytes = readFileSync(file);
  if (!file.endsWith('.gz')) return bytes;
  try {
    return gunzipSync(bytes);
  } catch {
    throw new Error(`${file} is cut off or not gzipped: download it again.`);
  }
}

/** The header's dimensions, after a look at the magic number and the file's size. */
function dimensions(file: string, header: Uint8Array, fileSize: number, magic: number): number[] {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const count = magic & 0xff;
  const headerSize = 4 + 4 * count;
  if (header.byteLength < headerSize || view.getUint32(0) !== magic) {
    throw new Error(
      `${file} is not an IDX file of ${magic === IMAGES ? 'images' : 'labels'} (magic number ${magic}): give the *-${magic === IMAGES ? 'images-idx3' : 'labels-idx1'}-ubyte file.`,
    );
  }
  const sizes = Array.from({ length: count }, (_, i) => view.getUint32(4 + 4 * i));
  const wanted = sizes.reduce((product, size) => product * size, 1) + headerSize;
  if (fileSize !== wanted) {
    throw new Error(`${file} has ${fileSize} bytes where its header announces ${wanted}: download it again.`);
  }
  return sizes;
}

/** The labels beside an image file, or undefined when there is no such file. */
function readLabels(file: string, count: number): Uint8Array | undefined {
  const plain = file.replace(/\.gz$/, '').replace(/images([-.])idx3/, 'labels$1idx1');
  if (plain === file.replace(/\.gz$/, '')) return undefined;
  const path = [plain, `${plain}.gz`].find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  const bytes = unpack(path);
  const [labels] = dimensions(path, bytes, bytes.length, LABELS);
  if (labels !== count) {
    throw new Error(
      `${path} has ${labels} labels for the ${count} images of ${file}: give files that belong together.`,
    );
  }
  return bytes.subarray(8);
}

/** @throws if the file is cut off, no IDX file of images, or does not fit its labels */
export function openIdx(name: string, file: string, channels: 1 | 3): StoredList {
  let header: Uint8Array;
  let unpacked: Uint8Array | undefined;
  let fileSize: number;
  if (file.endsWith('.gz')) {
    const bytes = unpack(file);
    unpacked = new Uint8Array(new SharedArrayBuffer(bytes.length));
    unpacked.set(bytes);
    header = bytes.subarray(0, IDX_IMAGE_HEADER);
    fileSize = bytes.length;
  } else {
    const bytes = new Uint8Array(IDX_IMAGE_HEADER);
    const descriptor = openSync(file, 'r');
    try {
      header = bytes.subarray(0, readSync(descriptor, bytes, 0, IDX_IMAGE_HEADER, 0));
    } finally {
      closeSync(descriptor);
    }
    fileSize = statSync(file).size;
  }
  const [count = 0, height = 0, width = 0] = dimensions(file, header, fileSize, IMAGES);
  if (count * height * width === 0) throw new Error(`${file} holds no images: give another file.`);
  const labels = readLabels(file, count);
  const classCount = labels === undefined ? 0 : labels.reduce((most, label) => Math.max(most, label), 0) + 1;
  return {
    name,
    length: count,
    channels,
    classes: Array.from({ length: classCount }, (_, i) => String(i)),
    label: (index) => labels?.[index],
    key: (index) => String(index),
    spec: { kind: 'idx', channels, file, count, height, width, unpacked },
  };
}

/** The image whose gray bytes are given. */
export function idxImage(gray: Uint8Array, width: number, height: number, channels: 1 | 3): Image {
  if (channels === 1) return { width, height, channels, data: gray };
  const data = new Uint8Array(gray.length * 3);
  for (let i = 0; i < gray.length; i++) {
    data[3 * i] = gray[i]!;
    data[3 * i + 1] = gray[i]!;
    data[3 * i + 2] = gray[i]!;
  }
  return { width, height, channels, data };
}
