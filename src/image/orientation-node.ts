/**
 * Which way up an image is. Cameras and phones write it as one of eight numbers: in EXIF, or only in XMP, or (ImageMagick) in the
 * text chunks of a PNG file. As Pillow's `exif_transpose`: EXIF counts first, then the EXIF block in a PNG text, then XMP.
 */
import type { Metadata, Sharp } from 'sharp';
import { readTiffTags, tiffTag } from './tiff-tags.ts';

/** 1 is upright; 2 to 8 as in EXIF 2.3, section 4.6.4. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** Mirrored from left to right first, then turned clockwise. */
const turns: Readonly<Record<Orientation, readonly [isMirrored: boolean, degrees: 0 | 90 | 180 | 270]>> = {
  1: [false, 0],
  2: [true, 0],
  3: [false, 180],
  4: [true, 180],
  5: [true, 270],
  6: [false, 90],
  7: [true, 90],
  8: [false, 270],
};

/** What the file says; upright where it says nothing, or nothing that has a meaning. */
export function orientationOf(metadata: Metadata): Orientation {
  // Files of the HEIF family (AVIF, HEIC) are turned by what their format itself says, and by nothing else.
  if (metadata.format === 'heif') return 1;
  const said = metadata.orientation ?? inPngText(metadata) ?? inXmp(metadata);
  return isOrientation(said) ? said : 1;
}

/** Whether height and width change places. */
export function swapsSides(orientation: Orientation): boolean {
  return orientation >= 5;
}

/** Turns an image upright, after it was resized. */
export function upright(image: Sharp, orientation: Orientation): Sharp {
  const [isMirrored, degrees] = turns[orientation];
  const mirrored = isMirrored ? image.flop() : image; // libvips mirrors before it turns
  return degrees === 0 ? mirrored : mirrored.rotate(degrees);
}

function isOrientation(value: number | undefined): value is Orientation {
  return value !== undefined && Number.isInteger(value) && value >= 1 && value <= 8;
}

/** `Raw profile type exif`: a name, a length, and the block in hexadecimal digits. */
function inPngText({ comments = [] }: Metadata): number | undefined {
  for (const { keyword, text } of comments) {
    if (!/^Raw profile type (exif|APP1|xmp)$/i.test(keyword)) continue;
    const digits = text.trim().split('\n').slice(2).join('');
    const block = Buffer.from(digits.replaceAll(/\s/g, ''), 'hex');
    const start = block.toString('latin1', 0, 6) === 'Exif\0\0' ? 6 : 0;
    const [said] = readTiffTags(block.subarray(start)).get(tiffTag.orientation) ?? [];
    const found = said ?? inXmlText(block.toString());
    if (found !== undefined) return found;
  }
  // ImageMagick also writes each EXIF value as a text of its own.
  const alone = comments.find(({ keyword }) => /^(exif:)?Orientation$/i.test(keyword));
  return alone === undefined ? undefined : Number(alone.text);
}

function inXmp({ xmp, comments = [] }: Metadata): number | undefined {
  const text = comments.find(({ keyword }) => keyword === 'XML:com.adobe.xmp')?.text;
  return inXmlText(xmp?.toString() ?? text ?? '');
}

/** As an attribute or as an element. */
function inXmlText(xml: string): number | undefined {
  const [, digit] = /tiff:Orientation\s*(?:=\s*["']|>\s*)([0-9])/.exec(xml) ?? [];
  return digit === undefined ? undefined : Number(digit);
}
