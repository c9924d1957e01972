/**
 * Cutting and resizing as torchvision does it on PIL images: exact sizes, the short side, resized crops, center crops and
 * PIL's thumbnail. Sizes are `height, width` in this order. Images have 1 or 3 channels.
 */
import { roundHalfEven } from '../numbers/round-half-even.ts';
import type { Box, Image } from './image.ts';
import { type AxisWeights, axisWeights, type Interpolation } from './resample.ts';
import { workbench } from './workbench.ts';

/** Cuts the box out, then resizes it; the filter sees nothing outside the box (RandomResizedCrop after its draw). */
export function resizedCrop(
  image: Image,
  box: Box,
  height: number,
  width: number,
  interpolation: Interpolation,
): Image {
  const bench = workbench();
  bench.load(image);
  bench.resizedCrop(box, height, width, interpolation);
  return bench.view();
}

/** Resizes to exactly `height` x `width`, whatever the aspect ratio. */
export function resize(image: Image, height: number, width: number, interpolation: Interpolation): Image {
  if (height === image.height && width === image.width) return image;
  const whole = { top: 0, left: 0, height: image.height, width: image.width };
  return resizedCrop(image, whole, height, width, interpolation);
}

/** Resizes the short side to `size`; the long side becomes `int(size * long / short)` (torchvision's Resize(size)). */
export function resizeShortSide(image: Image, size: number, interpolation: Interpolation): Image {
  const { height, width } = shortSideShape(image, size);
  return resize(image, height, width, interpolation);
}

/** The shape that `resizeShortSide` gives. */
export function shortSideShape(
  { width, height }: { readonly width: number; readonly height: number },
  size: number,
): { readonly height: number; readonly width: number } {
  const long = Math.trunc((size * Math.max(width, height)) / Math.min(width, height));
  return height <= width ? { height: size, width: long } : { height: long, width: size };
}

/**
 * `resizeShortSide` to `short`, then `centerCrop` to `size` x `size`, to the byte; only what the crop keeps is computed, so
 * that a very wide image costs no more than another.
 */
export function resizedCenter(
  image: Image,
  short: number,
  size: number,
  interpolation: Interpolation,
): Image {
  const { width, height } = image;
  if (size > short) return centerCrop(resizeShortSide(image, short, interpolation), size, size);
  const long = Math.trunc((short * Math.max(width, height)) / Math.min(width, height));
  const axis = (inSize: number, outSize: number): { weights: AxisWeights; start: number } => {
    const part = { from: roundHalfEven((outSize - size) / 2), count: size };
    return stretchOf(axisWeights(inSize, outSize, interpolation, { part }));
  };
  const [across, down] =
    height <= width ? [axis(width, long), axis(height, short)] : [axis(width, short), axis(height, long)];
  const bench = workbench();
  bench.load(
    cut(image, {
      left: across.start,
      top: down.start,
      width: across.weights.inSize,
      height: down.weights.inSize,
    }),
  );
  bench.resample(across.weights, down.weights);
  return bench.view();
}

/** The same weights on the stretch of the axis that they read. */
function stretchOf(weights: AxisWeights): { weights: AxisWeights; start: number } {
  const { inSize, outSize, taps, first } = weights;
  const start = first[0] ?? 0;
  const end = Math.min(inSize, (first[outSize - 1] ?? 0) + taps);
  return { weights: { ...weights, inSize: end - start, first: first.map((at) => at - start) }, start };
}

function cut({ width, channels, data }: Image, box: Box): Image {
  const out = new Uint8Array(box.width * box.height * channels);
  const rowBytes = box.width * channels;
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * width + box.left) * channels;
    out.set(data.subarray(from, from + rowBytes), y * rowBytes);
  }
  return { width: box.width, height: box.height, channels, data: out };
}

/** Cuts out the middle; where the image is smaller, zeros surround it (torchvision's CenterCrop). */
export function centerCrop(image: Image, height: number, width: number): Image {
  const { channels } = image;
  const padTop = Math.max(0, Math.floor((height - image.height) / 2));
  const padLeft = Math.max(0, Math.floor((width - image.width) / 2));
  const top = roundHalfEven(Math.max(0, image.height - height) / 2);
  const left = roundHalfEven(Math.max(0, image.width - width) / 2);
  const rows = Math.min(height, image.height);
  const rowBytes = Math.min(width, image.width) * channels;
  const data = new Uint8Array(height * width * channels);
  for (let y = 0; y < rows; y++) {
    const from = ((top + y) * image.width + left) * channels;
    data.set(image.data.subarray(from, from + rowBytes), ((padTop + y) * width + padLeft) * channels);
  }
  return { width, height, channels, data };
}

/** The side that follows: floor or ceil of `exact`, whichever keeps the aspect ratio better, at least 1. */
function nearestSide(exact: number, ratioError: (side: number) => number): number {
  const floor = Math.floor(exact);
  const ceil = Math.ceil(exact);
  return Math.max(1, ratioError(ceil) < ratioError(floor) ? ceil : floor);
}

/** Averages cells of `down` x `across` pixels (PIL's reduce); cells at the right and lower edge may be partial. */
function reduce(image: Image, down: number, across: number): Image {
  const { channels, data } = image;
  const width = Math.ceil(image.width / across);
  const height = Math.ceil(image.height / down);
  const out = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const bottom = Math.min(image.height, (y + 1) * down);
    for (let x = 0; x < width; x++) {
      const right = Math.min(image.width, (x + 1) * across);
      const count = (bottom - y * down) * (right - x * across);
      const perCount = Math.floor(2 ** 24 / count);
      for (let c = 0; c < channels; c++) {
        let sum = count >> 1;
        for (let j = y * down; j < bottom; j++) {
          for (let i = x * across; i < right; i++) sum += data[(j * image.width + i) * channels + c]!;
        }
        out[(y * width + x) * channels + c] = Math.floor((sum * perCount) / 2 ** 24);
      }
    }
  }
  return { width, height, channels, data: out };
}

/**
 * Shrinks an image into a square of `size`, keeping its aspect ratio (PIL's thumbnail with LANCZOS and its default
 * reducing_gap of 2: a box average first, by the largest whole factors that leave twice the final size). Never enlarges.
 */
export function thumbnail(image: Image, size: number): Image {
  const aspect = image.width / image.height;
  let width = size;
  let height = size;
  if (size >= image.width && size >= image.height) return image;
  if (aspect <= 1) width = nearestSide(size * aspect, (side) => Math.abs(aspect - side / size));
  else height = nearestSide(size / aspect, (side) => (side === 0 ? 0 : Math.abs(aspect - size / side)));
  if (width === image.width && height === image.height) return image;

  const across = Math.max(1, Math.trunc(image.width / width / 2));
  const down = Math.max(1, Math.trunc(image.height / height / 2));
  const reduced = across > 1 || down > 1 ? reduce(image, down, across) : image;
  const bench = workbench();
  bench.load(reduced);
  bench.resample(
    axisWeights(reduced.width, width, 'lanczos', { length: image.width / across }),
    axisWeights(reduced.height, height, 'lanczos', { length: image.height / down }),
  );
  return bench.view();
}
