/**
 * How far two looks agree where they lie over each other, by Lin's concordance (1989): 1 where all values are equal, less where
 * they vary apart or differ in level, 0 for strangers. Taken over the whole, and over the parts that agree least: a dark thing on
 * a white ground agrees with any other as a whole, and two numbers on the same badge agree nearly everywhere. Each channel counts
 * by itself, so that a color that both have is no agreement, and the same drawing in another color is another picture.
 */
import type { Placement } from './align-planes.ts';

/** A look, or its brightness at any size: [width, width, channels]. */
export interface PlaneSamples {
  readonly width: number;
  readonly channels: number;
  readonly data: Uint8Array | Float32Array;
}

/** Parts in a row and in a column. */
const PARTS = 8;
/** The share of all contrast that the parts which agree least are taken from. */
const WORST = 0.25;
/** Variance of a channel, in squares of levels, that compression brings into a part where nothing is to be seen. */
const NOISE = 32;
/** Sums that are kept of each channel of each part: number, values of either look, their squares, their products. */
const SUMS = 6;

/**
 * @param parts in a row and in a column; 1 looks at the whole alone
 * @returns the smaller of the whole's concordance and the mean one of the quarter of the contrast that agrees least; 0 where
 *   less than half of the first lies in the second
 */
export function agreement(
  first: PlaneSamples,
  second: PlaneSamples,
  placement: Placement,
  parts: number = PARTS,
): number {
  const { channels, data } = first;
  const size = channels * SUMS;
  const sums = partSums(first, second, placement, parts);
  const whole = new Float64Array(size);
  for (let i = 0; i < sums.length; i++) whole[i % size]! += sums[i]!;
  if (whole[0]! * channels < 0.5 * data.length) return 0;
  const each = Array.from({ length: parts * parts }, (_, part) =>
    compare(sums.subarray(part * size, (part + 1) * size), NOISE),
  );
  return Math.max(0, Math.min(compare(whole, 0).concordance, worst(each)));
}

function partSums(
  first: PlaneSamples,
  second: PlaneSamples,
  { scaleX, shiftX, scaleY, shiftY }: Placement,
  parts: number,
): Float64Array {
  const { width: side, channels } = first;
  const half = side / 2;
  const sums = new Float64Array(parts * parts * channels * SUMS);
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
      const part = row + Math.floor((x * parts) / side);
      for (let c = 0; c < channels; c++) {
        const at = (top * side + left) * channels + c;
        const under = at + side * channels;
        const upper = second.data[at]! * (1 - right) + second.data[at + channels]! * right;
        const lower = second.data[under]! * (1 - right) + second.data[under + channels]! * right;
        const b = upper * (1 - below) + lower * below;
        const a = first.data[(y * side + x) * channels + c]!;
        const to = (part * channels + c) * SUMS;
        sums[to]!++;
        sums[to + 1]! += a;
        sums[to + 2]! += b;
        sums[to + 3]! += a * a;
        sums[to + 4]! += b * b;
        sums[to + 5]! += a * b;
      }
    }
  }
  return sums;
}

interface Compared {
  readonly concordance: number;
  /** How much there is to be seen, levels: variances and differences of the means. */
  readonly contrast: number;
}

/** @param sums of all channels of a part */
function compare(sums: Float64Array, noise: number): Compared {
  let [together, apart, floor] = [0, 0, 0];
  for (let at = 0; at < sums.length; at += SUMS) {
    const count = sums[at]!;
    if (count === 0) continue;
    const [a, b] = [sums[at + 1]! / count, sums[at + 2]! / count];
    together += 2 * (sums[at + 5]! / count - a * b);
    apart += sums[at + 3]! / count - a * a + sums[at + 4]! / count - b * b + (a - b) ** 2;
    floor += noise;
  }
  const all = apart + floor;
  return { concordance: all > 0 ? (together + floor) / all : 0, contrast: Math.sqrt(Math.max(0, apart)) };
}

/** The mean concordance of the parts that agree least, until they hold a quarter of all contrast. */
function worst(parts: readonly Compared[]): number {
  const wanted = WORST * parts.reduce((sum, { contrast }) => sum + contrast, 0);
  let [left, sum] = [wanted, 0];
  for (const { concordance, contrast } of parts.toSorted((x, y) => x.concordance - y.concordance)) {
    const taken = Math.min(left, contrast);
    sum += taken * concordance;
    left -= taken;
    if (left <= 0) break;
  }
  return wanted > 0 ? sum / wanted : 0;
}
