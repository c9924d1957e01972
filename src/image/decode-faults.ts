/**
 * What is said of files that sharp cannot decode: one cause for each kind of fault. libvips' own words for a damaged file depend on
 * how it is read, and on other files too, since all threads share one place for its errors.
 */
import { ImageError } from './image-error.ts';

/** More pixels are refused as a decompression bomb; the limit of PIL. */
export const MAX_PIXELS = 178_956_970;

/** Files that begin as TIFF does, in the order of bytes of either kind of processor; cut off, they lack what names their kind. */
const TIFF = /^(II[*+]\0|MM\0[*+])/;

const DAMAGED = 'it is damaged or cut off';
const NO_IMAGE =
  'it is no image, or its beginning is damaged; JPEG, PNG, WebP, AVIF, HEIC, TIFF and GIF files are read';

/**
 * Waits for what sharp is doing with a file.
 *
 * @param bytes of the file, where it is only being opened
 * @throws (rejects) ImageError that names the file
 */
export async function decoded<Result>(
  name: string,
  work: Promise<Result>,
  bytes?: Uint8Array,
): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (message.includes('pixel limit')) {
      const reason = `has more than ${MAX_PIXELS} pixels: make it smaller or remove it.`;
      throw new ImageError(name, reason, { cause: error });
    }
    throw undecodable(name, causeOf(message, bytes), error);
  }
}

/** @param cause in a few words */
export function undecodable(name: string, cause: string, error?: unknown): ImageError {
  return new ImageError(name, `cannot be decoded (${cause}): replace or remove it.`, { cause: error });
}

function causeOf(message: string, bytes?: Uint8Array): string {
  if (!message.includes('unsupported image format')) return damageOr(message);
  return bytes !== undefined && TIFF.test(String.fromCharCode(...bytes.subarray(0, 4))) ? DAMAGED : NO_IMAGE;
}

/** What a decoder says where it does not know a kind of file; any other complaint is of damage. */
export function damageOr(message: string): string {
  const line = message.split('\n')[0]!.trim();
  return /unsupported|not supported|not implemented/i.test(line) ? line : DAMAGED;
}
