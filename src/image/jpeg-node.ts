/** What JPEG leaves of an image, in Node, with sharp (chroma at half the resolution). */
import sharp from 'sharp';
import { decode } from './decode-node.ts';
import type { Image } from './image.ts';

/** @param quality 1 to 100 */
export async function jpegCopy({ width, height, channels, data }: Image, quality: number): Promise<Image> {
  const bytes = await sharp(data, { raw: { width, height, channels } }).jpeg({ quality }).toBuffer();
  return decode(bytes, `the JPEG of quality ${quality}`, channels);
}
