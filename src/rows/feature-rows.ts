/** Rows of features: what networks and pixels give for images, and what everything that measures them takes. */

/** Feature vectors, one a row. */
export interface FeatureRows {
  /** [rows, dim] */
  readonly values: Float32Array;
  readonly dim: number;
}

/** The official floor of a norm, so that a zero vector stays zero. */
const MIN_NORM = 1e-12;

/** Rows divided by their L2 norms. */
export function l2NormalizedRows({ values, dim }: FeatureRows): FeatureRows {
  const normalized = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += dim) {
    let square = 0;
    for (let i = start; i < start + dim; i++) square += values[i]! * values[i]!;
    const norm = Math.max(Math.sqrt(square), MIN_NORM);
    for (let i = start; i < start + dim; i++) normalized[i] = values[i]! / norm;
  }
  return { values: normalized, dim };
}

/** Rows of one width, one below the other. */
export function joinRows(rows: readonly Float32Array[]): FeatureRows {
  const dim = rows[0]?.length ?? 0;
  const values = new Float32Array(rows.length * dim);
  for (const [i, row] of rows.entries()) values.set(row, i * dim);
  return { values, dim };
}

/** Some rows of a set, in the order given. */
export function pickRows({ values, dim }: FeatureRows, rows: ArrayLike<number>): FeatureRows {
  const picked = new Float32Array(rows.length * dim);
  for (let i = 0; i < rows.length; i++)
    picked.set(values.subarray(rows[i]! * dim, (rows[i]! + 1) * dim), i * dim);
  return { values: picked, dim };
}

/** Rows of several sets below each other. */
export function stackRows(sets: readonly FeatureRows[]): FeatureRows {
  const [first] = sets;
  if (first === undefined || sets.length === 1) return first ?? { values: new Float32Array(), dim: 1 };
  const values = new Float32Array(sets.reduce((sum, set) => sum + set.values.length, 0));
  let at = 0;
  for (const set of sets) {
    values.set(set.values, at);
    at += set.values.length;
  }
  return { values, dim: first.dim };
}

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

/** @param bank what the other rows are called, for the message @throws RangeError unless both have one width */
export function requireSameWidth(queries: FeatureRows, rows: FeatureRows, bank: string): void {
  if (queries.dim === rows.dim) return;
  throw new RangeError(
    `The queries have ${queries.dim} numbers a row and the ${bank} has ${rows.dim}: take both from the same network.`,
  );
}
