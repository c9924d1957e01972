/** PNG files of any bit depth and color type, byte by byte, which image libraries do not write. */
import { crc32, deflateSync } from 'node:zlib';

/**
 * @param colorType 0 gray, 3 indexed (with a palette of black)
 * @param rows each row's filter byte and packed samples
 * @param extra chunks before the pixels, such as sBIT
 */
export function pngOf(
  width: number,
  height: number,
  depth: number,
  colorType: number,
  rows: readonly number[],
  compressed = deflateSync(Buffer.from(rows)),
  extra: Readonly<Record<string, Uint8Array>> = {},
): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const bytes = Buffer.alloc(body.length + 8);
    bytes.writeUInt32BE(data.length, 0);
    bytes.set(body, 4);
    bytes.writeUInt32BE(crc32(body), body.length + 4);
    return bytes;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colorType, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...Object.entries(extra).map(([type, data]) => chunk(type, Buffer.from(data))),
    ...(colorType === 3 ? [chunk('PLTE', Buffer.alloc(3 * 2 ** depth))] : []),
    chunk('IDAT', compressed),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
