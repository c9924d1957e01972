/**
 * How an opened image becomes 8-bit RGB or gray: one function that looks at everything the file says of its samples, and either
 * names a way that is right for them or a reason to leave the file out. Nothing is decoded to what it does not show.
 */
import type { Metadata } from 'sharp';
import { type SampleType, sampleTypes } from './levels.ts';
import { significantBits } from './png-significant-bits.ts';
import { type TiffTags, tiffTag } from './tiff-tags.ts';

/** What a channel beyond the colors means. */
export type ExtraChannels = 'none' | 'alpha' | 'unnamed';

export type DecodePlan =
  /** Bytes that libvips turns into RGB or gray. */
  | { readonly kind: 'bytes'; readonly extra: ExtraChannels }
  /** Four inks. */
  | { readonly kind: 'inks' }
  /** Samples that are scaled to bytes; see `levels.ts`. */
  | {
      readonly kind: 'samples';
      readonly type: SampleType;
      readonly colors: 1 | 3;
      readonly extra: ExtraChannels;
      readonly isNegative: boolean;
      readonly declared: readonly [low: number, high: number] | undefined;
      /** Bits that a PNG file says are used of its 16. */
      readonly significantBits: number | undefined;
    }
  /** What is wrong, for the file's name to stand before it. */
  | { readonly kind: 'skip'; readonly reason: string };

/** TIFF's numbers. */
const OLD_JPEG = 6;
const CMYK_INKS = 1;
const photometric = { whiteIsZero: 0, blackIsZero: 1, rgb: 2, palette: 3, inks: 5 } as const;

/** Bits of a sample that libvips reads. */
const DEPTHS = [1, 2, 4, 8, 16, 32];

/** Why a TIFF file of these tags cannot be opened at all, for the file's name to stand before it; undefined if it can. */
export function refuseTiff(tags: TiffTags): string | undefined {
  const bits = tags.get(tiffTag.bitsPerSample) ?? [];
  const [first = 1] = bits;
  if (bits.some((each) => each !== first))
    return `has channels of ${bits.join(', ')} bits: save it with one depth for all.`;
  if (!DEPTHS.includes(first))
    return `has samples of ${first} bits, which are not read: save it with 8, 16 or 32 bits.`;
  if (tags.get(tiffTag.compression)?.[0] === OLD_JPEG && tags.has(tiffTag.tileWidth))
    return 'is a TIFF file of the old JPEG kind in tiles, which decodes to black: save it anew, as PNG or TIFF.';
  const isInk = tags.get(tiffTag.photometric)?.[0] === photometric.inks;
  if (isInk && (tags.get(tiffTag.inkSet)?.[0] ?? CMYK_INKS) !== CMYK_INKS)
    return 'holds inks other than cyan, magenta, yellow and black: save it as RGB.';
  return undefined;
}

/**
 * @param bytes the file that `metadata` describes
 * @param tags of a TIFF file, empty for others
 */
export function planDecoding(metadata: Metadata, bytes: Uint8Array, tags: TiffTags): DecodePlan {
  const { format, space, depth } = metadata;
  const first = (tag: number): number | undefined => tags.get(tag)?.[0];
  if (space === 'cmyk') return { kind: 'inks' };
  const meaning = first(tiffTag.photometric);
  const isGray = meaning === photometric.whiteIsZero || meaning === photometric.blackIsZero;
  const channels = first(tiffTag.samplesPerPixel) ?? metadata.channels;
  const colors = format === 'tiff' ? colorsOf(meaning) : channels >= 3 ? 3 : 1;
  const others = channels - colors;
  const explained = format !== 'tiff' || others === (tags.get(tiffTag.extraSamples) ?? []).length;
  if (others < 0 || !explained || (isGray && others > 1)) {
    return skip(
      `has ${channels} channels and does not say which are colors: save the three to look at as RGB, or one as gray.`,
    );
  }
  const extra = extraChannels(metadata, tags, others);
  if (depth === 'uchar') return { kind: 'bytes', extra };
  if (!isSampleType(depth)) {
    return skip(
      `has samples of the type ${depth}, which are no brightness: save their magnitude as floating point or bytes.`,
    );
  }
  // Lab and its like: libvips knows the range of each of their channels.
  const isPlain = format !== 'tiff' || isGray || meaning === photometric.rgb;
  if (!isPlain) return { kind: 'bytes', extra };
  // A format that says how many bits it has uses them all.
  const usesAll = format !== 'tiff' && format !== 'png' ? wholeRange(depth) : undefined;
  return {
    kind: 'samples',
    type: depth,
    colors,
    extra,
    isNegative: meaning === photometric.whiteIsZero,
    declared: declaredRange(tags) ?? usesAll,
    significantBits: format === 'png' ? significantBits(bytes) : undefined,
  };
}

function skip(reason: string): DecodePlan {
  return { kind: 'skip', reason };
}

/** By TIFF's number for what the samples mean: gray or a palette has one, everything else three. */
function colorsOf(meaning: number | undefined): 1 | 3 {
  const { whiteIsZero, blackIsZero, palette } = photometric;
  return meaning === whiteIsZero || meaning === blackIsZero || meaning === palette ? 1 : 3;
}

function extraChannels(metadata: Metadata, tags: TiffTags, count: number): ExtraChannels {
  if (metadata.format !== 'tiff') return metadata.hasAlpha ? 'alpha' : 'none';
  if (count === 0) return 'none';
  const [meaning] = tags.get(tiffTag.extraSamples) ?? [];
  return meaning === 1 || meaning === 2 ? 'alpha' : 'unnamed';
}

/** `MinSampleValue` and `MaxSampleValue`, or their forms for signed and floating-point samples. */
function declaredRange(tags: TiffTags): readonly [number, number] | undefined {
  const pick = (names: readonly number[], choose: (...values: number[]) => number): number | undefined => {
    const values = names.map((tag) => tags.get(tag)).find((found) => found !== undefined && found.length > 0);
    return values === undefined ? undefined : choose(...values);
  };
  const low = pick([tiffTag.sMinSampleValue, tiffTag.minSampleValue], Math.min) ?? 0;
  const high = pick([tiffTag.sMaxSampleValue, tiffTag.maxSampleValue], Math.max);
  return high !== undefined && high > low ? [low, high] : undefined;
}

function isSampleType(depth: string): depth is SampleType {
  return depth in sampleTypes;
}

function wholeRange(type: SampleType): readonly [number, number] {
  return [sampleTypes[type].low, sampleTypes[type].high];
}
