/**
 * Differences between what the library computes and what a fixture holds, collected by quantity: a row shows the
 * comparison that came nearest to its tolerance, or went furthest beyond it.
 *
 * Where a fixture states how far the official float32 is from float64, ten times that is the tolerance; otherwise 1e-4 of
 * the largest value. A few units in the last place are always allowed.
 */
import type { Numbers } from './fixture.ts';

/** What the numbers of a row are. */
export type Measure = 'of largest' | 'absolute' | 'relative L2' | 'differing' | 'standard errors';

export interface Row {
  readonly quantity: string;
  readonly measure: Measure;
  readonly error: number;
  readonly tolerance: number;
  readonly ok: boolean;
  /** Where the error is. */
  readonly at: string;
  /** How many comparisons the row stands for. */
  readonly count: number;
}

/** Elements to leave out: flat [start, stop). */
export type Range = readonly [number, number];

/** Times the measured distance of float32 from float64. */
export const ALLOWANCE = 10;
/** Where nothing was measured: of the largest value, or relative L2. */
export const UNMEASURED = 1e-4;
const ULP = 2 ** -23;
/** Always allowed, of the largest value. */
const FLOOR = 4 * ULP;
const FLOOR_64 = 2 ** -48;

export class Comparison {
  readonly #rows = new Map<string, Row>();

  get rows(): readonly Row[] {
    return [...this.#rows.values()];
  }

  /** One number that must not exceed another. */
  note(quantity: string, at: string, measure: Measure, error: number, tolerance: number): void {
    const finite = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    const known = this.#rows.get(quantity);
    const count = (known?.count ?? 0) + 1;
    const excess = (e: number, t: number): number =>
      e === 0 ? 0 : t === 0 ? Number.POSITIVE_INFINITY : e / t;
    const worse = known === undefined || excess(finite, tolerance) > excess(known.error, known.tolerance);
    this.#rows.set(
      quantity,
      worse
        ? { quantity, measure, error: finite, tolerance, ok: finite <= tolerance, at, count }
        : { ...known, count },
    );
  }

  /** Largest difference, relative to the largest wanted value. */
  tensor(
    quantity: string,
    at: string,
    got: ArrayLike<number>,
    wanted: ArrayLike<number>,
    tolerance = UNMEASURED,
  ): void {
    const largest = largestOf(wanted);
    const error = largestDifference(got, wanted);
    this.note(
      quantity,
      at,
      'of largest',
      largest === 0 ? error : error / largest,
      Math.max(tolerance, FLOOR),
    );
  }

  /** Largest absolute difference outside `skip`; a few ulps of the tensor's largest value are allowed. */
  absolute(
    quantity: string,
    at: string,
    got: ArrayLike<number>,
    wanted: ArrayLike<number>,
    tolerance: number,
    skip: readonly Range[] = [],
  ): void {
    const floor = FLOOR * largestOf(wanted);
    this.note(quantity, at, 'absolute', largestDifference(got, wanted, skip), Math.max(tolerance, floor));
  }

  /** `tensor` against a float32 number, and against its float64 twin where there is one. */
  twins(
    quantity: string,
    at: string,
    got: ArrayLike<number>,
    fixture: { has(name: string): boolean; numbers(name: string): Numbers },
    name: string,
    tolerance: number,
  ): void {
    const slack = (ALLOWANCE + 1) / ALLOWANCE;
    this.tensor(quantity, at, got, fixture.numbers(name), slack * tolerance);
    const twin = `f64/${name}`;
    if (fixture.has(twin)) this.tensor(`${quantity}, float64`, at, got, fixture.numbers(twin), tolerance);
  }

  /** A float64 sequence that plain float64 arithmetic reproduces. */
  exact(quantity: string, at: string, got: ArrayLike<number>, wanted: ArrayLike<number>): void {
    const largest = largestOf(wanted);
    const error = largestDifference(got, wanted);
    this.note(quantity, at, 'of largest', largest === 0 ? error : error / largest, FLOOR_64);
  }

  /** |got - wanted| / |wanted| in the L2 norm, outside `skip`. */
  relativeL2(
    quantity: string,
    at: string,
    got: ArrayLike<number>,
    wanted: ArrayLike<number>,
    tolerance = UNMEASURED,
    skip: readonly Range[] = [],
  ): void {
    if (got.length !== wanted.length) {
      this.note(quantity, `${at}: ${sizes(got, wanted)}`, 'relative L2', Number.POSITIVE_INFINITY, tolerance);
      return;
    }
    let difference = 0;
    let square = 0;
    let taken = 0;
    for (let i = 0; i < wanted.length; i++) {
      if (skip.some(([start, stop]) => i >= start && i < stop)) continue;
      difference += (got[i]! - wanted[i]!) ** 2;
      square += wanted[i]! ** 2;
      taken++;
    }
    if (taken === 0) return;
    const error = square === 0 ? Math.sqrt(difference) : Math.sqrt(difference / square);
    this.note(quantity, at, 'relative L2', error, Math.max(tolerance, FLOOR));
  }

  /** Integers, bytes or decisions that must be the same. */
  identical(quantity: string, at: string, got: ArrayLike<unknown>, wanted: ArrayLike<unknown>): void {
    let differing = Math.abs(got.length - wanted.length);
    for (let i = 0; i < Math.min(got.length, wanted.length); i++)
      if (!Object.is(got[i], wanted[i])) differing++;
    this.note(quantity, at, 'differing', differing, 0);
  }

  /** Names that must be the same, in any order. */
  sameSet(quantity: string, at: string, got: Iterable<string>, wanted: Iterable<string>): void {
    const [a, b] = [new Set(got), new Set(wanted)];
    const differing = [...a].filter((x) => !b.has(x)).length + [...b].filter((x) => !a.has(x)).length;
    this.note(quantity, at, 'differing', differing, 0);
  }
}

function sizes(got: ArrayLike<unknown>, wanted: ArrayLike<unknown>): string {
  return `${got.length} elements instead of ${wanted.length}`;
}

export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!));
  return largest;
}

/** Infinity for different sizes or a NaN on one side only. */
function largestDifference(
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
  skip: readonly Range[] = [],
): number {
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(got[i], wanted[i]) || skip.some(([start, stop]) => i >= start && i < stop)) continue;
    const difference = Math.abs(got[i]! - wanted[i]!);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    if (difference > largest) largest = difference;
  }
  return largest;
}

/** Sum of the magnitudes of the terms of `sum(a b)`, whose last place bounds how exactly the sum can be known. */
export function termScale(a: Numbers, b: Numbers): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += Math.abs(a[i]! * b[i]!);
  return total;
}

/** Compares `sum(a b)`: terms may cancel, so a unit in the last place of their magnitudes is allowed too. */
export function compareSum(
  comparison: Comparison,
  quantity: string,
  at: string,
  got: number,
  wanted: number,
  terms: number,
  tolerance: number,
): void {
  const scale = Math.abs(wanted) || 1;
  const allowed = Math.max(tolerance, FLOOR, (ULP * terms) / scale);
  comparison.note(quantity, at, 'of largest', Math.abs(got - wanted) / scale, allowed);
}
