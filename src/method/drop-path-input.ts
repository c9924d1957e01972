/** Drop path as a sample input: which branches of which blocks are dropped for each image. */
import type { Tensor } from '../graph/index.ts';
import { type BackboneConfig, dropPathRates } from '../model/backbone.ts';
import { drawDropPath, drawKeptImages, keptImages } from '../model/drop-path.ts';
import type { ObjectiveInputs, SampleInput, ViewGroup } from './method.ts';

/** Factors for each group of views, which pass through the student together; none for a network that drops nothing. */
export function dropPathInputsOf(
  backbone: BackboneConfig,
  rate: number,
  views: readonly ViewGroup[],
): Record<string, SampleInput> {
  const rates = dropPathRates(backbone, rate);
  if (rates.length === 0) return {};
  return Object.fromEntries(
    views.map(({ count }, group) => [`dropPath${group}`, dropPathInput(rates, count)] as const),
  );
}

/** What `dropPathInputsOf` declared for a group of views; undefined where that is nothing. */
export function dropPathOf(
  { sample }: Pick<ObjectiveInputs, 'sample'>,
  backbone: BackboneConfig,
  rate: number,
  group: number,
): Tensor | undefined {
  return dropPathRates(backbone, rate).length > 0 ? sample(`dropPath${group}`) : undefined;
}

/**
 * Numbers of the images of a batch that each branch is computed for [2 * depth, kept], for one forward pass. The images of a batch
 * depend on each other so: it cannot be parted.
 *
 * @param views of each image in that pass; each is kept or not for itself
 */
export function keptImagesInput(rate: number, depth: number, views: number): SampleInput {
  return {
    dtype: 'i64',
    shape: (images) => [2 * depth, keptImages(rate, views * images)],
    values: ({ start, images, random }) => drawKeptImages(random(start), rate, depth, views * images),
  };
}

/**
 * Factors [rows, views * images], view after view, for one forward pass, drawn image by image.
 *
 * @param rates drop probability of each row, as `dropPathRates` says
 * @param views of each image in that pass; each is dropped for itself
 */
export function dropPathInput(rates: readonly number[], views: number): SampleInput {
  const rows = rates.length;
  return {
    shape: (images) => [rows, views * images],
    values: ({ start, images, random }) => {
      const factors = new Float32Array(rows * views * images);
      for (let i = 0; i < images; i++) {
        const own = drawDropPath(random(start + i), rates, views); // [rows, views]
        for (let at = 0; at < own.length; at++) factors[at * images + i] = own[at]!;
      }
      return factors;
    },
  };
}
