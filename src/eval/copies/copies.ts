/**
 * Copy detection as on Copydays (official `eval_copy_detection.py`, section 4.2.1 of the paper): images are described by CLS
 * and pooled patch tokens, whitened with other images, and queries that were cropped, compressed or altered look for their
 * originals among distractors. Average precision looks at the first 20 places only.
 */
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import { averagePrecision } from '../../rows/average-precision.ts';
import { countFiniteRows, type FeatureRows, l2NormalizedRows } from '../../rows/feature-rows.ts';
import { type Neighbors, nearestNeighbors } from '../../rows/nearest-neighbors.ts';

/** Places that are looked at. */
export const PLACES = 20;

/**
 * The most similar database rows of every query by cosine, in order; all of them where the database is smaller.
 *
 * @param places how many; the official evaluation takes 20
 * @throws RangeError on values that are not finite or rows of different widths
 */
export async function rankCopies(
  engine: Engine,
  database: FeatureRows,
  queries: FeatureRows,
  places = PLACES,
  engineOptions: EngineOptions = {},
): Promise<Neighbors> {
  const rows = countFiniteRows(database, 'The database descriptors');
  countFiniteRows(queries, 'The query descriptors');
  return nearestNeighbors(engine, l2NormalizedRows(database), l2NormalizedRows(queries), {
    k: Math.min(places, rows),
    engineOptions,
  });
}

/** A set of queries that were altered in one way. */
export interface CopyBlock {
  /** `strong`, `jpegqual/3`. */
  readonly name: string;
  /** File names of its queries, in order. */
  readonly files: readonly string[];
}

/** Letters that a strongly altered image shares with the name of its original. */
const PREFIX = 4;

/**
 * Which originals each query was made from, as Copydays names its files: the original of the same number, and in the block
 * `strong` those whose names start with the same 4 letters.
 *
 * @param originals file names in the order in which they come first in the database
 * @returns database rows of every query of the block; none where the name fits no original
 */
export function copydaysPositives({ name, files }: CopyBlock, originals: readonly string[]): number[][] {
  if (name !== 'strong') return files.map((_, i) => (i < originals.length ? [i] : []));
  return files.map((file) => {
    const prefix = file.slice(0, PREFIX);
    return originals.flatMap((original, row) => (original.startsWith(prefix) ? [row] : []));
  });
}

/**
 * Average precision of every query over the positives among its places (`score_ap_from_ranks_1`): 0 where none is found. A
 * query without positives, at which the official code stops with an error, has NaN.
 *
 * @param positives database rows, for every query
 * @returns [queries]
 */
export function copyAveragePrecision(
  { queries, k, rows }: Neighbors,
  positives: readonly (readonly number[])[],
): Float64Array {
  if (positives.length !== queries) {
    throw new RangeError(
      `${positives.length} lists of positives do not fit ${queries} queries: give one for each query.`,
    );
  }
  return Float64Array.from(positives, (wanted, query) => {
    const places: number[] = [];
    for (let place = 0; place < k; place++) if (wanted.includes(rows[query * k + place]!)) places.push(place);
    return averagePrecision(places, wanted.length);
  });
}
