/**
 * How far two looks agree where they lie over each other, by Lin's concordance (1989): 1 where all values are equal, less where
 * they vary apart or differ in level, 0 for strangers. All channels count, so that the same drawing in another color is another
 * picture. Taken over the whole and over its parts, because a dark thing on a white ground agrees with any other as a whole.
 */
import type { Placement } from './align-looks.ts';

/** A look, or its brightness at any size: [width, width, channels]. */
export interface Samples {
  readonly width: number;
  readonly channels: number;
  readonly data: Uint8Array | Float32Array;
}

/** Parts in a row and in a column. */
const PARTS = 8;
/** Variance, in squares of levels, that compression brings into a part where nothing is to be seen. */
const NOISE = 8;

/** Sums of one part: how many values, of either look, of their squares, of their products. */
interface Sums {
  count: number;
  a: number;
  b: number;
  aa: number;
  bb: number;
  ab: number;
}

/**
 * @param parts in a row and in a column; 1 looks at the whole alone
 * @returns the smaller of the whole's concordance and the mean of its parts', in which parts weigh by their contrast; 0 where
 *   less than half of the first lies in the second
 */
export function agreement(
  first: Samples,
  second: Samples,
  placement: Placement,
  parts: number = PARTS,
): number {
  const sums = partSums(first, second, placement, parts);
  const whole = sums.reduce(added, emptySums());
  if (whole.count < 0.5 * first.data.length) return 0;
  let [weighted, weights] = [0, 0];
  for (const part of sums) {
    const { concordance, spread } = compare(part, NOISE);
    weighted += Math.sqrt(spread) * concordance;
    weights += Math.sqrt(spread);
  }
  const { concordance } = compare(whole, 0);
  return Math.max(0, Math.min(concordance, weights > 0 ? weighted / weights : 0));
}

function partSums(
  first: Samples,
  second: Samples,
  { scaleX, shiftX, scaleY, shiftY }: Placement,
  parts: number,
): Sums[] {
  const { width: side, channels } = first;
  const half = side / 2;
  const sums = Array.from({ length: parts * parts }, emptySums);
  for (let y = 0; y < side; y++) {
    const toY = (scaleY * ((y + 0.5) / half - 1) + shiftY + 1) * half - 0.5;
    if (!(toY >= -0.5 && toY <= side - 0.5)) continue;
    const inY = Math.min(side - 1, Math.max(0, toY));
    const top = Math.min(side - 2, Math.floor(inY));
    const below = inY - top;
    const row = Math.floor((y * parts) / side) * parts;
    for (let x = 0; x < side; x++) {
      const toX = (scaleX * ((x + 0.5) / half - 1) + shiftX + 1) * half - 0.5;
      if (!(toX >= -0.5 && toX <= side - 0.5)) continue;
      const inX = Math.min(side - 1, Math.max(0, toX));
      const left = Math.min(side - 2, Math.floor(inX));
      const right = inX - left;
      const part = sums[row + Math.floor((x * parts) / side)]!;
      for (let c = 0; c < channels; c++) {
        const at = (top * side + left) * channels + c;
        const under = at + side * channels;
        const upper = second.data[at]! * (1 - right) + second.data[at + channels]! * right;
        const lower = second.data[under]! * (1 - right) + second.data[under + channels]! * right;
        const b = upper * (1 - below) + lower * below;
        const a = first.data[(y * side + x) * channels + c]!;
        part.count++;
        part.a += a;
        part.b += b;
        part.aa += a * a;
        part.bb += b * b;
        part.ab += a * b;
      }
    }
  }
  return sums;
}

function emptySums(): Sums {
  return { count: 0, a: 0, b: 0, aa: 0, bb: 0, ab: 0 };
}

function added(x: Sums, y: Sums): Sums {
  return {
    count: x.count + y.count,
    a: x.a + y.a,
    b: x.b + y.b,
    aa: x.aa + y.aa,
    bb: x.bb + y.bb,
    ab: x.ab + y.ab,
  };
}

/** The concordance, and the variances of both looks together. */
function compare({ count, a, b, aa, bb, ab }: Sums, noise: number): { concordance: number; spread: number } {
  if (count === 0) return { concordance: 0, spread: 0 };
  const [meanA, meanB] = [a / count, b / count];
  const spread = Math.max(0, aa / count - meanA ** 2 + bb / count - meanB ** 2);
  const apart = spread + (meanA - meanB) ** 2 + noise;
  return { concordance: apart > 0 ? (2 * (ab / count - meanA * meanB) + noise) / apart : 0, spread };
}
