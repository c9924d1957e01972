/**
 * Files of labels to masks, in Node. A label is a number, not a color: of an indexed PNG (DAVIS, PASCAL VOC) the palette
 * indices are read, of a gray PNG the samples as they are stored, so that 1-bit masks hold 0 and 1. Image libraries only give
 * colors; so the file's palette is exchanged for one that shows each index as its own gray level, and a gray file
 * of up to 8 bits is declared an indexed one.
 */
import { crc32 } from '../format/crc32.ts';
import { decode } from './decode-node.ts';
import type { Mask } from './mask.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** PNG color types. */
const GRAY = 0;
const INDEXED = 3;
/** A mask with more gray levels than this has soft edges, or is a photograph. */
const MOST_LEVELS = 64;

/**
 * Decodes a mask: a label for each pixel, 0 for the background.
 *
 * @param name what errors call the file, such as its path
 * @throws (rejects) one sentence naming the file if it is no image, holds colors that are no labels, or is a JPEG
 */
export async function decodeMask(bytes: Uint8Array, name: string): Promise<Mask> {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) {
    throw new Error(`${name} is a JPEG, which changes labels: save masks as PNG.`);
  }
  const stored = withIdentityPalette(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), name);
  const { width, height, data } = await decode(stored.bytes, name, 3, { transparent: 'stored' });
  const labels = new Uint8Array(width * height);
  for (let i = 0, at = 0; i < labels.length; i++, at += 3) {
    if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) {
      throw new Error(
        `${name} is in colors, which number no objects: save the mask as an indexed or gray PNG.`,
      );
    }
    labels[i] = data[at]!;
  }
  const levels = new Set(labels).size;
  if (!stored.isIndexed && levels > MOST_LEVELS) {
    throw new Error(
      `${name} has ${levels} gray levels, more than a mask has objects: make it 0 (background) and 255, or one level for each object.`,
    );
  }
  return { width, height, data: labels };
}

/** The file with a palette that maps index i to the gray level i; any other file as it is. */
function withIdentityPalette(file: Buffer, name: string): { bytes: Uint8Array; isIndexed: boolean } {
  const asIs = { bytes: file, isIndexed: false };
  if (file.length < 33 || !file.subarray(0, 8).equals(SIGNATURE)) return asIs;
  const [depth = 0, colorType = 0] = [file[24], file[25]];
  if (colorType === GRAY && depth === 16) {
    throw new Error(`${name} has 16 bits a pixel: save the mask with 8.`);
  }
  if (colorType !== GRAY && colorType !== INDEXED) return asIs;
  if (![1, 2, 4, 8].includes(depth)) return asIs; // no PNG has that: the decoder says so
  const header = Buffer.from(file.subarray(16, 29));
  header[9] = INDEXED;
  const palette = Buffer.alloc(3 * 2 ** depth, 0);
  for (let i = 0; i < palette.length; i++) palette[i] = Math.floor(i / 3);
  const pieces = [SIGNATURE, chunk('IHDR', header), chunk('PLTE', palette)];
  for (let at = 8; at + 12 <= file.length; ) {
    const end = at + 12 + file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    if (type === 'IDAT' || type === 'IEND') pieces.push(file.subarray(at, end));
    at = end;
  }
  return { bytes: Buffer.concat(pieces), isIndexed: colorType === INDEXED };
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const bytes = Buffer.alloc(body.length + 8);
  bytes.writeUInt32BE(data.length, 0);
  bytes.set(body, 4);
  bytes.writeUInt32BE(crc32(body), 4 + body.length);
  return bytes;
}
