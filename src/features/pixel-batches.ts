/** Shown images put together to batches of one size, normalized as a network takes them. */
import type { Image } from '../image/image.ts';
import { type ChannelStatistics, normalizationTable, normalize, statisticsFor } from '../image/normalize.ts';
import type { PixelBatch } from './frozen-backbone.ts';
import type { ShownImage } from './shown-images.ts';

export interface BatchOptions {
  /** Images of a batch, at most. */
  readonly batch: number;
  /** What the views are normalized with; ImageNet's statistics unless given. */
  readonly statistics?: ChannelStatistics | undefined;
}

export interface ShownBatch {
  readonly images: readonly ShownImage[];
  /** Place of each among all images that came. */
  readonly places: readonly number[];
  /** The pixels of all images, once for each view. */
  readonly views: readonly PixelBatch[];
}

/** Numbers of the views that wait for others of their size, at most; 64 MiB. */
const HELD = 2 ** 24;

interface Group {
  readonly images: ShownImage[];
  readonly places: number[];
}

/** Images of one size stay in order; of sizes that differ, the one whose batch is full first comes first. */
export async function* pixelBatches(
  images: AsyncIterable<ShownImage>,
  { batch, statistics }: BatchOptions,
): AsyncGenerator<ShownBatch> {
  const groups = new Map<string, Group>();
  let [held, place] = [0, 0];
  for await (const image of images) {
    const { width, height } = first(image);
    const size = `${height} x ${width}`;
    const group = groups.get(size) ?? { images: [], places: [] };
    groups.set(size, group);
    group.images.push(image);
    group.places.push(place++);
    held += numbersOf(image);
    if (group.images.length === batch) {
      groups.delete(size);
      held -= group.images.reduce((sum, each) => sum + numbersOf(each), 0);
      yield together(group, statistics);
    } else if (held >= HELD) {
      for (const waiting of groups.values()) yield together(waiting, statistics);
      groups.clear();
      held = 0;
    }
  }
  for (const waiting of groups.values()) yield together(waiting, statistics);
}

function first({ views: [view] }: ShownImage): Image {
  if (view === undefined) throw new RangeError('An image has no view: show one or more.');
  return view;
}

function numbersOf({ views }: ShownImage): number {
  return views.reduce((sum, { data }) => sum + data.length, 0);
}

function together({ images, places }: Group, statistics: ChannelStatistics | undefined): ShownBatch {
  const { width, height, channels } = first(images[0]!);
  const table = normalizationTable(statistics ?? statisticsFor(channels));
  const each = channels * height * width;
  const views = images[0]!.views.map((_, v): PixelBatch => {
    const pixels = new Float32Array(images.length * each);
    for (const [i, image] of images.entries()) normalize(image.views[v]!, table, pixels, i * each);
    return { pixels, height, width };
  });
  return { images, places, views };
}
