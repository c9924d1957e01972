/** Small pictures of images of a source, for reports. */
import type { Source } from '../../data/source.ts';
import type { Image } from '../../image/image.ts';
import { resizedCenter, resizeShortSide } from '../../image/resize.ts';
import type { Picture, PicturedImages } from '../picture.ts';
import { picture } from './pictures.ts';

/** Side in pixels. */
const SIDE = 72;

/** The middle square of an image, small. */
export function thumbnail(image: Image, side = SIDE): Promise<Picture> {
  return picture(resizedCenter(image, side, side, 'bicubic'));
}

/** The whole image with its short side at `side` pixels at most: what overlays are shown on. */
export function smallPicture(image: Image, side = 128): Promise<Picture> {
  return picture(
    Math.min(image.width, image.height) <= side ? image : resizeShortSide(image, side, 'bicubic'),
  );
}

/** Thumbnails of a source's images, as long as `use` takes; large files are shrunk while they are decoded, which is several times faster. */
export async function withThumbnails<Result>(
  source: Source,
  use: (images: PicturedImages) => Promise<Result>,
  side = SIDE,
): Promise<Result> {
  const reader = source.open(2 * side);
  try {
    return await use({
      key: (index) => source.key(index),
      pictureOf: async (index) => thumbnail(await reader.read(index), side),
    });
  } finally {
    reader.close();
  }
}

/** Thumbnails of some images, in order. */
export function thumbnails(source: Source, indices: Iterable<number>, side = SIDE): Promise<Picture[]> {
  return withThumbnails(
    source,
    async ({ pictureOf }) => {
      const pictures: Picture[] = [];
      for (const index of indices) pictures.push(await pictureOf(index));
      return pictures;
    },
    side,
  );
}

/** Which of `length` things to show: the first, the last and some evenly between, `count` at most. */
export function spread(length: number, count: number): number[] {
  if (length <= count) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - 1)) / (count - 1)));
}
