/** Small square pictures of many images in one picture, for pages that show all of them. */
import sharp from 'sharp';
import type { Source } from '../../data/source.ts';
import type { Image } from '../../image/image.ts';
import { resizedCenter } from '../../image/resize.ts';
import type { Picture } from '../picture.ts';

export interface Atlas {
  readonly picture: Picture;
  /** Of each small picture, pixels. */
  readonly side: number;
  readonly columns: number;
}

const QUALITY = 82;
/** What stands in the place of an image that is no longer there. */
const GRAY = 128;

/**
 * The middle squares of some images, row by row, as one JPEG.
 *
 * @param images undefined for one that cannot be read, whose place stays gray
 * @param count of the images
 * @param side of each square in pixels
 */
export async function makeAtlas(
  images: AsyncIterable<Image | undefined>,
  count: number,
  side: number,
): Promise<Atlas> {
  const columns = Math.max(1, Math.ceil(Math.sqrt(count)));
  const [width, height] = [columns * side, Math.max(1, Math.ceil(count / columns)) * side];
  const pixels = new Uint8Array(width * height * 3).fill(GRAY);
  let i = 0;
  for await (const image of images) {
    const corner = Math.floor(i / columns) * side * width + (i % columns) * side;
    i++;
    if (image === undefined) continue;
    const square = resizedCenter(image, side, side, 'bicubic');
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        for (let c = 0; c < 3; c++) {
          pixels[3 * (corner + y * width + x) + c] =
            square.data[(y * side + x) * square.channels + (square.channels === 3 ? c : 0)]!;
        }
      }
    }
  }
  const bytes = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: QUALITY })
    .toBuffer();
  return { picture: { mime: 'image/jpeg', bytes, width, height }, side, columns };
}

/**
 * Images of a source, small enough for squares of `side` pixels; undefined where there is none or it cannot be read.
 *
 * @param indices -1 for none
 */
export async function* smallImages(
  source: Source,
  indices: ArrayLike<number>,
  side: number,
): AsyncGenerator<Image | undefined> {
  const reader = source.open(2 * side);
  try {
    for (let i = 0; i < indices.length; i++)
      yield indices[i]! < 0 ? undefined : await reader.read(indices[i]!).catch(() => undefined);
  } finally {
    reader.close();
  }
}
