/**
 * Labels in colors: the palette of PASCAL VOC, which DAVIS shares (the bits of a label, spread over the channels), and labels
 * laid over their image.
 */
import type { Image } from '../../image/image.ts';
import { checkMask, type Mask } from '../../image/mask.ts';

/** 3 bytes for each of 256 labels. */
export const labelPalette: Uint8Array = vocPalette();

function vocPalette(): Uint8Array {
  const palette = new Uint8Array(256 * 3);
  for (let label = 0; label < 256; label++) {
    for (let bit = 0; bit < 8; bit++)
      palette[3 * label + (bit % 3)]! |= ((label >> bit) & 1) << (7 - Math.floor(bit / 3));
  }
  return palette;
}

/** Brighter than the palette's, ten and then again from the first: what labels are laid over images in. */
const tints = [
  [255, 59, 48],
  [52, 199, 89],
  [10, 122, 255],
  [255, 204, 0],
  [191, 90, 242],
  [90, 220, 250],
  [255, 149, 0],
  [255, 70, 160],
  [170, 140, 100],
  [0, 230, 180],
] as const;

/** The image with every label but 0 tinted in its color and outlined. */
export function labelOverlay(image: Image, mask: Mask): Image {
  checkMask(mask);
  const { width, height, channels } = image;
  if (mask.width !== width || mask.height !== height) {
    throw new RangeError(
      `A mask of ${mask.height} x ${mask.width} pixels does not lie over an image of ${height} x ${width}: resize it first.`,
    );
  }
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const label = mask.data[i]!;
      const edge =
        label !== 0 &&
        ((x > 0 && mask.data[i - 1] !== label) ||
          (x < width - 1 && mask.data[i + 1] !== label) ||
          (y > 0 && mask.data[i - width] !== label) ||
          (y < height - 1 && mask.data[i + width] !== label));
      const tint = tints[(label + tints.length - 1) % tints.length] ?? tints[0];
      const share = label === 0 ? 0 : edge ? 1 : 0.5;
      for (let c = 0; c < 3; c++) {
        const level = image.data[i * channels + (channels === 3 ? c : 0)]!;
        data[3 * i + c] = Math.round(level * (1 - share) + tint[c]! * share);
      }
    }
  }
  return { width, height, channels: 3, data };
}
