/** Images as evaluations see them: the whole image, without random changes, as the weights want it (`image/preprocessing.ts`). */
import type { Source } from '../data/source.ts';
import type { Image } from '../image/image.ts';
import { inputView, type Preprocessing, usualPreprocessing } from '../image/preprocessing.ts';
import { pixelBatches } from './pixel-batches.ts';
import { type ReadOptions, shownImages, type ViewOf } from './shown-images.ts';

/** The official view. @param size side of the network's input, pixels */
export function evalView(image: Image, size: number): Image {
  return inputView(image, usualPreprocessing(size, image.channels));
}

export interface EvalBatch {
  /** Numbers of the images in the source. */
  readonly indices: readonly number[];
  readonly images: readonly Image[];
  /** Normalized, [images, C, size, size]. */
  readonly pixels: Float32Array;
}

export interface EvalImagesOptions extends ReadOptions {
  readonly size: number;
  readonly batch: number;
  /** How an image becomes an input of `size`; the official way unless given. */
  readonly preprocessing?: Preprocessing;
  /** What is shown of an image, [size, size]; what `preprocessing` says unless given. */
  readonly view?: ViewOf;
}

/** Reads images in order, batch by batch; the last batch may be smaller. */
export async function* evalImages(
  source: Source,
  { size, batch, preprocessing = usualPreprocessing(size, source.channels), ...options }: EvalImagesOptions,
): AsyncGenerator<EvalBatch> {
  const { view = (image) => inputView(image, preprocessing) } = options;
  const { statistics } = preprocessing;
  for await (const { images, views } of pixelBatches(shownImages(source, view, options), {
    batch,
    statistics,
  })) {
    yield {
      indices: images.map(({ index }) => index),
      images: images.flatMap((image) => image.views[0] ?? []),
      pixels: views[0]!.pixels,
    };
  }
}
