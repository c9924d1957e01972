/**
 * Places of some rows in the ranking of all, without sorting all: rows are counted between the wanted ones, each looked up
 * among the few of these in the bucket that its similarity falls into.
 */

/** Buckets for each wanted row, besides one for each row: so many that few rows share one with a wanted row. */
const BUCKETS = 16;

/** Some rows in the order of a ranking, and their places in it. */
export interface RankedRows {
  readonly rows: Int32Array;
  /** 0-based, ascending. */
  readonly places: Int32Array;
}

/**
 * Ranks some rows among all by falling similarity, equal ones by row.
 *
 * @param similarities of all rows, no NaN
 * @param wanted ascending
 * @throws RangeError for more than two million wanted rows
 */
export function rankAmongAll(similarities: Float32Array, wanted: readonly number[]): RankedRows {
  const rows = bySimilarity(similarities, wanted);
  const places = new Int32Array(rows.length);
  if (rows.length === 0) return { rows, places };
  const values = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = similarities[rows[i]!]!;
  const [highest, lowest] = [values[0]!, values[values.length - 1]!];
  const buckets = BUCKETS * rows.length + similarities.length;
  // Rounding keeps order, so a row in a higher bucket is really more similar.
  const perUnit = highest > lowest ? (buckets - 1) / (highest - lowest) : 0;
  const starts = bucketStarts(values, buckets, lowest, perUnit);
  /** How many rows come right before each wanted one (itself included), and behind the one before it. */
  const between = new Int32Array(rows.length + 1);
  for (let row = 0; row < similarities.length; row++) {
    const similarity = similarities[row]!;
    if (similarity < lowest) continue;
    const bucket = similarity > highest ? buckets - 1 : Math.trunc((similarity - lowest) * perUnit);
    // The first wanted row that does not come before this one.
    let [low, high] = [starts[bucket + 1]!, starts[bucket]!];
    while (low < high) {
      const middle = (low + high) >> 1;
      const value = values[middle]!;
      if (similarity > value || (similarity === value && row <= rows[middle]!)) high = middle;
      else low = middle + 1;
    }
    between[low]!++;
  }
  let before = 0;
  for (let i = 0; i < rows.length; i++) {
    before += between[i]!;
    places[i] = before - 1;
  }
  return { rows, places };
}

/** Bits of a sort key that number the rows; the 32 above them are the similarity. */
const INDEX = 2 ** 21;

/** Rows by falling similarity, equal ones by row: as whole numbers, which sort faster than by a comparison function. */
function bySimilarity(similarities: Float32Array, wanted: readonly number[]): Int32Array {
  if (wanted.length > INDEX) {
    throw new RangeError(
      `${wanted.length} rows cannot be ranked among the others, at most ${INDEX} can: score a part of the images.`,
    );
  }
  const value = new Float32Array(1);
  const bits = new Int32Array(value.buffer);
  const keys = new Float64Array(wanted.length);
  for (let i = 0; i < keys.length; i++) {
    value[0] = 0 - similarities[wanted[i]!]!; // falling, and never -0
    // The bits of positive floats rise with them, those of negative ones fall.
    const rising = bits[0]! >= 0 ? bits[0]! + 2 ** 31 : -1 - bits[0]!;
    keys[i] = rising * INDEX + i;
  }
  keys.sort();
  const rows = new Int32Array(wanted.length);
  for (let i = 0; i < rows.length; i++) {
    const key = keys[i]!;
    rows[i] = wanted[key - Math.floor(key / INDEX) * INDEX]!;
  }
  return rows;
}

/** How many of the falling values are in each bucket or a higher one, [buckets + 1]. */
function bucketStarts(values: Float32Array, buckets: number, lowest: number, perUnit: number): Int32Array {
  const starts = new Int32Array(buckets + 1);
  for (let i = 0; i < values.length; i++) starts[Math.trunc((values[i]! - lowest) * perUnit)]!++;
  for (let bucket = buckets - 1; bucket >= 0; bucket--) starts[bucket]! += starts[bucket + 1]!;
  return starts;
}
