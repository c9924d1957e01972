/**
 * What is shown of an image while a classifier is trained on it (official `eval_linear.py`, and fine-tuning): a random resized
 * crop and, half the time, its mirror image. Nothing of DINO's own augmentation: colors tell classes apart.
 */
import { applyView, type ViewOp } from '../image/augment.ts';
import { cropBox } from '../image/crop-box.ts';
import type { Image } from '../image/image.ts';
import type { Interpolation } from '../image/resample.ts';
import { Random } from '../random/random.ts';

export interface RandomViewOptions {
  /** Side in pixels. */
  readonly size: number;
  /** Smallest and largest share of the image's area; torchvision's own 0.08 to 1 unless given. */
  readonly scale?: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly seed: number;
  /** Every epoch shows an image differently. */
  readonly epoch: number;
}

/** The view of an image by its number: a function of (seed, epoch, number) alone. */
export function randomView({
  size,
  scale = [0.08, 1],
  interpolation,
  seed,
  epoch,
}: RandomViewOptions): (image: Image, index: number) => Image {
  return (image, index) => {
    const random = new Random(seed, 'classifier view', epoch, index);
    const box = cropBox(image.height, image.width, scale, random);
    const ops: ViewOp[] = [{ op: 'resizedCrop', box, height: size, width: size, interpolation }];
    if (random.chance(0.5)) ops.push({ op: 'flip' });
    return applyView(image, ops);
  };
}
