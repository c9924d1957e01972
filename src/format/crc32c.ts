/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of TFRecord files, one table look-up a byte.
 * See RFC 3720, appendix B.4, for the vectors it must give.
 */

const table = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++)
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
  table[byte] = remainder;
}

/** The CRC-32C of some bytes, an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** TFRecord stores CRCs rotated and shifted by a constant, since a CRC over data that hold their own CRC is weak. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
