/** Images as a network is shown them, in order: while some are used, the next are read, decoded and made ready. */
import type { Source } from '../data/source.ts';
import type { Image } from '../image/image.ts';
import { imageReason } from '../image/image-error.ts';

/** An image, and the number it has where it comes from. */
export interface NumberedImage {
  readonly index: number;
  readonly image: Image;
}

/**
 * What is shown of an image: one view, or several of one size whose features are averaged.
 *
 * @param index number of the image @param place its place among those that are read
 */
export type ViewOf = (image: Image, index: number, place: number) => Image | readonly Image[];

export interface ShownImage {
  readonly index: number;
  /** One or more; the first is what the image is shown as. */
  readonly views: readonly Image[];
}

/** Told about images that cannot be read, in their order; they are left out. The reason stands behind the image's name. */
export type OnSkip = (key: string, reason: string) => void;

export interface ReadOptions {
  /** Which images, in order; all unless given. */
  readonly indices?: ArrayLike<number>;
  readonly onSkip?: OnSkip | undefined;
}

/** Views are small, so that many may wait; whole images are not. */
const VIEWS_AHEAD = 128;
const IMAGES_AHEAD = 4;

/** Reads the images of a source and shows them. */
export async function* shownImages(
  source: Source,
  view: ViewOf,
  options: ReadOptions = {},
): AsyncGenerator<ShownImage> {
  for await (const { index, value } of readAhead(source, VIEWS_AHEAD, view, options)) {
    yield { index, views: isList(value) ? value : [value] };
  }
}

/** Reads the images of a source as they are. */
export async function* readImages(source: Source, options: ReadOptions = {}): AsyncGenerator<NumberedImage> {
  for await (const { index, value } of readAhead(source, IMAGES_AHEAD, (image) => image, options))
    yield { index, image: value };
}

/** The same for images that come from elsewhere. */
export async function* shown(images: AsyncIterable<NumberedImage>, view: ViewOf): AsyncGenerator<ShownImage> {
  let place = 0;
  for await (const { index, image } of images) {
    const views = view(image, index, place++);
    yield { index, views: isList(views) ? views : [views] };
  }
}

type Loaded<Value> =
  | { readonly index: number; readonly value: Value; readonly failed: false }
  | { readonly index: number; readonly reason: string; readonly failed: true };

async function* readAhead<Value>(
  source: Source,
  ahead: number,
  use: (image: Image, index: number, place: number) => Value,
  { indices, onSkip }: ReadOptions,
): AsyncGenerator<{ readonly index: number; readonly value: Value }> {
  const reader = source.open();
  const count = indices?.length ?? source.length;
  const load = async (place: number): Promise<Loaded<Value>> => {
    const index = indices?.[place] ?? place;
    try {
      return { index, value: use(await reader.read(index), index, place), failed: false };
    } catch (error) {
      return { index, reason: imageReason(error), failed: true };
    }
  };
  try {
    const waiting: Promise<Loaded<Value>>[] = [];
    for (let done = 0, started = 0; done < count; done++) {
      while (started < Math.min(count, done + ahead)) waiting.push(load(started++));
      const loaded = await waiting.shift()!;
      if (loaded.failed) onSkip?.(source.key(loaded.index), loaded.reason);
      else yield loaded;
    }
  } finally {
    reader.close();
  }
}

const isList = (views: Image | readonly Image[]): views is readonly Image[] => Array.isArray(views);
