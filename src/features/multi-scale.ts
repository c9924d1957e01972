/**
 * Features over several scales of an image (official `utils.multi_scale`, section 4.2.1 of the paper for retrieval on Paris):
 * the mean of the raw features at scales 1, 1/sqrt 2 and 1/2, divided by a norm.
 *
 * As in the official code the norm is that of the whole batch, not of each image: give batches of one, or L2-normalize the
 * rows afterwards, which cosine similarity does anyway.
 */

/** Images of one size, [batch, channels, height, width]. */
export interface ImageBatch {
  readonly values: Float32Array;
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Scales of the official evaluation. */
export const RETRIEVAL_SCALES: readonly number[] = [1, Math.SQRT1_2, 1 / 2];

/**
 * @param feature what the network makes of images of any size: [batch, dim]
 * @returns [batch, dim]
 * @throws RangeError when a scale leaves no pixel, or features cannot be combined
 */
export async function multiScale(
  images: ImageBatch,
  feature: (images: ImageBatch) => Promise<Float32Array>,
  scales: readonly number[] = RETRIEVAL_SCALES,
): Promise<Float32Array> {
  const features: Float32Array[] = [];
  for (const scale of scales) features.push(await feature(resizeByScale(images, scale)));
  return combineScales(features);
}

/**
 * The mean of the features of several scales, divided by the L2 norm of the whole mean.
 *
 * @param features of each scale, all of one size
 * @throws RangeError when there are none, sizes differ, or their mean is zero or not finite
 */
export function combineScales(features: readonly Float32Array[]): Float32Array {
  const size = features[0]?.length ?? 0;
  if (features.some((one) => one.length !== size)) {
    throw new RangeError(
      `Features of ${features.map((one) => one.length).join(', ')} numbers cannot be averaged: return [batch, dim] at every scale.`,
    );
  }
  const mean = new Float64Array(size);
  for (const one of features) for (let i = 0; i < size; i++) mean[i]! += one[i]! / features.length;
  const norm = Math.sqrt(mean.reduce((sum, value) => sum + value ** 2, 0));
  if (!(norm > 0 && norm < Number.POSITIVE_INFINITY)) {
    throw new RangeError(
      `The mean feature over the scales has the norm ${norm} and cannot be divided by it: check the image and the weights.`,
    );
  }
  return Float32Array.from(mean, (value) => value / norm);
}

/**
 * Bilinear, without antialias, to `floor(size * scale)` (torch's interpolate with a scale factor and align_corners false):
 * the source coordinate is `(i + 0.5) / scale - 0.5`, at least 0, with the scale as given, not the ratio of the sizes.
 *
 * @throws RangeError when no pixel is left
 */
export function resizeByScale(images: ImageBatch, scale: number): ImageBatch {
  if (scale === 1) return images;
  const { values, batch, channels, height, width } = images;
  const [outHeight, outWidth] = [Math.floor(height * scale), Math.floor(width * scale)];
  if (!(outHeight >= 1 && outWidth >= 1 && Number.isFinite(scale))) {
    throw new RangeError(
      `An image of ${height} x ${width} cannot be resized by ${scale}: choose a scale that leaves at least one pixel.`,
    );
  }
  const rows = taps(height, outHeight, scale);
  const columns = taps(width, outWidth, scale);
  const resized = new Float32Array(batch * channels * outHeight * outWidth);
  let at = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (const row of rows) {
      const upper = (plane * height + row.first) * width;
      const lower = (plane * height + row.second) * width;
      for (const column of columns) {
        const { first, second, weight } = column;
        const above = values[upper + first]! * (1 - weight) + values[upper + second]! * weight;
        const below = values[lower + first]! * (1 - weight) + values[lower + second]! * weight;
        resized[at++] = above * (1 - row.weight) + below * row.weight;
      }
    }
  }
  return { values: resized, batch, channels, height: outHeight, width: outWidth };
}

/** The two source pixels of every output pixel along an axis, and the weight of the second. */
function taps(size: number, outSize: number, scale: number) {
  return Array.from({ length: outSize }, (_, i) => {
    const source = Math.max(0, (i + 0.5) / scale - 0.5);
    const first = Math.min(Math.floor(source), size - 1);
    return { first, second: Math.min(first + 1, size - 1), weight: source - first };
  });
}
