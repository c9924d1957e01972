import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decode, imageSize } from '../../src/image/decode-node.ts';
import { pngOf } from './png-of.ts';

/** Three pixels by two, gray: 0 1 2 over 3 4 5. */
const raw = { width: 3, height: 2, channels: 1 } as const;
const data = Uint8Array.of(0, 1, 2, 3, 4, 5);
const picture = () => sharp(data, { raw }).toColourspace('b-w').png();

/** Rows of the picture when it is turned upright, by EXIF 2.3's table of where row and column 0 are. */
const turned: Readonly<Record<number, readonly (readonly number[])[]>> = {
  1: [
    [0, 1, 2],
    [3, 4, 5],
  ],
  2: [
    [2, 1, 0],
    [5, 4, 3],
  ],
  3: [
    [5, 4, 3],
    [2, 1, 0],
  ],
  4: [
    [3, 4, 5],
    [0, 1, 2],
  ],
  5: [
    [0, 3],
    [1, 4],
    [2, 5],
  ],
  6: [
    [3, 0],
    [4, 1],
    [5, 2],
  ],
  7: [
    [5, 2],
    [4, 1],
    [3, 0],
  ],
  8: [
    [2, 5],
    [1, 4],
    [0, 3],
  ],
};

async function rowsOf(file: Uint8Array): Promise<number[][]> {
  const { width, height, data: levels } = await decode(file, 'a', 1);
  expect(await imageSize(file, 'a')).toMatchObject({ width, height });
  return Array.from({ length: height }, (_, y) => [...levels.subarray(y * width, (y + 1) * width)]);
}

const xmp = (orientation: number): string =>
  `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="${orientation}"/></rdf:RDF></x:xmpmeta>`;

/** An EXIF block with nothing but an orientation. */
function exif(orientation: number): Buffer {
  const block = Buffer.alloc(26);
  block.write('MM\0*', 0, 'latin1');
  block.writeUInt32BE(8, 4);
  block.writeUInt16BE(1, 8);
  block.writeUInt16BE(274, 10);
  block.writeUInt16BE(3, 12);
  block.writeUInt32BE(1, 14);
  block.writeUInt16BE(orientation, 18);
  return block;
}

/** The picture with text chunks. */
function withText(texts: Readonly<Record<string, string>>): Buffer {
  const [[keyword = '', text = ''] = []] = Object.entries(texts);
  return pngOf(3, 2, 8, 0, [0, 0, 1, 2, 0, 3, 4, 5], undefined, {
    tEXt: Buffer.from(`${keyword}\0${text}`, 'latin1'),
  });
}

const rawProfile = (kind: string, block: Buffer): string =>
  `\n${kind}\n${String(block.length).padStart(8)}\n${block.toString('hex').replaceAll(/.{72}/g, '$&\n')}\n`;

describe('a picture is turned upright', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('by orientation %i in EXIF', async (orientation) => {
    expect(await rowsOf(await picture().withMetadata({ orientation }).toBuffer())).toEqual(
      turned[orientation],
    );
  });

  it.each([2, 3, 5, 6, 7, 8])('by orientation %i in XMP alone', async (orientation) => {
    expect(await rowsOf(await picture().withXmp(xmp(orientation)).toBuffer())).toEqual(turned[orientation]);
  });

  it('by the EXIF block, the XMP block or the value that ImageMagick writes into PNG texts', async () => {
    const block = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif(6)]);
    expect(await rowsOf(withText({ 'Raw profile type exif': rawProfile('exif', block) }))).toEqual(turned[6]);
    expect(await rowsOf(withText({ 'Raw profile type APP1': rawProfile('generic', exif(8)) }))).toEqual(
      turned[8],
    );
    const inXmp = rawProfile('xmp', Buffer.from(xmp(7)));
    expect(await rowsOf(withText({ 'Raw profile type xmp': inXmp }))).toEqual(turned[7]);
    expect(await rowsOf(withText({ 'exif:Orientation': '3' }))).toEqual(turned[3]);
  });

  it('not by a number without a meaning, and by EXIF before XMP', async () => {
    expect(await rowsOf(await picture().withXmp(xmp(9)).toBuffer())).toEqual(turned[1]);
    const both = picture().withMetadata({ orientation: 6 }).withXmp(xmp(3));
    expect(await rowsOf(await both.toBuffer())).toEqual(turned[6]);
  });

  it('in a JPEG whose orientation stands in XMP', async () => {
    const file = await sharp(data, { raw }).jpeg({ quality: 100 }).withXmp(xmp(6)).toBuffer();
    expect(await imageSize(file, 'a')).toMatchObject({ width: 2, height: 3 });
    const { width, height } = await decode(file, 'a', 3);
    expect([width, height]).toEqual([2, 3]);
  });
});
