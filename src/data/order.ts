/**
 * Which image stands where in training: the epoch permutations and the mapping from (step, slot) to a sample.
 *
 * As in the official data loader (`DistributedSampler(shuffle=True)` with `drop_last=True`) every epoch is a fresh
 * permutation and the images left over after the last whole batch are dropped. It departs in one point: the
 * permutation is a pure function of (seed, epoch), so a run resumed at step s needs no sampler state.
 */
import { Random } from '../random/random.ts';

/** A uniform permutation of 0 .. samples - 1, a pure function of (seed, epoch). */
export function epochOrder(seed: number, epoch: number, samples: number): Uint32Array {
  return new Random(seed, 'order', epoch).permutation(samples);
}

/**
 * Whole batches in one epoch, `floor(samples / batchSize)`.
 *
 * @throws if a batch is not a positive integer or larger than the data set
 */
export function stepsPerEpoch(samples: number, batchSize: number): number {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new Error(`The batch size is ${batchSize}: give a whole number of images, 1 or more.`);
  }
  if (batchSize > samples) {
    throw new Error(
      `A batch of ${batchSize} is larger than the data set of ${samples} images: set the batch size to ${samples} or less, or add images.`,
    );
  }
  return Math.floor(samples / batchSize);
}

/** The order of a whole run. Holds the permutation it used last, which saves time and is not state. */
export class SampleOrder {
  readonly samples: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly stepsPerEpoch: number;
  /** The place of the whole batch that `slot` 0 is. */
  readonly first: number;
  #epoch = -1;
  #permutation: Uint32Array = new Uint32Array(0);

  /**
   * @param first where the part of each batch begins that is asked for
   * @throws if the batch is larger than the data set
   */
  constructor(samples: number, batchSize: number, seed: number, first = 0) {
    this.samples = samples;
    this.batchSize = batchSize;
    this.seed = seed;
    this.first = first;
    this.stepsPerEpoch = stepsPerEpoch(samples, batchSize);
  }

  /** The epoch a step belongs to, from 0. */
  epochOf(step: number): number {
    return Math.floor(step / this.stepsPerEpoch);
  }

  /**
   * The sample in place `slot` of the batch of `step`.
   *
   * @param further asks for the sample that many places later in the epoch's order; it runs on into the images that the
   *   epoch drops and then from its start, so that `samples` consecutive values visit every image once. The loader
   *   takes replacements for unreadable files from there.
   */
  sampleAt(step: number, slot: number, further = 0): number {
    const epoch = this.epochOf(step);
    if (epoch !== this.#epoch) {
      this.#permutation = epochOrder(this.seed, epoch, this.samples);
      this.#epoch = epoch;
    }
    const position = (step - epoch * this.stepsPerEpoch) * this.batchSize + this.first + slot + further;
    return this.#permutation[position % this.samples]!;
  }
}
