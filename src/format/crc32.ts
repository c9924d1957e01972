/**
 * 32-bit cyclic redundancy checks with a table of the reflected polynomial, slicing by four bytes: CRC-32 of zip archives
 * (polynomial 0xedb88320, PKWARE APPNOTE 4.4.7) and CRC-32C of TFRecord files (Castagnoli, 0x82f63b78; RFC 3720, appendix
 * B.4, has the vectors it must give).
 */

/** The CRC-32C of some bytes, an unsigned 32-bit integer. */
export const crc32c = crc(0x82f63b78);

/** The CRC-32 of zip and PNG. */
export const crc32 = crc(0xedb88320);

/** TFRecord stores CRCs rotated and shifted by a constant, since a CRC over data that hold their own CRC is weak. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const value = crc32c(bytes);
  return (((value >>> 15) | (value << 17)) + 0xa282ead8) >>> 0;
}

function crc(polynomial: number): (bytes: Uint8Array) => number {
  // tables[j][b]: the effect of byte b that is followed by j others.
  const tables = Array.from({ length: 4 }, () => new Uint32Array(256));
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++)
      remainder = remainder & 1 ? (remainder >>> 1) ^ polynomial : remainder >>> 1;
    t0[byte] = remainder;
  }
  for (let byte = 0; byte < 256; byte++) {
    t1[byte] = t0[t0[byte]! & 0xff]! ^ (t0[byte]! >>> 8);
    t2[byte] = t0[t1[byte]! & 0xff]! ^ (t1[byte]! >>> 8);
    t3[byte] = t0[t2[byte]! & 0xff]! ^ (t2[byte]! >>> 8);
  }
  return (bytes) => {
    let value = 0xffffffff;
    let i = 0;
    for (; i + 4 <= bytes.length; i += 4) {
      value ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
      value = t3[value & 0xff]! ^ t2[(value >>> 8) & 0xff]! ^ t1[(value >>> 16) & 0xff]! ^ t0[value >>> 24]!;
    }
    for (; i < bytes.length; i++) value = t0[(value ^ bytes[i]!) & 0xff]! ^ (value >>> 8);
    return ~value >>> 0;
  };
}
