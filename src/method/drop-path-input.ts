/** Drop path as a sample input: which branches of which blocks are dropped for each image, drawn image by image. */
import { drawDropPath } from '../model/drop-path.ts';
import type { SampleInput } from './method.ts';

/**
 * Factors [rows, views * images], view after view, for one forward pass.
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
