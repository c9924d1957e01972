/**
 * Image files to pixels, in Node, with sharp (libvips): JPEG, PNG, WebP, AVIF, TIFF and GIF; HEIC with libheif.
 *
 * What is transparent shows white, as on a page. Images are turned upright (`orientation-node.ts`); embedded color profiles are
 * not applied; gray comes from RGB by PIL's fixed-point luma, CMYK becomes RGB as in PIL. Samples that are not bytes are scaled by
 * levels that the file or the user gives (`levels.ts`). Of several pages or frames the first one is taken, of channels beyond the
 * colors none (`decode-plan-node.ts`). A file that cannot be decoded to what it shows is refused with the reason.
 */
import sharp, { type Metadata, type Sharp } from 'sharp';
import { cmykToRgb } from './cmyk.ts';
import { luma } from './color.ts';
import { type DecodePlan, type ExtraChannels, planDecoding, refuseTiff } from './decode-plan-node.ts';
import { decodeHeic, isHeic } from './heic-node.ts';
import type { Image } from './image.ts';
import { type Levels, sampleTypes, toBytes } from './levels.ts';
import { type Orientation, orientationOf, swapsSides, upright } from './orientation-node.ts';
import { readTiffTags } from './tiff-tags.ts';

// The data workers are the parallelism, and no image is decoded twice from libvips' cache.
sharp.concurrency(1);
sharp.cache(false);

/** More pixels are refused as a decompression bomb; the limit of PIL. */
const MAX_PIXELS = 178_956_970;

const OPENING = { failOn: 'error', limitInputPixels: MAX_PIXELS, ignoreIcc: true } as const;

/** Of signed 16-bit samples, to make them unsigned. */
const SHORT_OFFSET = 32_768;

export interface DecodeOptions {
  /** A larger image is shrunk to this short side while it is decoded, which is several times faster; 0, the default, = never. */
  readonly shortSide?: number;
  /** Black and white of samples that are not bytes; what the file says unless given. */
  readonly levels?: Levels | undefined;
  /** Whether what is transparent shows white, or the color that is stored under it, as labels need. Default `white`. */
  readonly transparent?: 'white' | 'stored';
}

/**
 * Decodes an image file.
 *
 * @param bytes the file's contents
 * @param name what errors call it, such as its path
 * @param channels 3 for RGB, 1 for gray, whatever the file holds
 * @throws (rejects) one sentence that names the file if it is no image, is corrupt or truncated, has too many pixels, or samples
 *   that nothing says how to show
 */
export async function decode(
  bytes: Uint8Array,
  name: string,
  channels: 1 | 3,
  options: DecodeOptions = {},
): Promise<Image> {
  const opened = await open(bytes, name, options);
  const { data, width, height, channels: found } = await pixelsOf(name, shown(opened, options));
  if (found !== 1 && found !== 3) {
    throw new Error(`${name} decodes to ${found} channels: convert it to RGB or gray.`);
  }
  const pixels = found === channels ? data : channels === 3 ? grayToRgb(data) : rgbToGray(data);
  return { width, height, channels, data: pixels };
}

/** The width and height of an image file, upright, without decoding it. @throws (rejects) Error naming the file */
export async function imageSize(
  bytes: Uint8Array,
  name: string,
): Promise<{ readonly height: number; readonly width: number }> {
  if (isHeic(bytes)) return decodeHeic(bytes, name, MAX_PIXELS);
  const { metadata } = await openFile(bytes, name);
  const { width, height } = metadata;
  return swapsSides(orientationOf(metadata)) ? { width: height, height: width } : { width, height };
}

/** Pixels that libvips has, or will have, and what is to be done with them. */
interface Opened {
  readonly pixels: Sharp;
  readonly extra: ExtraChannels;
  readonly orientation: Orientation;
}

interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

async function open(bytes: Uint8Array, name: string, { levels }: DecodeOptions): Promise<Opened> {
  if (isHeic(bytes)) {
    const heic = await decodeHeic(bytes, name, MAX_PIXELS);
    return { pixels: fromPixels({ ...heic, channels: 4 }), extra: 'alpha', orientation: 1 };
  }
  const tags = readTiffTags(bytes);
  const refused = refuseTiff(tags);
  if (refused !== undefined) throw new Error(`${name} ${refused}`);
  const { file, metadata } = await openFile(bytes, name);
  const orientation = orientationOf(metadata);
  const plan = planDecoding(metadata, bytes, tags);
  switch (plan.kind) {
    case 'skip':
      throw new Error(`${name} ${plan.reason}`);
    case 'bytes':
      return { pixels: file, extra: plan.extra, orientation };
    case 'inks':
      return { pixels: fromPixels(await inksToRgb(file, name, metadata)), extra: 'none', orientation };
    case 'samples': {
      const scaled = await scaledSamples(file, name, metadata, plan, levels);
      return { pixels: fromPixels(scaled), extra: plan.extra, orientation };
    }
  }
}

/** @throws (rejects) Error naming the file if it is no image */
async function openFile(bytes: Uint8Array, name: string): Promise<{ file: Sharp; metadata: Metadata }> {
  if (bytes.length === 0) throw new Error(`${name} cannot be decoded (it is empty): replace or remove it.`);
  const file = sharp(bytes, OPENING);
  return { file, metadata: await read(name, file.metadata()) };
}

/** What is to be seen: without transparency, upright, not larger than wanted. */
function shown({ pixels, extra, orientation }: Opened, options: DecodeOptions): Sharp {
  const { shortSide = 0, transparent = 'white' } = options;
  const opaque =
    extra === 'alpha' && transparent === 'white'
      ? pixels.flatten({ background: '#ffffff' })
      : extra === 'none'
        ? pixels
        : pixels.removeAlpha();
  const sized =
    shortSide > 0
      ? opaque.resize({ width: shortSide, height: shortSide, fit: 'outside', withoutEnlargement: true })
      : opaque;
  return upright(sized, orientation);
}

async function inksToRgb(file: Sharp, name: string, { depth }: Metadata): Promise<Pixels> {
  const type = depth === 'ushort' ? 'ushort' : 'uchar';
  const inks = file.pipelineColourspace('cmyk').toColourspace('cmyk').raw({ depth: type });
  const { data, info } = await read(name, inks.toBuffer({ resolveWithObject: true }));
  // Of 16 bits the upper 8, as Pillow takes them.
  const bytes = type === 'ushort' ? data.filter((_, i) => i % 2 === 1) : data;
  const { width, height } = info;
  return { width, height, channels: 3, data: cmykToRgb(bytes, bytes.length / (width * height)) };
}

async function scaledSamples(
  file: Sharp,
  name: string,
  { space }: Metadata,
  plan: DecodePlan & { readonly kind: 'samples' },
  levels: Levels | undefined,
): Promise<Pixels> {
  const { type, colors, extra } = plan;
  // sharp makes all 16-bit samples unsigned: signed ones are moved there and back.
  const isShort = type === 'short';
  const raw = (isShort ? file.linear(1, SHORT_OFFSET) : file).toColourspace(space);
  const { data, info } = await read(
    name,
    raw.raw({ depth: isShort ? 'ushort' : type }).toBuffer({ resolveWithObject: true }),
  );
  const { width, height } = info;
  const copy = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength); // aligned
  const samples = isShort
    ? Int16Array.from(new Uint16Array(copy), (sample) => sample - SHORT_OFFSET)
    : new sampleTypes[type].array(copy);
  const channels = samples.length / (width * height);
  // libvips has turned these around already, by the whole range of their type.
  const isTurned = plan.isNegative && (type === 'ushort' || type === 'uint');
  if (isTurned) for (let i = 0; i < samples.length; i++) samples[i] = sampleTypes[type].high - samples[i]!;
  try {
    const scaled = toBytes({ ...plan, samples, channels }, levels);
    const kept = Math.min(channels, extra === 'alpha' ? colors + 1 : colors);
    return { data: firstChannels(scaled, channels, kept), width, height, channels: kept };
  } catch (error) {
    throw new Error(`${name} ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function firstChannels(data: Uint8Array, channels: number, kept: number): Uint8Array {
  return kept === channels ? data : data.filter((_, i) => i % channels < kept);
}

function fromPixels({ data, width, height, channels }: Pixels): Sharp {
  const raw = { width, height, channels: channels as 1 | 2 | 3 | 4 };
  return sharp(data, { raw, limitInputPixels: MAX_PIXELS });
}

async function pixelsOf(name: string, image: Sharp): Promise<Pixels> {
  const { data, info } = await read(name, image.raw().toBuffer({ resolveWithObject: true }));
  const { buffer, byteOffset, byteLength } = data;
  const { width, height } = info;
  const pixels = new Uint8Array(buffer, byteOffset, byteLength);
  return { data: pixels, width, height, channels: byteLength / (width * height) };
}

/** @throws (rejects) one sentence instead of what libvips says */
async function read<Result>(name: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    const reason = reasonOf(error);
    throw new Error(
      reason.includes('pixel limit')
        ? `${name} has more than ${MAX_PIXELS} pixels: make it smaller or remove it.`
        : `${name} cannot be decoded (${reason}): replace or remove it; JPEG, PNG, WebP, AVIF, HEIC, TIFF and GIF files are read.`,
      { cause: error },
    );
  }
}

/** sharp's reason, shortened to one line. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const reason = message.split('\n')[0]!.trim();
  return reason === 'Unknown error' ? 'it is damaged or cut off' : reason; // libvips does not always tell
}

/** Gray samples to three equal channels. */
function grayToRgb(gray: Uint8Array): Uint8Array {
  const out = new Uint8Array(gray.length * 3);
  for (let i = 0, to = 0; i < gray.length; i++) {
    const value = gray[i]!;
    out[to++] = value;
    out[to++] = value;
    out[to++] = value;
  }
  return out;
}

function rgbToGray(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let i = 0, from = 0; i < out.length; i++, from += 3) {
    out[i] = luma(rgb[from]!, rgb[from + 1]!, rgb[from + 2]!);
  }
  return out;
}
