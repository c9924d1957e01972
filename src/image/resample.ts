/**
 * PIL's resampling (Pillow, Resample.c), the definition: for each axis a filter that widens when it shrinks (antialias),
 * normalized in double, rounded to 22-bit fixed point; first along the rows, rounded to 8 bits, then along the columns.
 * The vectorised passes in `assembly/image.ts` use the same weights and give the same bytes.
 */

export type Interpolation = 'bilinear' | 'bicubic' | 'lanczos';

/** Fractional bits of a weight. */
export const WEIGHT_BITS = 22;

/** Some of an axis's output samples, from one on. */
export interface AxisPart {
  readonly from: number;
  readonly count: number;
}

/** How one axis is resampled: output sample i is the sum of `taps` inputs from `first[i]` on, times its weights. */
export interface AxisWeights {
  readonly inSize: number;
  readonly outSize: number;
  /** The largest number of inputs of an output sample; rows with fewer end in zeros. */
  readonly taps: number;
  /** First input of each output sample. */
  readonly first: Int32Array;
  /** `[outSize, taps]`, times 2^22. */
  readonly weights: Int32Array;
}

function bilinear(x: number): number {
  const distance = Math.abs(x);
  return distance < 1 ? 1 - distance : 0;
}

/** Keys' cubic with a = -0.5 (torch's tensor resize has -0.75). */
function bicubic(x: number): number {
  const distance = Math.abs(x);
  if (distance < 1) return (1.5 * distance - 2.5) * distance * distance + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * -0.5;
  return 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

function lanczos(x: number): number {
  return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

const filters = {
  bilinear: { support: 1, value: bilinear },
  bicubic: { support: 2, value: bicubic },
  lanczos: { support: 3, value: lanczos },
} as const;

/** Of an axis that is resampled: the stretch `start .. start + length` of the input, all of it unless given. */
export interface AxisWindow {
  readonly start?: number;
  readonly length?: number;
  /** Which output samples are computed; all unless given. */
  readonly part?: AxisPart;
}

/**
 * The weights that bring a stretch of an axis with `inSize` samples to `outSize` samples. The filter may reach out of the
 * stretch, but not out of the axis. Equal sizes give the identity.
 */
export function axisWeights(
  inSize: number,
  outSize: number,
  interpolation: Interpolation,
  { start = 0, length = inSize, part = { from: 0, count: outSize } }: AxisWindow = {},
): AxisWeights {
  const { support, value } = filters[interpolation];
  const scale = length / outSize;
  const wide = Math.max(scale, 1);
  const reach = support * wide;
  const perWide = 1 / wide;
  const first = new Int32Array(part.count);
  const counts = new Int32Array(part.count);
  const centerOf = (i: number): number => start + (part.from + i + 0.5) * scale;
  let taps = 0;
  for (let i = 0; i < part.count; i++) {
    const center = centerOf(i);
    const from = Math.max(0, Math.trunc(center - reach + 0.5));
    const count = Math.min(inSize, Math.trunc(center + reach + 0.5)) - from;
    first[i] = from;
    counts[i] = count;
    if (count > taps) taps = count;
  }
  const weights = new Int32Array(part.count * taps);
  const raw = new Float64Array(taps);
  for (let i = 0; i < part.count; i++) {
    const count = counts[i]!;
    const offset = first[i]! - centerOf(i) + 0.5;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const weight = value((k + offset) * perWide);
      raw[k] = weight;
      sum += weight;
    }
    for (let k = 0; k < count; k++) {
      const weight = (raw[k]! / sum) * 2 ** WEIGHT_BITS;
      weights[i * taps + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
  }
  return { inSize, outSize: part.count, taps, first, weights };
}
