/** Reads an image file whole, and says in words why it cannot. */
import { readFileSync } from 'node:fs';
import { ImageError } from '../image/image-error.ts';

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'reading it is not permitted',
  EPERM: 'reading it is not permitted',
  ENOENT: 'it is no longer there',
  EIO: 'the disk cannot read it',
};

/**
 * @param name what errors call the file
 * @throws ImageError saying why it cannot be read
 */
export function readImageFile(file: string | Buffer, name: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? reasons[String(error.code)] : undefined;
    if (reason === undefined) throw error;
    throw new ImageError(name, `cannot be read: ${reason}.`, { cause: error });
  }
}
