import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { toGrayscale } from '../../src/image/color.ts';
import { decode } from '../../src/image/decode-node.ts';
import type { Image } from '../../src/image/image.ts';
import { difference } from './fixtures.ts';

const width = 31;
const height = 22;

/** Smooth colors, so that lossy formats stay close. */
function scene(channels: 1 | 3): Image {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const x = i % width;
    const y = Math.trunc(i / width);
    for (let c = 0; c < channels; c++) data[i * channels + c] = 40 + 4 * x + (c - 1) * 3 * y;
  }
  return { width, height, channels, data };
}

const rgb = scene(3);
const gray = scene(1);
const threeEqual = (image: Image): Image => ({
  ...image,
  channels: 3,
  data: Uint8Array.from({ length: image.data.length * 3 }, (_, i) => image.data[Math.trunc(i / 3)]!),
});

function encoder(image: Image): ReturnType<typeof sharp> {
  return sharp(image.data, { raw: { width, height, channels: image.channels } });
}

function grayOf(image: Image): Image {
  const data = toGrayscale(image).data.filter((_, i) => i % 3 === 0);
  return { ...image, channels: 1, data };
}

/** The largest difference of two images of one shape. */
function largestError(a: Image, b: Image): number {
  expect([a.width, a.height, a.channels]).toEqual([b.width, b.height, b.channels]);
  return a.data.reduce((worst, x, i) => Math.max(worst, Math.abs(x - b.data[i]!)), 0);
}

describe('decode', () => {
  it.each([
    ['larger images to the short side, with their shape', 11, [16, 11], 3],
    ['no smaller ones', 22, [31, 22], 0],
    ['none without a short side', 0, [31, 22], 0],
  ] as const)('shrinks %s', async (_, shortSide, [w, h], most) => {
    const image = await decode(await encoder(rgb).png().toBuffer(), 'a.png', 3, { shortSide });
    expect([image.width, image.height]).toEqual([w, h]);
    for (let i = 0; i < w * h; i++) {
      const wanted = 40 + 4 * ((((i % w) + 0.5) * width) / w - 0.5); // the scene's green, between its pixels
      expect(Math.abs(image.data[3 * i + 1]! - wanted)).toBeLessThanOrEqual(most);
    }
  });

  it('shrinks by the upright height and width of a photo that the camera turned', async () => {
    const turned = await encoder(rgb).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
    const image = await decode(turned, 'a.jpg', 3, { shortSide: 11 });
    expect([image.width, image.height]).toEqual([11, 16]);
  });

  it.each([
    ['PNG', () => encoder(rgb).png().toBuffer()],
    ['TIFF', () => encoder(rgb).tiff({ compression: 'lzw' }).toBuffer()],
    ['lossless WebP', () => encoder(rgb).webp({ lossless: true }).toBuffer()],
  ])('gives the exact pixels of a %s file, in color and in gray', async (_, encode) => {
    const file = await encode();
    expect(difference(await decode(file, 'a', 3), rgb)).toBe(0);
    expect(difference(await decode(file, 'a', 1), grayOf(rgb))).toBe(0);
  });

  it.each([
    ['JPEG', () => encoder(rgb).jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer(), 4],
    ['AVIF', () => encoder(rgb).avif({ quality: 95 }).toBuffer(), 12],
    ['GIF', () => encoder(rgb).gif({ dither: 0 }).toBuffer(), 16],
  ])('gives nearly the pixels of a %s file', async (_, encode, tolerance) => {
    expect(largestError(await decode(await encode(), 'a', 3), rgb)).toBeLessThanOrEqual(tolerance);
  });

  it('gives gray files as they are, or with three equal channels', async () => {
    const file = await encoder(gray).toColourspace('b-w').png().toBuffer();
    expect(difference(await decode(file, 'a', 1), gray)).toBe(0);
    expect(difference(await decode(file, 'a', 3), threeEqual(gray))).toBe(0);
  });

  it('shows what is half transparent over white', async () => {
    const file = await encoder(rgb).ensureAlpha(0.25).png().toBuffer();
    const { data } = await decode(file, 'a', 3);
    const off = data.map((level, i) => Math.abs(level - (255 + (64 / 255) * (rgb.data[i]! - 255))));
    expect(Math.max(...off)).toBeLessThanOrEqual(1);
  });

  it('scales 16-bit samples to 8 bits', async () => {
    const levels = Uint16Array.from({ length: 256 }, (_, i) => i * 257);
    const raw = { width: 256, height: 1, channels: 1 } as const;
    const file = await sharp(levels, { raw }).toColourspace('grey16').png().toBuffer();
    expect((await sharp(file).metadata()).depth).toBe('ushort');
    const wanted = Array.from({ length: 256 }, (_, i) => i);
    expect([...(await decode(file, 'a', 1)).data]).toEqual(wanted);
  });

  it('turns CMYK into RGB', async () => {
    const data = new Uint8Array(16 * 16 * 3).fill(200);
    const file = await sharp(data, { raw: { width: 16, height: 16, channels: 3 } })
      .toColourspace('cmyk')
      .jpeg({ quality: 100 })
      .toBuffer();
    expect((await sharp(file).metadata()).space).toBe('cmyk');
    const image = await decode(file, 'a', 3);
    expect(image.data.length).toBe(data.length);
    // Pillow shows the inks of libvips' conversion, which are meant for paper, a little lighter.
    for (const value of image.data) expect(Math.abs(value - 200)).toBeLessThan(25);
  });

  it('applies the EXIF orientation', async () => {
    const file = await encoder(rgb).withMetadata({ orientation: 6 }).png().toBuffer();
    const turned = await decode(file, 'a', 3);
    expect([turned.width, turned.height]).toEqual([height, width]);
    // A quarter turn clockwise: the upper right pixel was the upper left one.
    expect([...turned.data.subarray((height - 1) * 3, height * 3)]).toEqual([...rgb.data.subarray(0, 3)]);
  });

  it('takes the first frame of an animation', async () => {
    const frames = new Uint8Array(8 * 16 * 3).fill(250, 8 * 8 * 3);
    const file = await sharp(frames, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } })
      .gif()
      .toBuffer();
    expect((await sharp(file).metadata()).pages).toBe(2);
    const image = await decode(file, 'a', 3);
    expect([image.width, image.height, Math.max(...image.data)]).toEqual([8, 8, 0]);
  });

  it('names the file that is no image, or is cut short', async () => {
    await expect(decode(new TextEncoder().encode('hello'), 'cats/notes.txt', 3)).rejects.toThrow(
      /^cats\/notes\.txt cannot be decoded \(it is no image, .* JPEG, PNG, .* files are read\): replace or remove it\.$/,
    );
    await expect(decode(new Uint8Array(0), 'cats/empty.png', 3)).rejects.toThrow(
      /^cats\/empty\.png cannot be/,
    );
  });

  it('says the same of a file that is cut short, wherever it ends and however it is read', async () => {
    const files = [
      encoder(rgb).jpeg(),
      encoder(rgb).jpeg({ progressive: true }),
      encoder(rgb).png({ compressionLevel: 0 }),
      encoder(rgb).webp(),
      encoder(rgb).tiff(),
      encoder(rgb).gif(),
    ];
    for (const encode of files) {
      const file = await encode.toBuffer();
      for (const share of [0.1, 0.5, 0.9])
        for (const options of [{}, { shortSide: 4 }])
          await expect(
            decode(file.subarray(0, Math.floor(share * file.length)), 'cats/half', 3, options),
          ).rejects.toMatchObject({
            message: 'cats/half cannot be decoded (it is damaged or cut off): replace or remove it.',
            reason: 'cannot be decoded (it is damaged or cut off): replace or remove it.',
          });
    }
  });

  it('refuses decompression bombs before it unpacks them', async () => {
    // A small file that claims 16000 x 12000 pixels: the header chunk's sizes and its checksum.
    const file = await encoder(rgb).png().toBuffer();
    const view = new DataView(file.buffer, file.byteOffset);
    view.setUint32(16, 16000);
    view.setUint32(20, 12000);
    view.setUint32(29, crc32(file.subarray(12, 29)));
    await expect(decode(file, 'bomb.png', 3)).rejects.toThrow(
      'bomb.png has more than 178956970 pixels: make it smaller or remove it.',
    );
  });
});
