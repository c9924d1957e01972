/**
 * Samples that are not bytes (16 and 32 bits, signed, floating point: microscopes, satellites, depth cameras) become bytes by two
 * levels: the sample that is black and the one that is white. A file's samples say nothing of them, so they come, in this order,
 * from the user (`--levels`), from the range that the file declares, or from the whole range of the sample type: 0 to 65535 of 16
 * bits, 0 to 1 of floating point. The last is a guess that is checked: where an image uses less than a quarter of it (12 bits in
 * a 16-bit file, say) or leaves it, most levels would be lost without a word, and the image is refused with what to give instead.
 * Levels are never taken from the image itself, so that the images of a set stay comparable, unless the user says `image`.
 */

/** Samples at or below `low` become 0, at or above `high` 255; `image`: the smallest and the largest sample of each image. */
export type Levels = readonly [low: number, high: number] | 'image';

/** What samples can be; bytes that are colors already are not among them. */
export const sampleTypes = {
  char: { array: Int8Array, name: 'signed 8-bit', low: -128, high: 127 },
  ushort: { array: Uint16Array, name: '16-bit', low: 0, high: 65_535 },
  short: { array: Int16Array, name: 'signed 16-bit', low: -32_768, high: 32_767 },
  uint: { array: Uint32Array, name: '32-bit', low: 0, high: 4_294_967_295 },
  int: { array: Int32Array, name: 'signed 32-bit', low: -2_147_483_648, high: 2_147_483_647 },
  float: { array: Float32Array, name: '32-bit floating-point', low: 0, high: 1 },
  double: { array: Float64Array, name: '64-bit floating-point', low: 0, high: 1 },
} as const;

export type SampleType = keyof typeof sampleTypes;
export type Samples = InstanceType<(typeof sampleTypes)[SampleType]['array']>;

export interface SampledImage {
  readonly type: SampleType;
  /** Pixel by pixel, `channels` samples each. */
  readonly samples: Samples;
  readonly channels: number;
  /** Channels that are colors and share one pair of levels; one more is transparency, in the whole range of the type. */
  readonly colors: number;
  /** The smallest sample is white (TIFF's `WhiteIsZero`). */
  readonly isNegative: boolean;
  /** What the file says of black and white. */
  readonly declared: readonly [low: number, high: number] | undefined;
  /** Bits that a PNG file says are used of its 16. */
  readonly significantBits: number | undefined;
}

/** An image uses less than this share of its type's range: it was made for another range. */
const LEAST_USE = 0.25;

/**
 * The samples as bytes. Samples that are not numbers (NaN, which stands for missing data) become black.
 *
 * @throws Error that begins with what is wrong, for the file's name to stand before it, when nothing says what is black and white
 */
export function toBytes(image: SampledImage, levels?: Levels): Uint8Array {
  const { type, samples, channels, colors, isNegative } = image;
  const whole = [sampleTypes[type].low, sampleTypes[type].high] as const;
  const [low, high] = levels === 'image' ? extremes(image) : (levels ?? ownLevels(image));
  const bytes = new Uint8Array(samples.length);
  for (let i = 0; i < bytes.length; i++) {
    const isColor = i % channels < colors;
    const [black, white] = isColor ? [low, high] : whole;
    const share = Math.min(1, Math.max(0, (samples[i]! - black) / (white - black)));
    const byte = Number.isNaN(share) ? 0 : Math.round(255 * share);
    bytes[i] = isColor && isNegative ? 255 - byte : byte;
  }
  return bytes;
}

/** What the file says, or the checked guess. */
function ownLevels(image: SampledImage): readonly [number, number] {
  const { samples, significantBits: bits, declared } = image;
  if (declared !== undefined) return declared;
  const found = extremes(image);
  if (bits === undefined) return checkedRange(image, found);
  // PNG samples of fewer bits are stored scaled to 16, as multiples; some writers leave them as they are.
  const [most, step] = [2 ** bits - 1, 2 ** (16 - bits)];
  const isUnscaled = found[1] <= most && samples.some((sample) => sample <= most && sample % step > 1);
  return [0, isUnscaled ? most : sampleTypes.ushort.high];
}

/** The smallest and the largest color sample. */
function extremes({ samples, channels, colors }: SampledImage): [low: number, high: number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i]!;
    if (i % channels >= colors) continue;
    if (sample < low) low = sample;
    if (sample > high) high = sample;
  }
  return low <= high ? [low, high] : [0, 1]; // nothing but NaN
}

/** The type's range where the image uses it. */
function checkedRange(
  { type }: SampledImage,
  [smallest, largest]: readonly [number, number],
): readonly [number, number] {
  const { name, low, high } = sampleTypes[type];
  const tolerance = high === 1 ? 1 / 255 : 0; // what resampling adds beyond black and white
  const leaves = smallest < low - tolerance || largest > high + tolerance;
  const used = (largest - (low === 0 ? low : smallest)) / (high - low);
  if (!leaves && (used >= LEAST_USE || smallest === largest)) return [low, high];
  const own = `--levels ${suggested(type, smallest, largest)}`;
  const [where, advice] = leaves
    ? [`outside ${low} to ${high}`, `give both for all images, such as ${own}`]
    : [
        `a small part of ${low} to ${high}`,
        `give both for all images: ${own} if they were made for that range, --levels ${low} ${high} if they are only dark`,
      ];
  throw new Error(
    `has ${name} samples from ${short(smallest)} to ${short(largest)}, ${where}, and does not say what is black and white: ${advice}, or --levels image for the extremes of each image.`,
  );
}

function suggested(type: SampleType, smallest: number, largest: number): string {
  const isCount = sampleTypes[type].high > 1 && smallest >= 0;
  return isCount ? `0 ${2 ** Math.ceil(Math.log2(largest + 1)) - 1}` : `${short(smallest)} ${short(largest)}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
