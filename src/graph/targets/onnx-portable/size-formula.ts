/**
 * Numbers of a graph that follow the size of the images, as formulas: polynomials with whole coefficients in the batch and in
 * the rows and columns of a grid. They are found from the numbers that the same graph has for images of several sizes.
 */

/** Sizes of images [batch, channels, height, width]. */
export interface ImageSize {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

/** What convolutions leave of the pixels along a side: floor((pixels + add) / divide). */
export interface Grid {
  readonly add: number;
  readonly divide: number;
}

/** The pixels themselves. */
export const PIXELS: Grid = { add: 0, divide: 1 };

export const along = (pixels: number, { add, divide }: Grid): number => Math.floor((pixels + add) / divide);

/** The grid behind a convolution. */
export function convolved(
  { add, divide }: Grid,
  { kernel, stride, padding }: Readonly<Record<'kernel' | 'stride' | 'padding', number>>,
): Grid {
  // floor((floor((x + a) / d) + b) / s) = floor((x + a + b d) / (d s))
  return { add: add + (2 * padding - kernel + stride) * divide, divide: divide * stride };
}

/** A product of some of the batch, the rows and the columns: which, as bits. */
export const [COLUMNS, ROWS, BATCH] = [1, 2, 4];
const MONOMIALS = 8;

export interface Formula {
  readonly grid: Grid;
  /** Of every product: `coefficients[ROWS | COLUMNS]` is that of rows * columns, `coefficients[0]` stands alone. */
  readonly coefficients: readonly number[];
}

/** Corner i has the larger columns, rows, batch where i has that bit. */
const corners: readonly ImageSize[] = Array.from({ length: MONOMIALS }, (_, i) => ({
  batch: i & BATCH ? 5 : 2,
  height: i & ROWS ? 331 : 190,
  width: i & COLUMNS ? 446 : 257,
}));

/** Others, so many that a grid's rows are not a multiple of another grid's in all of them. */
const checks: readonly ImageSize[] = [
  { batch: 3, height: 272, width: 159 },
  { batch: 7, height: 213, width: 368 },
  { batch: 4, height: 405, width: 301 },
  { batch: 6, height: 160, width: 416 },
  { batch: 8, height: 291, width: 226 },
  { batch: 9, height: 350, width: 183 },
  { batch: 3, height: 237, width: 338 },
  { batch: 4, height: 178, width: 279 },
];

/** The sizes for which numbers have to be known. */
export const TRACED: readonly ImageSize[] = [...corners, ...checks];

/**
 * The formula of a number.
 *
 * @param values of the number, for each of `TRACED`
 * @param grids of which it may be a formula
 */
export function formulaOf(values: readonly number[], grids: readonly Grid[]): Formula | undefined {
  for (const grid of grids) {
    const coefficients = interpolated(values.slice(0, MONOMIALS), grid);
    if (!coefficients.every(Number.isInteger)) continue;
    const formula = { grid, coefficients };
    if (TRACED.every((size, i) => valueAt(formula, size) === values[i])) return formula;
  }
  return undefined;
}

export function valueAt({ grid, coefficients }: Formula, { batch, height, width }: ImageSize): number {
  const [rows, columns] = [along(height, grid), along(width, grid)];
  return coefficients.reduce(
    (sum, coefficient, i) =>
      sum + coefficient * (i & BATCH ? batch : 1) * (i & ROWS ? rows : 1) * (i & COLUMNS ? columns : 1),
    0,
  );
}

/** Linear in the batch, the rows and the columns, through the values at the corners. */
function interpolated(values: readonly number[], grid: Grid): number[] {
  const [small, large] = [corners[0]!, corners[MONOMIALS - 1]!];
  const ranges = [
    [COLUMNS, along(small.width, grid), along(large.width, grid)],
    [ROWS, along(small.height, grid), along(large.height, grid)],
    [BATCH, small.batch, large.batch],
  ] as const;
  const result = [...values];
  for (const [bit, from, to] of ranges) {
    for (let i = 0; i < MONOMIALS; i++) {
      if (i & bit) continue;
      const slope = (result[i | bit]! - result[i]!) / (to - from);
      result[i] = result[i]! - slope * from;
      result[i | bit] = slope;
    }
  }
  return result;
}
