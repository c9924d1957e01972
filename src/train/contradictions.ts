/** Options that cannot all be meant: found before anything is compiled, each with the flag to change. */
import { evalsOf, givenSpans, type TrainConfig, type TrainOptions, toFlag } from './config.ts';

/** A mistake in what was asked for, not in data or machine. */
export class OptionError extends Error {
  override name = 'OptionError';
}

const vitOnly = ['patchSize', 'dim', 'depth', 'heads', 'stem', 'dropPathRate'] as const;
const convnetOnly = ['widths', 'blocks', 'stemStride'] as const;
const shape = ['dim', 'depth', 'heads'] as const;

/** @throws OptionError if two options exclude each other */
export function checkOptions(options: TrainOptions): void {
  for (const [first, second] of givenSpans(options)) {
    if (second !== undefined && first !== undefined) {
      throw new OptionError(
        `--${toFlag(first)} and --${toFlag(second)} contradict each other: give one of them.`,
      );
    }
  }
  const { evals, bestBy } = evalsOf({ evals: options.evals, bestBy: options.bestBy });
  if (!evals.includes(bestBy)) {
    throw new OptionError(
      `--best_by ${bestBy} is not measured by --evals ${evals.join(' ')}: add it there, or choose the best by ${evals.join(' or ')}.`,
    );
  }
}

/** Options that say something about networks of one kind only. */
export function isForeign(name: string, arch: TrainConfig['arch']): boolean {
  const foreign: readonly string[] = arch === 'convnet' ? vitOnly : convnetOnly;
  return foreign.includes(name);
}

/**
 * @param options what the user gave
 * @param config the same, filled in
 * @throws OptionError if an option has no place beside this architecture
 */
export function checkArchitecture(options: TrainOptions, { arch }: TrainConfig): void {
  const given = <N extends keyof TrainOptions>(names: readonly N[]): N | undefined =>
    names.find((name) => options[name] !== undefined);
  const foreign = given(arch === 'convnet' ? vitOnly : convnetOnly);
  if (foreign !== undefined) {
    throw new OptionError(
      `--${toFlag(foreign)} ${options[foreign]} has no meaning for --arch ${arch}${options.arch === undefined ? ', which is chosen if none is given' : ''}: leave it out, or give --arch ${arch === 'convnet' ? 'vit' : 'convnet'}.`,
    );
  }
  const fixed = given(shape);
  if (fixed !== undefined && arch !== 'vit' && arch !== 'convnet') {
    throw new OptionError(
      `--${toFlag(fixed)} ${options[fixed]} contradicts --arch ${arch}, whose shape is fixed: leave it out, or give --arch vit.`,
    );
  }
}

/**
 * @param images in the data
 * @param couplesBatch whether the method needs the whole batch in one program
 * @throws OptionError if the data are too few for a batch, or it cannot be split as asked
 */
export function checkBatch(
  { batchSizePerGpu: batch, microBatch }: TrainConfig,
  images: number,
  couplesBatch: boolean,
): void {
  if (batch > images) {
    throw new OptionError(
      `--batch_size_per_gpu ${batch} is larger than the data set of ${images} images: set it to ${images} or less, or add images.`,
    );
  }
  if (microBatch === undefined || microBatch === batch) return;
  if (couplesBatch) {
    throw new OptionError(
      `--micro_batch ${microBatch} cannot be used with batch norm (--arch convnet, --use_bn_in_head true), which needs the whole batch of ${batch} at once: leave it out, or give --arch vit --use_bn_in_head false.`,
    );
  }
  if (batch % microBatch !== 0) {
    let near = Math.min(microBatch, batch);
    while (batch % near !== 0) near--;
    throw new OptionError(
      `--micro_batch ${microBatch} does not divide --batch_size_per_gpu ${batch}; ${near} does.`,
    );
  }
}
