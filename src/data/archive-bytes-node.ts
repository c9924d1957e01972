/** The contents of an archive's members. */
import { inflateRawSync } from 'node:zlib';
import { ImageError } from '../image/image-error.ts';

/**
 * @param stored the bytes in the archive
 * @param size of the contents, where the bytes are packed (deflate); 0 where they are stored as they are
 * @throws ImageError naming the member if it does not unpack to its size
 */
export function unpacked(stored: Uint8Array, size: number, name: string): Uint8Array {
  if (size === 0) return stored;
  try {
    const bytes = inflateRawSync(stored, { maxOutputLength: size });
    if (bytes.length === size) return bytes;
  } catch {
    // Damaged, or longer than it says: the same sentence.
  }
  throw new ImageError(name, 'is damaged: copy or download the archive again.');
}
