/**
 * CorLoc, the score of unsupervised object discovery: an image counts as localized when the box around its mask overlaps
 * the box of some object with an intersection over union of at least one half (Deselaers et al. 2010). The box
 * encloses the largest connected part of the mask, as Simeoni et al. 2021 ("LOST", their DINO-seg baseline) take it: parts
 * connect through edges, not corners. Not in the official DINO repository. Boxes here are half-open, [top, top + height).
 */
import type { Box } from '../../image/image.ts';
import { checkMask, type Mask } from '../../image/mask.ts';

/** The largest connected part of what is not background; of equal ones the first in reading order. */
export function largestComponent(mask: Mask): Mask {
  checkMask(mask);
  const { height, width, data } = mask;
  const seen = new Uint8Array(data.length);
  const queue = new Int32Array(data.length);
  let largest = new Int32Array(0);
  for (let start = 0; start < data.length; start++) {
    if (data[start] === 0 || seen[start] === 1) continue;
    let end = 0;
    const visit = (i: number): void => {
      if (data[i] === 0 || seen[i] === 1) return;
      seen[i] = 1;
      queue[end++] = i;
    };
    visit(start);
    for (let at = 0; at < end; at++) {
      const i = queue[at]!;
      const x = i % width;
      if (x > 0) visit(i - 1);
      if (x < width - 1) visit(i + 1);
      if (i >= width) visit(i - width);
      if (i < data.length - width) visit(i + width);
    }
    if (end > largest.length) largest = queue.slice(0, end);
  }
  const component = new Uint8Array(data.length);
  for (const i of largest) component[i] = 1;
  return { height, width, data: component };
}

/** The smallest box around what is not background; undefined for an empty mask. */
export function boundingBox(mask: Mask): Box | undefined {
  checkMask(mask);
  const { height, width, data } = mask;
  let [top, left, bottom, right] = [height, width, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x] === 0) continue;
      top = Math.min(top, y);
      bottom = y + 1;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
    }
  }
  return bottom === 0 ? undefined : { top, left, height: bottom - top, width: right - left };
}

/** Intersection over union of two boxes; 0 where both are without area. */
export function boxIou(a: Box, b: Box): number {
  const overlap = (from: number, size: number, otherFrom: number, otherSize: number): number =>
    Math.max(0, Math.min(from + size, otherFrom + otherSize) - Math.max(from, otherFrom));
  const both = overlap(a.top, a.height, b.top, b.height) * overlap(a.left, a.width, b.left, b.width);
  const either = a.height * a.width + b.height * b.width - both;
  return either === 0 ? 0 : both / either;
}

/** One image: the mask that was found and the boxes of its objects, in the same pixels. */
export interface LocalizedImage {
  readonly mask: Mask;
  readonly boxes: readonly Box[];
}

/** Whether the box around the mask's largest part matches one of the objects. */
export function isLocalized({ mask, boxes }: LocalizedImage, minIou = 0.5): boolean {
  const found = boundingBox(largestComponent(mask));
  return found !== undefined && boxes.some((box) => boxIou(found, box) >= minIou);
}

/**
 * Share of images that are localized, 0 .. 1; images without objects are left out.
 *
 * @throws RangeError when no image has an object
 */
export function corLoc(images: Iterable<LocalizedImage>, minIou = 0.5): number {
  let [hits, count] = [0, 0];
  for (const image of images) {
    if (image.boxes.length === 0) continue;
    count++;
    if (isLocalized(image, minIou)) hits++;
  }
  if (count === 0)
    throw new RangeError('No image has an object box, so there is nothing to localize: give some boxes.');
  return hits / count;
}
