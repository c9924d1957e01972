/**
 * What happens to copies of images on the web: cut, blurred, turned, written on (the alterations of Copydays, Douze et al. 2009,
 * and of the copy detection challenges). Compression needs an encoder and stands in `jpeg-node.ts`.
 */
import type { CropDraws } from './crop-box.ts';
import { gaussianBlur } from './gaussian-blur.ts';
import type { Box, Image } from './image.ts';
import { resizedCrop } from './resize.ts';

/**
 * Cuts away a share of the surface: a box of the image's own aspect ratio, at a random place.
 *
 * @param removed share of the surface, 0 to less than 1 (Copydays: 0.1 to 0.8)
 */
export function cropAway(image: Image, removed: number, draws: CropDraws): Image {
  if (!(removed >= 0 && removed < 1))
    throw new RangeError(`${removed} of an image cannot be cut away: give a share from 0 to below 1.`);
  const side = Math.sqrt(1 - removed);
  const height = Math.max(1, Math.round(image.height * side));
  const width = Math.max(1, Math.round(image.width * side));
  const box: Box = {
    top: draws.integer(image.height - height + 1),
    left: draws.integer(image.width - width + 1),
    height,
    width,
  };
  return resizedCrop(image, box, height, width, 'bilinear');
}

/** Blurs by a standard deviation that is a share of the short side, so that large and small images lose the same detail. */
export function blurBy(image: Image, share: number): Image {
  return gaussianBlur(image, share * Math.min(image.width, image.height));
}

/**
 * Turns counter-clockwise about the middle, within the same frame: what leaves it is lost, what comes in is black. Bilinear
 * between pixel centers.
 */
export function rotate(image: Image, degrees: number): Image {
  const { width, height, channels, data } = image;
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  const out = new Uint8Array(data.length);
  const sample = (x: number, y: number, c: number): number =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : data[(y * width + x) * channels + c]!;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += channels) {
      // Rounded where a turn by a multiple of 90 degrees would miss the pixel by an ulp.
      const fromX = Math.fround(cos * (x - middleX) - sin * (y - middleY) + middleX);
      const fromY = Math.fround(sin * (x - middleX) + cos * (y - middleY) + middleY);
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      const [right, below] = [fromX - left, fromY - top];
      for (let c = 0; c < channels; c++) {
        const upper = sample(left, top, c) * (1 - right) + sample(left + 1, top, c) * right;
        const lower = sample(left, top + 1, c) * (1 - right) + sample(left + 1, top + 1, c) * right;
        out[to + c] = Math.round(upper * (1 - below) + lower * below);
      }
    }
  }
  return { width, height, channels, data: out };
}

/** Letters of 5 x 7 pixels, a row of bits each. */
const letters = {
  C: [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110],
  O: [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
  P: [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000],
  Y: [0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100],
} as const;
const word = ['C', 'O', 'P', 'Y'] as const;
const COLUMNS = 6 * word.length - 1;
const ROWS = 7;

/**
 * Writes COPY across most of the image, white on a black edge, at a random height: a caption. An image too small for
 * letters of one pixel a stroke stays as it is.
 *
 * @param share of the width that the word takes
 */
export function writeOver(image: Image, share: number, draws: CropDraws): Image {
  const { width, height, channels } = image;
  const stroke = Math.floor(Math.min((share * width) / (COLUMNS + 2), height / (ROWS + 2)));
  if (stroke < 1) return image;
  const data = image.data.slice();
  const left = Math.floor((width - COLUMNS * stroke) / 2);
  const top = stroke + draws.integer(height - (ROWS + 2) * stroke + 1);
  const fill = (column: number, row: number, grow: number, value: number): void => {
    for (let y = top + row * stroke - grow; y < top + (row + 1) * stroke + grow; y++) {
      const from = (y * width + left + column * stroke - grow) * channels;
      data.fill(value, from, from + (stroke + 2 * grow) * channels);
    }
  };
  for (const [grow, value] of [
    [Math.ceil(stroke / 3), 0],
    [0, 255],
  ] as const) {
    for (const [i, letter] of word.entries())
      for (const [row, bits] of letters[letter].entries())
        for (let column = 0; column < 5; column++)
          if ((bits >> (4 - column)) & 1) fill(6 * i + column, row, grow, value);
  }
  return { width, height, channels, data };
}
