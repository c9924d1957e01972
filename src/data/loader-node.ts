/**
 * Batches of crops for training, prepared ahead by worker threads.
 *
 * What a batch holds is a function of (seed, step) alone, whichever part of it is loaded: the number of workers, their timing, the cache and the step a
 * run was resumed at change no bit of it. The workers share memory with the caller and need no word from it to go on:
 * they stay `prefetch` batches ahead even while the caller's thread is blocked.
 */
import { viewSizes } from '../image/augment.ts';
import type { Batch, LoadOptions } from './batch.ts';
import { allocateCache, DecodedCache } from './decoded-cache.ts';
import { type FillerParts, fillPlaces, NO_SAMPLE, searchLength } from './fill.ts';
import { SampleOrder } from './order.ts';
import { WorkerPool } from './pool-node.ts';
import { allocateRing, isFilled, isFree, type Ring, releaseSlot, slotOf } from './ring.ts';
import type { SkippedImage } from './skipped-images.ts';
import type { ImageReader, Source } from './source.ts';

const DEFAULT_CACHE = 256 * 2 ** 20;
/** Images that a worker takes at once: enough to decode some ahead, few enough that all workers end together. */
const LARGEST_PIECE = 16;

/**
 * Loads the batches of steps `fromStep` to `toStep - 1`, in order. Ending the loop early ends the threads. A source that threads
 * cannot open for themselves is read in the caller's thread.
 *
 * @example
 * for await (const batch of loadBatches(source, { recipe, batchSize: 64, seed: 0, toStep: 1000 })) {
 *   train(batch.crops);
 *   batch.release();
 * }
 *
 * @throws at once if an option makes no sense; while it runs, if a worker fails or more than half of the files are bad
 */
export function loadBatches(source: Source, options: LoadOptions): AsyncGenerator<Batch, void, undefined> {
  const { recipe, batchSize, seed, part = { first: 0, images: batchSize } } = options;
  const { fromStep = 0, toStep, workers = 2, prefetch = 3, loadSize = 0 } = options;
  const { first, images } = part;
  if (recipe.channels !== source.channels) {
    throw new Error(
      `The crops have ${recipe.channels} channels, but ${source.name} was opened with ${source.channels}: open it with { channels: ${recipe.channels} }.`,
    );
  }
  for (const [name, value] of Object.entries({ fromStep, toStep, workers, prefetch, loadSize })) {
    if (!Number.isInteger(value) || value < 0) {
      throw new Error(`The loader's ${name} is ${value}: give a whole number, 0 or more.`);
    }
  }
  const order = new SampleOrder(source.length, batchSize, seed, first);
  const imageBytes = viewSizes(recipe).reduce((sum, size) => sum + size * size * recipe.channels, 0);
  const pieceSize = Math.min(LARGEST_PIECE, Math.ceil(images / Math.max(1, 2 * workers)));
  const ring = allocateRing({
    fromStep,
    toStep,
    batchSize: images,
    pieceSize,
    imageBytes,
    slots: prefetch + 1,
  });
  // Raw records are read faster than they could be looked up.
  const { spec } = source;
  const raw = spec?.kind === 'cifar10' || spec?.kind === 'idx';
  const cache = allocateCache(
    source.length,
    raw ? 0 : (options.cacheBytes ?? DEFAULT_CACHE),
    source.channels,
  );
  const bad = new BadFiles(source, order);
  const onBad = (index: number, reason: string): void => bad.explain(index, reason);
  if (workers === 0 || spec === undefined) {
    const parts = { cache: new DecodedCache(cache), order, recipe, imageBytes, onBad };
    return loadHere(source.open(loadSize), ring, parts, bad);
  }
  const task = {
    spec,
    loadSize,
    length: source.length,
    batchSize,
    first,
    seed,
    recipe,
    imageBytes,
    ring,
    cache,
  };
  return loadInWorkers(ring, () => new WorkerPool(workers, task, onBad), order, bad);
}

async function* loadInWorkers(
  ring: Ring,
  start: () => WorkerPool,
  order: SampleOrder,
  bad: BadFiles,
): AsyncGenerator<Batch, void, undefined> {
  if (ring.fromStep >= ring.toStep) return;
  const pool = start();
  try {
    for (let step = ring.fromStep; step < ring.toStep; step++) {
      refuseHeldSlot(ring, step);
      await pool.until(() => isFilled(ring, step));
      const { samples } = memoryOf(ring, step);
      // The messages that explain were sent before the last piece was counted: they are on their way.
      await pool.until(() => bad.areExplained(step, samples));
      yield makeBatch(ring, step, order, bad);
    }
  } finally {
    await pool.close();
  }
}

async function* loadHere(
  reader: ImageReader,
  ring: Ring,
  parts: Omit<FillerParts, 'reader'>,
  bad: BadFiles,
): AsyncGenerator<Batch, void, undefined> {
  try {
    for (let step = ring.fromStep; step < ring.toStep; step++) {
      refuseHeldSlot(ring, step);
      await fillPlaces(
        { ...parts, reader },
        { step, from: 0, to: ring.batchSize, memory: memoryOf(ring, step) },
      );
      yield makeBatch(ring, step, parts.order, bad);
    }
  } finally {
    reader.close();
  }
}

function memoryOf(ring: Ring, step: number): { samples: Uint32Array; crops: Uint8Array } {
  const { slot } = slotOf(ring, step);
  return { samples: ring.samples[slot]!, crops: ring.crops[slot]! };
}

function refuseHeldSlot(ring: Ring, step: number): void {
  if (isFree(ring, step)) return;
  throw new Error(
    `The batch of step ${step - ring.crops.length} is still held when step ${step} is asked for: call release() on each batch, or raise prefetch.`,
  );
}

function makeBatch(ring: Ring, step: number, order: SampleOrder, bad: BadFiles): Batch {
  const { samples, crops } = memoryOf(ring, step);
  return {
    step,
    epoch: order.epochOf(step),
    samples: samples.slice(),
    crops,
    skipped: bad.take(step, samples),
    release: () => releaseSlot(ring, step),
  };
}

/** Keeps count of the files that were tried and of those that failed, in the order of the steps. */
class BadFiles {
  readonly #source: Source;
  readonly #order: SampleOrder;
  readonly #reasons = new Map<number, string>();
  readonly #reported = new Set<number>();
  readonly #tried: Uint8Array;
  #triedCount = 0;

  constructor(source: Source, order: SampleOrder) {
    this.#source = source;
    this.#order = order;
    this.#tried = new Uint8Array(source.length);
  }

  explain(index: number, reason: string): void {
    if (!this.#reasons.has(index)) this.#reasons.set(index, reason);
  }

  /** The files passed over in a batch. All those between the sample that was due and the one that is there failed. */
  #passedOver(step: number, samples: Uint32Array): number[] {
    const order = this.#order;
    const passed: number[] = [];
    for (let place = 0; place < samples.length; place++) {
      for (let further = 0; further < searchLength(order.samples); further++) {
        const index = order.sampleAt(step, place, further);
        if (index === samples[place]) break;
        passed.push(index);
      }
    }
    return passed;
  }

  areExplained(step: number, samples: Uint32Array): boolean {
    return this.#passedOver(step, samples).every((index) => this.#reasons.has(index));
  }

  #try(index: number): void {
    if (this.#tried[index] === 0) this.#triedCount++;
    this.#tried[index] = 1;
  }

  /**
   * The files that failed for the first time in this batch.
   *
   * @throws if no replacement was found, or more than half of 20 or more files (or of all) failed
   */
  take(step: number, samples: Uint32Array): SkippedImage[] {
    const skipped: SkippedImage[] = [];
    for (const index of this.#passedOver(step, samples)) {
      this.#try(index);
      if (this.#reported.has(index)) continue;
      this.#reported.add(index);
      skipped.push({ key: this.#source.key(index), reason: this.#reasons.get(index) ?? 'unknown' });
    }
    for (const index of samples) if (index !== NO_SAMPLE) this.#try(index);
    const failed = this.#reported.size;
    const enough = this.#triedCount >= Math.min(20, this.#source.length);
    if ((enough && failed * 2 > this.#triedCount) || samples.includes(NO_SAMPLE)) {
      const [first = 0] = this.#reported;
      throw new Error(
        `${failed} of the ${this.#triedCount} files tried in ${this.#source.name} could not be decoded: check the files; the first: ${this.#source.key(first)} ${this.#reasons.get(first)}`,
      );
    }
    return skipped;
  }
}
