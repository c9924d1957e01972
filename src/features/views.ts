/**
 * Several views of one image, of which the features are averaged: the image with its mirror image, or ten crops (Krizhevsky
 * et al. 2012: the center and the four corners, each with its mirror image). It asks nothing of the training and gives more
 * reliable neighbors for two or ten times the work. It is no official protocol: results name it, and one view is the default.
 */
import { flip } from '../image/flip.ts';
import type { Image } from '../image/image.ts';
import { inputView, type Preprocessing, resizedSide } from '../image/preprocessing.ts';
import { resize, resizedCrop, resizeShortSide } from '../image/resize.ts';
import { l2NormalizedRows } from '../rows/feature-rows.ts';

export const viewCounts = [1, 2, 10] as const;
export type ViewCount = (typeof viewCounts)[number];

/** What a protocol line says of it; empty for one view. */
export const viewTitles: Readonly<Record<ViewCount, string>> = {
  1: '',
  2: ', mean of the image and its mirror image',
  10: ', mean of ten crops',
};

/** @returns `count` images of [size, size]; the first is the view that evaluations have */
export function viewsOf(image: Image, preprocessing: Preprocessing, count: ViewCount): Image[] {
  const { size, interpolation } = preprocessing;
  const center = inputView(image, preprocessing);
  if (count === 1) return [center];
  if (count === 2) return [center, flip(center)];
  const side = Math.max(resizedSide(preprocessing), resizedSide({ ...preprocessing, zoom: 8 / 7 }));
  const resized =
    preprocessing.resize === 'short'
      ? resizeShortSide(image, side, interpolation)
      : resize(image, side, side, interpolation);
  const corners = [0, resized.height - size].flatMap((top) =>
    [0, resized.width - size].map((left) =>
      resizedCrop(resized, { top, left, height: size, width: size }, size, size, interpolation),
    ),
  );
  return [center, ...corners].flatMap((view) => [view, flip(view)]);
}

/**
 * The mean of the views' features, each divided by its L2 norm; of one view the feature as it is.
 *
 * @param describe gives the features of one view of all images, [images, D]
 * @param views the images, once for each view
 * @returns [images, D]
 */
export async function meanFeatures<Batch>(
  describe: (view: Batch) => Promise<Float32Array>,
  dim: number,
  views: readonly Batch[],
): Promise<Float32Array> {
  const [first, ...others] = views;
  if (first === undefined) throw new RangeError('No view was given to average: show one or more.');
  if (others.length === 0) return describe(first);
  const sum = l2NormalizedRows({ values: await describe(first), dim }).values;
  for (const view of others) {
    const { values } = l2NormalizedRows({ values: await describe(view), dim });
    for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
  }
  return sum.map((value) => value / views.length);
}
