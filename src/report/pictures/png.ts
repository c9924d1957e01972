/**
 * PNG encoding (ISO/IEC 15948) of 8-bit gray and RGB images and of indexed masks, in Node and in browsers: rows are filtered here, the platform's
 * `CompressionStream` deflates them (its 'deflate' is the zlib format that IDAT wants).
 */
import { crc32 } from '../../format/crc32.ts';
import type { Image } from '../../image/image.ts';
import type { Mask } from '../../image/mask.ts';

const signature = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Encodes an image without loss. */
export function encodePng(image: Image): Promise<Uint8Array> {
  return encode(image, image.channels === 3 ? 2 : 0);
}

/**
 * Encodes a mask as an indexed PNG, as DAVIS and PASCAL VOC store theirs: the labels are the indices.
 *
 * @param palette 3 bytes for each label, 256 labels at most
 */
export function encodeIndexedPng({ width, height, data }: Mask, palette: Uint8Array): Promise<Uint8Array> {
  return encode({ width, height, channels: 1, data }, 3, [chunk('PLTE', palette)]);
}

async function encode(
  image: Image,
  colorType: number,
  before: readonly Uint8Array[] = [],
): Promise<Uint8Array> {
  const { width, height, channels, data } = image;
  if (width < 1 || height < 1 || data.length !== width * height * channels) {
    throw new Error(
      `An image of ${data.length} bytes cannot be ${width} x ${height} with ${channels} channels.`,
    );
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, colorType, 0, 0, 0], 8);
  const pixels = await deflate(filterRows(image));
  const pieces = [
    signature,
    chunk('IHDR', header),
    ...before,
    chunk('IDAT', pixels),
    chunk('IEND', new Uint8Array(0)),
  ];
  const file = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    file.set(piece, offset);
    offset += piece.length;
  }
  return file;
}

/** Each row preceded by its filter type, the one of the five whose output has the least sum of absolute differences. */
function filterRows({ width, height, channels, data }: Image): Uint8Array<ArrayBuffer> {
  const stride = width * channels;
  const filtered = new Uint8Array(height * (stride + 1));
  const candidate = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const row = y * stride;
    let least = Number.POSITIVE_INFINITY;
    for (let type = 0; type < 5; type++) {
      let sum = 0;
      for (let i = 0; i < stride; i++) {
        const left = i >= channels ? data[row + i - channels]! : 0;
        const above = y > 0 ? data[row + i - stride]! : 0;
        const corner = y > 0 && i >= channels ? data[row + i - stride - channels]! : 0;
        const difference = (data[row + i]! - predict(type, left, above, corner)) & 255;
        candidate[i] = difference;
        sum += difference < 128 ? difference : 256 - difference;
      }
      if (sum >= least) continue;
      least = sum;
      filtered[y * (stride + 1)] = type;
      filtered.set(candidate, y * (stride + 1) + 1);
    }
  }
  return filtered;
}

function predict(type: number, left: number, above: number, corner: number): number {
  if (type === 0) return 0;
  if (type === 1) return left;
  if (type === 2) return above;
  if (type === 3) return (left + above) >> 1;
  // Paeth: whichever of the three is nearest to left + above - corner, ties in this order.
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const compressed = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(compressed).arrayBuffer());
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}
