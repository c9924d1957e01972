/** What is said of steps with too few images: where a method compares those of a step, one is none. */
import { OptionError } from './option-error.ts';

/** Why a step of one image is none. */
export interface SingleImage {
  readonly cause: string;
  /** What else than more images helps: flags. */
  readonly wayOut?: string;
}

/**
 * @param batch images of the step
 * @param images in the data, where that is known
 * @throws OptionError for a step of one image
 */
export function checkSingle(batch: number, { cause, wayOut }: SingleImage, images = 2): void {
  if (batch > 1) return;
  const more = images > 1 ? 'give --batch_size_per_gpu 2 or more' : 'add images to the one that there is';
  throw new OptionError(`${cause}: ${more}${wayOut === undefined ? '' : `, or ${wayOut}`}.`);
}

/** Advice to take a larger batch, as far as the data have so many images. */
export function largerBatch(
  wanted: number,
  {
    batch,
    images = Number.POSITIVE_INFINITY,
  }: { readonly batch: number; readonly images?: number | undefined },
): string {
  if (images <= batch) return 'Add images: a step holds all that there are.';
  if (images < wanted) return `Give --batch_size_per_gpu ${images}, which are all images, or add some.`;
  return `Give --batch_size_per_gpu ${wanted} or more, with --micro_batch where memory is short.`;
}
