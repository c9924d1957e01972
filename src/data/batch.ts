/** Batches of crops for training, and who makes them: threads in Node (`loader-node.ts`), something else elsewhere. */
import type { CropRecipe } from '../image/augment.ts';
import type { SkippedImage } from './skipped-images.ts';
import type { Source } from './source.ts';

export interface LoadOptions {
  readonly recipe: CropRecipe;
  /** Images in a batch. */
  readonly batchSize: number;
  /** Which places of each batch are loaded, where several processes share it; all unless given. */
  readonly part?: { readonly first: number; readonly images: number };
  readonly seed: number;
  /** First step, counted from the start of the run; 0 when left out. */
  readonly fromStep?: number;
  /** The step to end before. */
  readonly toStep: number;
  /** Threads; 0 prepares batches in the caller's thread when they are asked for. Default 2. */
  readonly workers?: number;
  /** Batches prepared ahead, besides the one in the caller's hands. Default 3. */
  readonly prefetch?: number;
  /** Short side to which larger images are shrunk when they are read, pixels; 0, the default, reads them whole. */
  readonly loadSize?: number;
  /** Memory for decoded images, in bytes; default 256 MiB. */
  readonly cacheBytes?: number;
}

export interface Batch {
  readonly step: number;
  readonly epoch: number;
  /** The images the crops were cut from, those of this part of the batch. */
  readonly samples: Uint32Array;
  /**
   * Crops as 8-bit pixels, in shared memory: image after image, each with all its views one after the other, each view
   * `[size, size, channels]`. Valid until `release`.
   */
  readonly crops: Uint8Array;
  /** Files met here for the first time that could not be decoded; others took their places. */
  readonly skipped: readonly SkippedImage[];
  /** Gives the memory back, to be filled again. Call it when the crops have been used. */
  release(): void;
}

/**
 * Loads the batches of steps `fromStep` to `toStep - 1`, in order. What a batch holds is a function of (seed, step) alone.
 *
 * @throws at once if an option makes no sense; while it runs, if images cannot be read
 */
export type BatchLoader = (source: Source, options: LoadOptions) => AsyncIterable<Batch>;
