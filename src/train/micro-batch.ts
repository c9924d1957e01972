/**
 * The size of micro-batches: how many images one run of the gradients program takes. Small networks are fastest with as many
 * as fit the processor's caches; large ones gain nothing from it, but memory. A rule names a size, and it and its double are
 * measured.
 */
import { viewSizes } from '../image/augment.ts';
import { cropRecipeOf } from './build.ts';
import type { TrainConfig } from './config.ts';
import { Trainer, type TrainerOptions } from './trainer.ts';

/** About what the caches of two cores hold, in bytes. */
const CACHES = 16 * 2 ** 20;
/** Arrays of a block's width that are alive at once. */
const ALIVE = 8;
/** A larger micro-batch takes up to twice the memory, so it has to be this much faster. */
const WORTH = 0.9;

/**
 * The sizes worth measuring, smallest first.
 *
 * @param isWhole whether the whole batch goes into one program: because images depend on each other, or on a device, where a step is
 *   one program
 */
export function microBatchCandidates(config: TrainConfig, isWhole: boolean): number[] {
  const { batchSizePerGpu: batch, patchSize, dim } = config;
  if (isWhole) return [batch];
  const tokens = viewSizes(cropRecipeOf(config)).reduce((sum, size) => sum + (size / patchSize) ** 2 + 1, 0);
  return microBatchSizes(batch, tokens, dim);
}

/**
 * Divisors of a batch worth measuring: the largest that fits the caches, and about its double.
 *
 * @param tokens of all views of an image
 */
export function microBatchSizes(batch: number, tokens: number, dim: number): number[] {
  const fits = Math.max(1, Math.floor(CACHES / (tokens * dim * 4 * ALIVE)));
  const divisors = Array.from({ length: batch }, (_, i) => i + 1).filter((size) => batch % size === 0);
  const small = divisors.filter((size) => size <= fits).at(-1) ?? 1;
  const next = divisors.find((size) => size >= 2 * small);
  return next === undefined ? [small] : [small, next];
}

/** Runs of a measurement: the first one faults its memory in. */
const RUNS = 2;

/** Time of one run of a trainer's program for each of its images, on noise; the weights stay as they are. */
export async function millisecondsPerImage(trainer: Trainer): Promise<number> {
  trainer.fillWithNoise();
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    await trainer.run();
    best = Math.min(best, performance.now() - start);
  }
  return best / trainer.microBatch;
}

/** A trainer with the best of these micro-batches. Sizes are measured on the same arrays, one program after the other. */
export async function fastestTrainer(options: TrainerOptions, sizes: readonly number[]): Promise<Trainer> {
  const [first = options.batchSize, ...others] = sizes;
  let best = await Trainer.create({ ...options, microBatch: first });
  let bestTime = others.length === 0 ? 0 : await millisecondsPerImage(best);
  for (const size of others) {
    const other = await Trainer.create({ ...options, microBatch: size, updater: best.updater });
    const time = await millisecondsPerImage(other);
    const better = time < WORTH * bestTime;
    await (better ? best : other).dispose({ keepUpdater: true });
    if (better) [best, bestTime] = [other, time];
  }
  return best;
}
