/**
 * Lays one look over another: where each point of the first lies in the second, found from their brightness by Gauss-Newton
 * steps, coarse to fine (Lucas and Kanade 1981, Baker and Matthews 2004). Cutting the border off an image moves and stretches
 * what is left, and this finds how; turning it is not looked for.
 */
import type { Plane } from './image-planes.ts';

/**
 * A point x of the first look, -1 to 1 from the left edge to the right one, lies at `scaleX * x + shiftX` of the second; the
 * same downwards.
 */
export interface Placement {
  readonly scaleX: number;
  readonly shiftX: number;
  readonly scaleY: number;
  readonly shiftY: number;
}

export const UNMOVED: Placement = { scaleX: 1, shiftX: 0, scaleY: 1, shiftY: 0 };

/** Steps at each size; fewer where they become small. */
const STEPS = 8;
/** Largest change of a side, and of a place as a share of half the side: copies that lost half of their surface. */
const MOST_SCALE = 1.45;
const MOST_SHIFT = 0.45;
/** A step that moves no point farther than this many pixels is the last one. */
const STILL = 0.02;

/**
 * @param first, second planes of one size
 * @param start where the search begins
 * @returns undefined where the looks do not hold on to each other: nothing to align by, or a place that is no crop's
 */
export function align(first: Plane, second: Plane, start: Placement = UNMOVED): Placement | undefined {
  let { scaleX, shiftX, scaleY, shiftY } = start;
  const { width: side } = first;
  const toPixels = side / 2;
  for (let step = 0; step < STEPS; step++) {
    const change = solve(normalEquations(first, second, { scaleX, shiftX, scaleY, shiftY }));
    if (change === undefined) return undefined;
    scaleX += change[0]!;
    shiftX += change[1]!;
    scaleY += change[2]!;
    shiftY += change[3]!;
    const far = (scale: number): boolean => !(scale > 1 / MOST_SCALE && scale < MOST_SCALE);
    if (far(scaleX) || far(scaleY) || Math.max(Math.abs(shiftX), Math.abs(shiftY)) > MOST_SHIFT)
      return undefined;
    const moved = Math.max(
      Math.abs(change[0]!) + Math.abs(change[1]!),
      Math.abs(change[2]!) + Math.abs(change[3]!),
    );
    if (moved * toPixels < STILL) break;
  }
  return { scaleX, shiftX, scaleY, shiftY };
}

/** The sums of a least-squares step: 4 x 4 and the right side, as rows of 5. */
function normalEquations(first: Plane, second: Plane, { scaleX, shiftX, scaleY, shiftY }: Placement) {
  const { width: side } = first;
  const sums = new Float64Array(20);
  const slopes = new Float64Array(4);
  const half = side / 2;
  for (let y = 0; y < side; y++) {
    const down = (y + 0.5) / half - 1;
    const toY = (scaleY * down + shiftY + 1) * half - 0.5;
    if (!(toY >= 0 && toY <= side - 1)) continue;
    const top = Math.min(side - 2, Math.floor(toY));
    const below = toY - top;
    for (let x = 0; x < side; x++) {
      const across = (x + 0.5) / half - 1;
      const toX = (scaleX * across + shiftX + 1) * half - 0.5;
      if (!(toX >= 0 && toX <= side - 1)) continue;
      const left = Math.min(side - 2, Math.floor(toX));
      const right = toX - left;
      const at = top * side + left;
      const [a, b] = [second.data[at]!, second.data[at + 1]!];
      const [c, d] = [second.data[at + side]!, second.data[at + side + 1]!];
      const slopeX = ((b - a) * (1 - below) + (d - c) * below) * half;
      const slopeY = ((c - a) * (1 - right) + (d - b) * right) * half;
      const found = (a * (1 - right) + b * right) * (1 - below) + (c * (1 - right) + d * right) * below;
      const missing = first.data[y * side + x]! - found;
      slopes[0] = slopeX * across;
      slopes[1] = slopeX;
      slopes[2] = slopeY * down;
      slopes[3] = slopeY;
      for (let i = 0; i < 4; i++) {
        for (let j = i; j < 4; j++) sums[5 * i + j]! += slopes[i]! * slopes[j]!;
        sums[5 * i + 4]! += slopes[i]! * missing;
      }
    }
  }
  for (let i = 1; i < 4; i++) for (let j = 0; j < i; j++) sums[5 * i + j] = sums[5 * j + i]!;
  return sums;
}

/** Gaussian elimination with pivots of a 4 x 4 system; undefined where it has no single solution. */
function solve(rows: Float64Array): Float64Array | undefined {
  const scale = Math.max(rows[0]!, rows[6]!, rows[12]!, rows[18]!);
  for (let column = 0; column < 4; column++) {
    let pivot = column;
    for (let row = column + 1; row < 4; row++)
      if (Math.abs(rows[5 * row + column]!) > Math.abs(rows[5 * pivot + column]!)) pivot = row;
    if (!(Math.abs(rows[5 * pivot + column]!) > 1e-9 * scale)) return undefined;
    for (let i = 0; i < 5; i++) {
      const kept = rows[5 * column + i]!;
      rows[5 * column + i] = rows[5 * pivot + i]!;
      rows[5 * pivot + i] = kept;
    }
    for (let row = 0; row < 4; row++) {
      if (row === column) continue;
      const factor = rows[5 * row + column]! / rows[5 * column + column]!;
      for (let i = column; i < 5; i++) rows[5 * row + i]! -= factor * rows[5 * column + i]!;
    }
  }
  return Float64Array.from({ length: 4 }, (_, i) => rows[5 * i + 4]! / rows[5 * i + i]!);
}
