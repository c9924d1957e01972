/** Images as evaluations see them: the whole image, without random changes, as the weights want it (`data/preprocessing.ts`). */
import { inputView, type Preprocessing, usualPreprocessing } from '../data/preprocessing.ts';
import { openReader } from '../data/reader.ts';
import type { Source } from '../data/source.ts';
import type { Image } from '../image/image.ts';
import { imageReason } from '../image/image-error.ts';
import { normalizationTable, normalize } from '../image/normalize.ts';

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
  /** The same of each view of the images, `pixels` first; see `views.ts`. */
  readonly views: readonly Float32Array[];
}

export interface EvalImagesOptions {
  readonly size: number;
  readonly batch: number;
  /** How an image becomes an input of `size`; the official way unless given. */
  readonly preprocessing?: Preprocessing;
  /** Which images, in order; all unless given. */
  readonly indices?: ArrayLike<number>;
  /** What is shown of an image: one or more of [size, size]; what `preprocessing` says unless given. */
  readonly view?: (image: Image, index: number) => Image | readonly Image[];
  /** Told about images that cannot be read; they are left out. */
  readonly onSkip?: (key: string, reason: string) => void;
}

interface Loaded {
  readonly index: number;
  /** The views of the image. */
  readonly images: readonly Image[];
}

/** Reads images in order, batch by batch; the last batch may be smaller. */
export async function* evalImages(
  source: Source,
  { size, batch, preprocessing = usualPreprocessing(size, source.channels), ...options }: EvalImagesOptions,
): AsyncGenerator<EvalBatch> {
  const { indices, view = (image) => inputView(image, preprocessing), onSkip } = options;
  const table = normalizationTable(preprocessing.statistics);
  const reader = openReader(source.spec);
  const wanted = Array.from(indices ?? { length: source.length }, (index, i) => index ?? i);
  const load = async (start: number): Promise<Loaded[]> => {
    const tried = await Promise.all(
      wanted.slice(start, start + batch).map(async (index) => {
        try {
          const seen = view(await reader.read(index), index);
          return { index, images: isList(seen) ? seen : [seen] };
        } catch (error) {
          return { index, reason: imageReason(error) };
        }
      }),
    );
    // Told in their order, whichever was done first.
    for (const { index, reason } of tried) if (reason !== undefined) onSkip?.(source.key(index), reason);
    return tried.flatMap(({ index, images }) => (images === undefined ? [] : { index, images }));
  };
  try {
    let next = load(0); // the next batch is decoded while this one is used
    for (let start = 0; start < wanted.length; start += batch) {
      const loaded = await next;
      if (start + batch < wanted.length) next = load(start + batch);
      const [first] = loaded;
      if (first === undefined) continue;
      const each = source.channels * size * size;
      const views = first.images.map((_, v) => {
        const pixels = new Float32Array(loaded.length * each);
        for (const [i, { images }] of loaded.entries()) {
          const image = images[v];
          if (image !== undefined) normalize(image, table, pixels, i * each);
        }
        return pixels;
      });
      yield {
        indices: loaded.map(({ index }) => index),
        images: loaded.flatMap(({ images }) => images[0] ?? []),
        pixels: views[0] ?? new Float32Array(),
        views,
      };
    }
  } finally {
    reader.close();
  }
}

const isList = (seen: Image | readonly Image[]): seen is readonly Image[] => Array.isArray(seen);
