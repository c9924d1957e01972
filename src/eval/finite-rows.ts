/** What every evaluation asks of the features it is given: whole rows of ordinary numbers. */
import type { FeatureRows } from './knn.ts';

/**
 * How many rows there are.
 *
 * @param what the rows, which begin the message: 'The queries'
 * @throws RangeError when there are none, or the last one is cut off
 */
export function countRows({ values, dim }: FeatureRows, what: string): number {
  const count = values.length / dim;
  if (Number.isInteger(count) && count >= 1) return count;
  throw new RangeError(
    `${what} hold ${values.length} numbers, which are not one or more rows of ${dim}: give whole rows.`,
  );
}

/**
 * The same, of rows without NaN and infinite values.
 *
 * @throws RangeError also when a value is NaN or infinite
 */
export function countFiniteRows(rows: FeatureRows, what: string): number {
  const count = countRows(rows, what);
  const { values, dim } = rows;
  let check = 0; // NaN once a value is NaN or infinite; the search for it is much slower
  for (let i = 0; i < values.length; i++) check += values[i]! * 0;
  for (let i = 0; check !== 0 && i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new RangeError(
        `${what} hold ${values[i]} in row ${Math.floor(i / dim)}: leave that image out, or take weights from before the training diverged.`,
      );
    }
  }
  return count;
}
