/**
 * Image files to pixels, in Node, with sharp (libvips): JPEG, PNG, WebP, AVIF, TIFF and GIF (the first frame).
 *
 * As PIL's `convert('RGB')` does: alpha is dropped, not composited; embedded colour profiles are not applied; gray comes
 * from RGB by PIL's fixed-point luma. Unlike PIL, 16-bit samples are scaled to 8 bits instead of clipped, CMYK goes
 * through libvips' own profile, and the EXIF orientation is applied.
 */
import sharp from 'sharp';
import { luma } from './color.ts';
import type { Image } from './image.ts';

// The data workers are the parallelism, and no image is decoded twice from libvips' cache.
sharp.concurrency(1);
sharp.cache(false);

/** More pixels are refused as a decompression bomb; the limit of PIL. */
export const MAX_PIXELS = 178_956_970;

/** Gray samples to three equal channels. */
function grayToRgb(gray: Uint8Array): Uint8Array {
  const out = new Uint8Array(gray.length * 3);
  for (let i = 0, to = 0; i < gray.length; i++) {
    const value = gray[i]!;
    out[to++] = value;
    out[to++] = value;
    out[to++] = value;
  }
  return out;
}

function rgbToGray(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let i = 0, from = 0; i < out.length; i++, from += 3) {
    out[i] = luma(rgb[from]!, rgb[from + 1]!, rgb[from + 2]!);
  }
  return out;
}

/** sharp's reason, shortened to one line. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const reason = message.split('\n')[0]!.trim();
  return reason === 'Unknown error' ? 'it is damaged or cut off' : reason; // libvips does not always tell
}

/**
 * Decodes an image file.
 *
 * @param bytes the file's contents
 * @param name what errors call it, such as its path
 * @param channels 3 for RGB, 1 for gray, whatever the file holds
 * @param shortSide a larger image is shrunk to this short side while it is decoded, which is several times faster; 0 = never
 * @throws (rejects) one sentence that names the file if it is no image, is corrupt or truncated, or has too many pixels
 */
export async function decode(
  bytes: Uint8Array,
  name: string,
  channels: 1 | 3,
  shortSide = 0,
): Promise<Image> {
  let decoded: { data: Uint8Array; info: { width: number; height: number; channels: number } };
  try {
    const opened = sharp(bytes, {
      failOn: 'error',
      limitInputPixels: MAX_PIXELS,
      ignoreIcc: true,
      autoOrient: true,
    }).removeAlpha();
    decoded = await (shortSide > 0
      ? opened.resize({ width: shortSide, height: shortSide, fit: 'outside', withoutEnlargement: true })
      : opened
    )
      .raw()
      .toBuffer({ resolveWithObject: true });
  } catch (error) {
    const reason = reasonOf(error);
    throw new Error(
      reason.includes('pixel limit')
        ? `${name} has more than ${MAX_PIXELS} pixels: make it smaller or remove it.`
        : `${name} cannot be decoded (${reason}): replace or remove it; JPEG, PNG, WebP, AVIF, TIFF and GIF files are read.`,
      { cause: error },
    );
  }
  const { width, height, channels: found } = decoded.info;
  const { buffer, byteOffset, byteLength } = decoded.data;
  const pixels = new Uint8Array(buffer, byteOffset, byteLength);
  if (byteLength !== width * height * found || (found !== 1 && found !== 3)) {
    throw new Error(`${name} decodes to ${found} channels: convert it to RGB or gray.`);
  }
  const data = found === channels ? pixels : channels === 3 ? grayToRgb(pixels) : rgbToGray(pixels);
  return { width, height, channels, data };
}
