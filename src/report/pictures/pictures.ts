/**
 * From arrays to what a report holds: images become pictures, attention becomes colored tiles. Encoding is the only part of
 * a report that is asynchronous, so it happens here, before the page is rendered.
 */
import type { Image } from '../../image/image.ts';
import type { AttentionExample, AttentionHead } from '../model.ts';
import type { Picture } from '../picture.ts';
import { headLabel } from './head-label.ts';
import { encodePng } from './png.ts';
import { brightestValue, heatTile, maskOverlay } from './tiles.ts';

/** Any PNG encoder: the portable one of this folder, or a faster one where there is one. */
export type PngEncoder = (image: Image) => Uint8Array | Promise<Uint8Array>;

/** Attention to the places of an image: what `attentionExample` draws. */
export interface AttentionMaps {
  /** The image, small: its mask overlays are as large as it is. */
  readonly image: Image;
  /** What the image is called, such as its path. */
  readonly name: string;
  readonly label?: string;
  readonly heads: number;
  /** Heads to show, by number; all in their order unless given. The others can be unfolded. */
  readonly shown?: readonly number[];
  /** Rows and columns of patches. */
  readonly rows: number;
  readonly columns: number;
  /** Ascending steps; `maps` is [heads, rows, columns]. */
  readonly moments: readonly { readonly step: number; readonly maps: Float32Array }[];
  /** Thresholded maps of the last moment, [heads, rows, columns], not 0 where a patch belongs to the mask. */
  readonly masks?: Uint8Array;
}

/** Encodes an image for the page. */
export async function picture(image: Image, encode: PngEncoder = encodePng): Promise<Picture> {
  return { mime: 'image/png', bytes: await encode(image), width: image.width, height: image.height };
}

/** Draws the attention to one image. A row has one color scale over all moments, so that its tiles can be compared. */
export async function attentionExample(
  attention: AttentionMaps,
  encode: PngEncoder = encodePng,
): Promise<AttentionExample> {
  const { image, name, label, rows, columns, moments, masks } = attention;
  const size = rows * columns;
  const row = async (head: number): Promise<AttentionHead> => {
    const own = moments.map(({ maps }) => maps.subarray(head * size, (head + 1) * size));
    const top = brightestValue(own);
    const mask = masks?.subarray(head * size, (head + 1) * size);
    return {
      name: headLabel(head),
      maps: await Promise.all(own.map((map) => picture(heatTile(map, rows, columns, top), encode))),
      ...(mask && { mask: await picture(maskOverlay(image, mask, rows, columns), encode) }),
    };
  };
  const all = Array.from({ length: attention.heads }, (_, head) => head);
  const { shown = all } = attention;
  return {
    name,
    ...(label !== undefined && { label }),
    input: await picture(image, encode),
    steps: moments.map(({ step }) => step),
    heads: await Promise.all(shown.map(row)),
    others: await Promise.all(all.filter((head) => !shown.includes(head)).map(row)),
  };
}
