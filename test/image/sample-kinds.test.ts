import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { type DecodeOptions, decode } from '../../src/image/decode-node.ts';
import { pngOf } from './png-of.ts';
import { type TiffSample, tiffOf } from './tiff-of.ts';

const side = 16;
/** A ramp from 0 to 1 in reading order. */
const ramp = Array.from({ length: side * side }, (_, i) => i / (side * side - 1));
const asBytes = ramp.map((value) => Math.round(255 * value));

interface Kind {
  readonly type: TiffSample;
  readonly samples: readonly number[];
  readonly tags?: Readonly<Record<number, readonly number[]>>;
  readonly photometric?: number;
}

function tiff({ type, samples, ...rest }: Kind): Buffer {
  return tiffOf({ width: side, height: side, type, samples, ...rest });
}

/** Gray levels of a file. */
async function levelsIn(file: Uint8Array, options?: DecodeOptions): Promise<number[]> {
  return [...(await decode(file, 'a.tif', 1, options)).data];
}

describe('a TIFF file', () => {
  it.each<[string, Kind]>([
    ['bytes', { type: 'uint8', samples: asBytes }],
    ['16 bits in their whole range', { type: 'uint16', samples: asBytes.map((byte) => 257 * byte) }],
    ['32 bits in their whole range', { type: 'uint32', samples: asBytes.map((byte) => 16_843_009 * byte) }],
    ['signed bytes', { type: 'int8', samples: asBytes.map((byte) => byte - 128) }],
    ['floating point from 0 to 1', { type: 'float32', samples: ramp }],
    [
      '12 bits with MaxSampleValue',
      { type: 'uint16', samples: ramp.map((value) => Math.round(4095 * value)), tags: { 281: [4095] } },
    ],
    [
      '16 bits from MinSampleValue to MaxSampleValue',
      { type: 'uint16', samples: asBytes.map((byte) => 1000 + byte), tags: { 280: [1000], 281: [1255] } },
    ],
    [
      'bytes of which the smallest is white',
      { type: 'uint8', samples: asBytes.map((byte) => 255 - byte), photometric: 0 },
    ],
    [
      'floating point of which the smallest is white',
      { type: 'float32', samples: ramp.map((value) => 1 - value), photometric: 0 },
    ],
    [
      '16 bits of which the smallest is white',
      { type: 'uint16', samples: asBytes.map((byte) => 257 * (255 - byte)), photometric: 0 },
    ],
  ])('of %s gives the picture of the bytes', async (_, kind) => {
    expect(await levelsIn(tiff(kind))).toEqual(asBytes);
  });

  it('of RGB in 16 bits or floating point gives each channel', async () => {
    const channels = [0, 1, 2].flatMap((c) => [c]);
    const samples = asBytes.flatMap((byte) => channels.map((c) => (c === 1 ? 255 - byte : byte)));
    const wide = tiffOf({
      width: side,
      height: side,
      type: 'uint16',
      channels: 3,
      samples: samples.map((x) => 257 * x),
    });
    const float = tiffOf({
      width: side,
      height: side,
      type: 'float32',
      channels: 3,
      samples: samples.map((x) => x / 255),
    });
    expect([...(await decode(wide, 'a', 3)).data]).toEqual(samples);
    expect([...(await decode(float, 'a', 3)).data]).toEqual(samples);
  });

  it.each<[string, Kind, RegExp]>([
    [
      '12 bits in 16',
      { type: 'uint16', samples: ramp.map((value) => Math.round(4095 * value)) },
      /^a\.tif has 16-bit samples from 0 to 4095, a small part of 0 to 65535, and does not say what is black and white: .*--levels 0 4095/,
    ],
    [
      'signed 16 bits around zero',
      { type: 'int16', samples: ramp.map((value) => Math.round(2000 * value) - 1000) },
      /has signed 16-bit samples from -1000 to 1000, .*--levels -1000 1000/,
    ],
    [
      'bytes in signed 32 bits',
      { type: 'int32', samples: asBytes },
      /has signed 32-bit samples from 0 to 255, a small part of .*--levels 0 255/,
    ],
    [
      'floating point from 0 to 255',
      { type: 'float32', samples: asBytes },
      /has 32-bit floating-point samples from 0 to 255, outside 0 to 1, .*--levels 0 255/,
    ],
    [
      '14 bits in 16',
      { type: 'uint16', samples: ramp.map((value) => Math.round(16_383 * value)) },
      /--levels 0 16383/,
    ],
    [
      '12 bits of which the smallest is white',
      { type: 'uint16', samples: ramp.map((value) => Math.round(4095 * value)), photometric: 0 },
      /has 16-bit samples from 0 to 4095/,
    ],
  ])('of %s is refused with the levels to give, and shown with them', async (_, kind, message) => {
    const file = tiff(kind);
    await expect(levelsIn(file)).rejects.toThrow(message);
    const levels = [Math.min(...kind.samples), Math.max(...kind.samples)] as const;
    const wanted = kind.photometric === 0 ? asBytes.map((byte) => 255 - byte) : asBytes;
    const off = (shown: readonly number[]) =>
      Math.max(...shown.map((byte, i) => Math.abs(byte - (wanted[i] ?? 0))));
    expect(off(await levelsIn(file, { levels }))).toBeLessThanOrEqual(1);
    expect(await levelsIn(file, { levels: 'image' })).toEqual(await levelsIn(file, { levels }));
  });

  it('shows NaN black, and what is beyond the levels black or white', async () => {
    const samples = [Number.NaN, ...ramp.slice(1)];
    expect(await levelsIn(tiff({ type: 'float32', samples }))).toEqual(asBytes);
    const shown = await levelsIn(tiff({ type: 'float32', samples: ramp }), { levels: [0.25, 0.75] });
    expect([shown[0], shown[63], shown[128], shown[200], shown[255]]).toEqual([0, 0, 129, 255, 255]);
  });

  it('takes the levels for all samples but bytes', async () => {
    expect(await levelsIn(tiff({ type: 'uint8', samples: asBytes }), { levels: [0, 4095] })).toEqual(asBytes);
  });

  it('of a dark 16-bit picture is taken as it is with the whole range as levels', async () => {
    const samples = asBytes.map((byte) => 40 * byte);
    const file = tiff({ type: 'uint16', samples });
    // 16383, the next range above, is one guess; that the picture is only dark is the other.
    await expect(levelsIn(file)).rejects.toThrow(
      'give both for all images: --levels 0 16383 if they were made for that range, --levels 0 65535 if they are only dark, or --levels image for the extremes of each image.',
    );
    const shown = await levelsIn(file, { levels: [0, 65_535] });
    expect(Math.max(...shown)).toBe(40);
  });

  it('of several channels is taken by its colors, or refused', async () => {
    const five = asBytes.flatMap((byte) => [byte, 255 - byte, 7, 200, 100]);
    const rgb = { width: side, height: side, type: 'uint8', samples: five, channels: 5 } as const;
    const first = await decode(tiffOf({ ...rgb, photometric: 2, tags: { 338: [0, 0] } }), 'a', 3);
    expect([...first.data]).toEqual(asBytes.flatMap((byte) => [byte, 255 - byte, 7]));
    await expect(
      decode(tiffOf({ ...rgb, photometric: 1, tags: { 338: [0, 0, 0, 0] } }), 'a.tif', 3),
    ).rejects.toThrow(/^a\.tif has 5 channels and does not say which are colors: /);
    // A near-infrared band is no transparency.
    const four = asBytes.flatMap((byte) => [byte, 255 - byte, 7, 0]);
    const file = tiffOf({ ...rgb, samples: four, channels: 4, photometric: 2, tags: { 338: [0] } });
    expect([...(await decode(file, 'a', 3)).data]).toEqual([...first.data]);
    const two = asBytes.flatMap((byte) => [byte, 9]);
    const gray = tiffOf({ ...rgb, samples: two, channels: 2, photometric: 1, tags: { 338: [0] } });
    expect(await levelsIn(gray)).toEqual(asBytes);
    const wide = tiffOf({
      ...rgb,
      type: 'uint16',
      samples: five.map((x) => 257 * x),
      photometric: 2,
      tags: { 338: [0, 0] },
    });
    expect([...(await decode(wide, 'a', 3)).data]).toEqual([...first.data]);
  });

  it.each<[string, Kind, RegExp]>([
    [
      '64-bit samples',
      { type: 'float64', samples: ramp },
      /^a\.tif has samples of 64 bits, which are not read: save/,
    ],
    [
      'unexplained channels',
      { type: 'uint8', samples: asBytes, tags: { 258: [8, 8, 8], 277: [3] } },
      /^a\.tif has 3 channels and does not say which are colors/,
    ],
    [
      'channels of several depths',
      { type: 'uint8', samples: asBytes, tags: { 258: [8, 8, 16], 277: [3] } },
      /^a\.tif has channels of 8, 8, 16 bits/,
    ],
  ])('of %s is refused', async (_, kind, message) => {
    await expect(levelsIn(tiff(kind))).rejects.toThrow(message);
  });

  it('of the old JPEG kind in tiles is refused, for it would be black', async () => {
    const file = tiff({ type: 'uint8', samples: asBytes, tags: { 259: [6], 322: [16], 323: [16] } });
    await expect(levelsIn(file)).rejects.toThrow(/^a\.tif is a TIFF file of the old JPEG kind in tiles/);
  });

  it('is shrunk after its samples are scaled', async () => {
    const file = tiff({ type: 'uint16', samples: asBytes.map((byte) => 257 * byte) });
    const image = await decode(file, 'a', 1, { shortSide: 8 });
    expect([image.width, image.height]).toEqual([8, 8]);
    expect(Math.abs((image.data[27] ?? 0) - 120)).toBeLessThan(12);
  });
});

describe('a PNG file of 16 bits', () => {
  const png = (samples: readonly number[], extra: Readonly<Record<string, Uint8Array>> = {}): Buffer => {
    const rows = Array.from({ length: side }, (_, y) => [
      0,
      ...samples.slice(y * side, (y + 1) * side).flatMap((sample) => [sample >> 8, sample & 255]),
    ]);
    return pngOf(side, side, 16, 0, rows.flat(), undefined, extra);
  };
  const twelve = ramp.map((value) => Math.round(4095 * value));

  it('is refused where it holds 12 bits and does not say so', async () => {
    await expect(levelsIn(png(twelve))).rejects.toThrow(/samples from 0 to 4095, .*--levels 0 4095/);
  });

  it('is read by its sBIT chunk: samples that were scaled, and those that were not', async () => {
    const sBIT = { sBIT: Uint8Array.of(12) };
    const off = (shown: readonly number[]) =>
      Math.max(...shown.map((byte, i) => Math.abs(byte - (asBytes[i] ?? 0))));
    expect(off(await levelsIn(png(twelve, sBIT)))).toBeLessThanOrEqual(1);
    const scaled = twelve.map((sample) => (sample << 4) | (sample >> 8));
    expect(off(await levelsIn(png(scaled, sBIT)))).toBeLessThanOrEqual(1);
    // A dark picture of a camera with 12 bits stays dark.
    const dark = await levelsIn(
      png(
        asBytes.map((byte) => 16 * Math.floor(byte / 4)),
        sBIT,
      ),
    );
    expect(Math.max(...dark)).toBe(4);
  });
});

describe('transparency', () => {
  it('shows white, in 8 and in 16 bits, in color and in gray', async () => {
    const rgba = { width: 2, height: 1, channels: 4 } as const;
    const eight = sharp(Uint8Array.of(10, 20, 30, 0, 10, 20, 30, 255), { raw: rgba });
    expect([...(await decode(await eight.png().toBuffer(), 'a', 3)).data]).toEqual([
      255, 255, 255, 10, 20, 30,
    ]);
    const wide = sharp(Uint16Array.of(0, 0, 0, 0, 2570, 5140, 65_535, 65_535), { raw: rgba }).toColourspace(
      'rgb16',
    );
    expect([...(await decode(await wide.png().toBuffer(), 'a', 3)).data]).toEqual([
      255, 255, 255, 10, 20, 255,
    ]);
    const gray = sharp(Uint8Array.of(0, 0, 90, 255), { raw: { width: 2, height: 1, channels: 2 } });
    const file = await gray.toColourspace('b-w').png().toBuffer();
    expect([...(await decode(file, 'a', 1)).data]).toEqual([255, 90]);
  });

  it('of a GIF shows white, also around a first frame that does not fill the picture', async () => {
    const shown = await decode(smallFrameGif(), 'a.gif', 1);
    expect([shown.width, shown.height]).toEqual([4, 4]);
    // One black pixel, one transparent one, in a frame of 2 x 1 at the upper left.
    expect([...shown.data]).toEqual([0, ...new Array<number>(15).fill(255)]);
  });

  it('keeps the stored color where labels are read', async () => {
    const rgba = { width: 1, height: 1, channels: 4 } as const;
    const file = await sharp(Uint8Array.of(7, 7, 7, 0), { raw: rgba })
      .png()
      .toBuffer();
    expect([...(await decode(file, 'a', 3, { transparent: 'stored' })).data]).toEqual([7, 7, 7]);
  });
});

/** A GIF of 4 x 4 pixels whose only frame is 2 x 1: black, transparent. */
function smallFrameGif(): Buffer {
  const header = [...Buffer.from('GIF89a'), 4, 0, 4, 0, 0x80, 0, 0];
  const palette = [0, 0, 0, 255, 0, 0];
  const control = [0x21, 0xf9, 4, 1, 0, 0, 1, 0];
  const frame = [0x2c, 0, 0, 0, 0, 2, 0, 1, 0, 0];
  // LZW of codes of 3 bits: clear (4), 0, 1, end (5).
  const pixels = [2, 2, 0b01_000_100, 0b0_101_0, 0];
  return Buffer.from([...header, ...palette, ...control, ...frame, ...pixels, 0x3b]);
}

describe('inks', () => {
  it('become RGB as in Pillow', async () => {
    const inks = [0, 0, 0, 0, 255, 0, 0, 0, 10, 200, 90, 60, 0, 0, 0, 255];
    const file = tiffOf({ width: 4, height: 1, type: 'uint8', channels: 4, photometric: 5, samples: inks });
    // Image.frombytes('CMYK', (4, 1), ...).convert('RGB').
    const wanted = [255, 255, 255, 0, 255, 255, 187, 42, 126, 0, 0, 0];
    expect([...(await decode(file, 'a', 3)).data]).toEqual(wanted);
    const samples = inks.map((ink) => 256 * ink + 200);
    const wide = tiffOf({ width: 4, height: 1, type: 'uint16', channels: 4, photometric: 5, samples });
    expect([...(await decode(wide, 'a', 3)).data]).toEqual(wanted);
    const others = tiffOf({
      ...({ width: 4, height: 1, type: 'uint8', channels: 4, photometric: 5, samples: inks } as const),
      tags: { 332: [2] },
    });
    await expect(decode(others, 'a.tif', 3)).rejects.toThrow(/^a\.tif holds inks other than cyan/);
  });
});
