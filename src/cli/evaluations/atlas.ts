/** Small square pictures of many images in one picture, for pages that show all of them. */
import sharp from 'sharp';
import { openReader } from '../../data/reader.ts';
import type { Source } from '../../data/source.ts';
import { resizedCentre } from '../../image/resize.ts';
import type { Picture } from '../../report/model.ts';

export interface Atlas {
  readonly picture: Picture;
  readonly side: number;
  readonly columns: number;
}

/** Side of each in pixels: 5000 of them stay below 16 megapixels, which phones can show. */
const SIDE = 44;
const QUALITY = 82;

/** The middle squares of some images, row by row, as one JPEG. */
export async function makeAtlas(source: Source, indices: ArrayLike<number>): Promise<Atlas> {
  const columns = Math.max(1, Math.ceil(Math.sqrt(indices.length)));
  const [width, height] = [columns * SIDE, Math.ceil(indices.length / columns) * SIDE];
  const pixels = new Uint8Array(width * height * 3);
  const reader = openReader(source.spec);
  try {
    for (let i = 0; i < indices.length; i++) {
      const image = await reader.read(indices[i]!);
      const square = resizedCentre(image, SIDE, SIDE, 'bicubic');
      const corner = Math.floor(i / columns) * SIDE * width + (i % columns) * SIDE;
      for (let y = 0; y < SIDE; y++) {
        for (let x = 0; x < SIDE; x++) {
          for (let c = 0; c < 3; c++) {
            pixels[3 * (corner + y * width + x) + c] =
              square.data[(y * SIDE + x) * square.channels + (square.channels === 3 ? c : 0)]!;
          }
        }
      }
    }
  } finally {
    reader.close();
  }
  const bytes = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: QUALITY })
    .toBuffer();
  return { picture: { mime: 'image/jpeg', bytes, width, height }, side: SIDE, columns };
}
