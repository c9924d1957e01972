/**
 * Fills a piece of a batch: reads images, replaces those that cannot be decoded, cuts the crops. Workers and, without
 * workers, the main thread run the same code. What it writes is a function of (seed, step, place in the batch) alone.
 */
import { augment, type CropRecipe } from '../image/augment.ts';
import type { Image } from '../image/image.ts';
import { imageReason } from '../image/image-error.ts';
import { Random } from '../random/random.ts';
import type { DecodedCache } from './decoded-cache.ts';
import type { SampleOrder } from './order.ts';
import type { ImageReader } from './source.ts';

/** Written as the sample where no replacement was found. */
export const NO_SAMPLE = 0xffffffff;

/**
 * So many unreadable files in a row end the search for a replacement. The order is random: a data set of which half
 * is readable comes here once in 2^64 times.
 */
const LONGEST_SEARCH = 64;

/** Images of a piece that are decoded ahead while another one is cropped. */
const DECODE_AHEAD = 3;

export interface BatchMemory {
  /** The sample that fills each place. */
  readonly samples: Uint32Array;
  /** The crops, image after image. */
  readonly crops: Uint8Array;
}

export interface FillerParts {
  readonly reader: ImageReader;
  readonly cache: DecodedCache;
  readonly order: SampleOrder;
  readonly recipe: CropRecipe;
  /** Bytes of all crops of one image. */
  readonly imageBytes: number;
  /** Told of every file that could not be decoded, before its replacement is used; the reason stands behind its name. */
  onBad(index: number, reason: string): void;
}

interface Loaded {
  readonly index: number;
  readonly image: Image;
}

/** Places `from` .. `to - 1` of the batch of `step`. */
export interface PlacesToFill {
  readonly step: number;
  readonly from: number;
  readonly to: number;
  readonly memory: BatchMemory;
}

/** Fills some places of a batch; gives up early, the piece unfinished, when `stopped`. */
export async function fillPlaces(
  parts: FillerParts,
  { step, from, to, memory }: PlacesToFill,
  stopped: () => boolean = () => false,
): Promise<void> {
  const { order, recipe, imageBytes } = parts;
  const epoch = order.epochOf(step);
  const ahead: Promise<Loaded | undefined>[] = [];
  let started = from;
  for (let place = from; place < to && !stopped(); place++) {
    while (started < to && started <= place + DECODE_AHEAD) ahead.push(load(parts, step, started++));
    const loaded = await ahead.shift()!;
    if (loaded === undefined) {
      memory.samples[place] = NO_SAMPLE;
      continue;
    }
    memory.samples[place] = loaded.index;
    // Named by the sample that belongs here, so that a replacement, which stands in the epoch a second time, is cropped
    // differently there.
    const random = new Random(order.seed, 'augment', epoch, order.sampleAt(step, place));
    augment(
      loaded.image,
      recipe,
      random,
      memory.crops.subarray(place * imageBytes, (place + 1) * imageBytes),
    );
  }
  await Promise.all(ahead);
}

/** The image of a place, or the next one in the epoch's order that decodes. */
async function load(parts: FillerParts, step: number, place: number): Promise<Loaded | undefined> {
  const { reader, cache, order, onBad } = parts;
  const tries = searchLength(order.samples);
  for (let further = 0; further < tries; further++) {
    const index = order.sampleAt(step, place, further);
    const held = cache.get(index);
    if (held !== undefined) return { index, image: held };
    if (cache.isBad(index)) continue;
    try {
      const image = await reader.read(index);
      cache.put(index, image);
      return { index, image };
    } catch (error) {
      onBad(index, imageReason(error));
      cache.markBad(index);
    }
  }
  return undefined;
}

/** How many files are tried for one place. */
export function searchLength(samples: number): number {
  return Math.min(samples, LONGEST_SEARCH);
}
