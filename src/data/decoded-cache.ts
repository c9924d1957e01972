/**
 * Decoded images in shared memory. Decoding a small JPEG costs more than its ten crops, so small data sets are decoded
 * once, at first touch, and then served to all workers; when the budget is full, the rest is decoded every time. It
 * also remembers which files are bad. Whether an image came from here or from its file changes no bit of a batch.
 */
import type { Image } from '../image/image.ts';

/** The cache's memory, which threads share. */
export interface CacheBuffers {
  readonly channels: 1 | 3;
  /** Four numbers for each sample: state, place in `pixels` in units, width, height. */
  readonly entries: Int32Array;
  /** One number: units in use. */
  readonly used: Int32Array;
  readonly pixels: Uint8Array;
}

/** Bytes of a unit, so that places fit 32 bits. */
const UNIT = 16;
const FIELDS = 4;

const EMPTY = 0;
/** Some thread is writing it. */
const CLAIMED = 1;
const READY = 2;
const TOO_LARGE = 3;
const BAD = 4;

/** Memory for a cache of `samples` images within `bytes`; pages are taken from the system as they are filled. */
export function allocateCache(samples: number, bytes: number, channels: 1 | 3): CacheBuffers {
  const limit = 2 ** 32 - UNIT;
  return {
    channels,
    entries: new Int32Array(new SharedArrayBuffer(samples * FIELDS * 4)),
    used: new Int32Array(new SharedArrayBuffer(4)),
    pixels: new Uint8Array(new SharedArrayBuffer(Math.max(0, Math.min(limit, Math.floor(bytes))))),
  };
}

export class DecodedCache {
  readonly #buffers: CacheBuffers;

  constructor(buffers: CacheBuffers) {
    this.#buffers = buffers;
  }

  /** The image, when it is held; its data are a view and must not be written to. */
  get(index: number): Image | undefined {
    const { entries, pixels, channels } = this.#buffers;
    const at = index * FIELDS;
    if (Atomics.load(entries, at) !== READY) return undefined;
    const start = (entries[at + 1]! >>> 0) * UNIT;
    const width = entries[at + 2]!;
    const height = entries[at + 3]!;
    return { width, height, channels, data: pixels.subarray(start, start + width * height * channels) };
  }

  /** Keeps a copy of the image, when there is room and no other thread is doing so. */
  put(index: number, image: Image): void {
    const { entries, used, pixels } = this.#buffers;
    const at = index * FIELDS;
    if (Atomics.compareExchange(entries, at, EMPTY, CLAIMED) !== EMPTY) return;
    const units = Math.ceil(image.data.length / UNIT);
    const place = Atomics.add(used, 0, units) >>> 0;
    if ((place + units) * UNIT > pixels.length) {
      Atomics.sub(used, 0, units);
      Atomics.store(entries, at, TOO_LARGE);
      return;
    }
    pixels.set(image.data, place * UNIT);
    entries[at + 1] = place;
    entries[at + 2] = image.width;
    entries[at + 3] = image.height;
    Atomics.store(entries, at, READY);
  }

  /** Whether some thread failed to decode the file. */
  isBad(index: number): boolean {
    return Atomics.load(this.#buffers.entries, index * FIELDS) === BAD;
  }

  markBad(index: number): void {
    Atomics.store(this.#buffers.entries, index * FIELDS, BAD);
  }
}
