/**
 * Altered copies of anyone's images, in the spirit of Copydays (Douze et al. 2009): crops and JPEG at some of its levels, and
 * blur, turns and captions besides. Whatever is random follows from a seed, the image and the attack.
 */
import type { NumberedImage } from '../../features/shown-images.ts';
import { blurBy, cropAway, rotate, writeOver } from '../../image/attacks.ts';
import type { Image } from '../../image/image.ts';
import { Random } from '../../random/random.ts';

/** Compresses an image at a quality of 1 to 100 and reads it back. */
export type Jpeg = (image: Image, quality: number) => Promise<Image>;

export interface Attack {
  /** `crops/30`, as Copydays names its blocks. */
  readonly name: string;
  apply(image: Image, random: Random): Image | Promise<Image>;
}

/** The attacks, a block of queries each. */
export function copyAttacks(jpeg: Jpeg): readonly Attack[] {
  return [
    ...[10, 30, 50, 70, 80].map(
      (percent): Attack => ({
        name: `crops/${percent}`,
        apply: (image, random) => cropAway(image, percent / 100, random),
      }),
    ),
    ...[75, 30, 15, 8, 3].map(
      (quality): Attack => ({ name: `jpegqual/${quality}`, apply: (image) => jpeg(image, quality) }),
    ),
    ...[1, 2, 4].map(
      (percent): Attack => ({ name: `blur/${percent}`, apply: (image) => blurBy(image, percent / 100) }),
    ),
    ...[5, 15, 45, 90].map(
      (degrees): Attack => ({ name: `rotate/${degrees}`, apply: (image) => rotate(image, degrees) }),
    ),
    { name: 'text', apply: (image, random) => writeOver(image, 0.8, random) },
  ];
}

/**
 * The copy of an image that an attack makes.
 *
 * @param index number of the image
 */
export async function attacked(image: Image, index: number, attack: Attack, seed: number): Promise<Image> {
  return attack.apply(image, new Random(seed, attack.name, index));
}

/** All copies of all images: image after image, of each one every attack. Copy a of image number i has number i * attacks + a. */
export async function* attackedImages(
  images: AsyncIterable<NumberedImage>,
  attacks: readonly Attack[],
  seed: number,
): AsyncGenerator<NumberedImage> {
  for await (const { index, image } of images) {
    for (const [a, attack] of attacks.entries())
      yield { index: index * attacks.length + a, image: await attacked(image, index, attack, seed) };
  }
}
