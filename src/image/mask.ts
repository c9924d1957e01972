/**
 * A label for every pixel of an image, and how masks follow the image through a resize: by PIL's NEAREST, so that no label
 * appears that was not there.
 */

/** Labels of pixels, rows from the top; 0 is the background. */
export interface Mask {
  readonly height: number;
  readonly width: number;
  /** [height, width] */
  readonly data: Uint8Array;
}

/**
 * Which sample of an axis PIL's NEAREST takes for each output sample: the whole part of a coordinate that starts at half a
 * step and *accumulates* the step `inSize / outSize` in double. Where it is a whole number, its rounding decides.
 */
function nearestSamples(inSize: number, outSize: number): Int32Array {
  const step = inSize / outSize;
  const samples = new Int32Array(outSize);
  let coordinate = step / 2;
  for (let i = 0; i < outSize; i++, coordinate += step)
    samples[i] = Math.min(inSize - 1, Math.trunc(coordinate));
  return samples;
}

/** A mask at another size, by PIL's NEAREST. */
export function resizeMask(mask: Mask, height: number, width: number): Mask {
  checkMask(mask);
  if (mask.height === height && mask.width === width) return mask;
  const [rows, columns] = [nearestSamples(mask.height, height), nearestSamples(mask.width, width)];
  const data = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    const from = rows[y]! * mask.width;
    for (let x = 0; x < width; x++) data[y * width + x] = mask.data[from + columns[x]!]!;
  }
  return { height, width, data };
}

/** The top left part of a mask. @throws RangeError when the mask is smaller */
export function cropMask(mask: Mask, height: number, width: number): Mask {
  checkMask(mask);
  if (height > mask.height || width > mask.width) {
    throw new RangeError(
      `${height} x ${width} pixels cannot be cut out of a mask of ${mask.height} x ${mask.width}: resize it first.`,
    );
  }
  const data = new Uint8Array(height * width);
  for (let y = 0; y < height; y++)
    data.set(mask.data.subarray(y * mask.width, y * mask.width + width), y * width);
  return { height, width, data };
}

/** @throws RangeError unless the mask has one label for each pixel */
export function checkMask({ height, width, data }: Mask): void {
  if (height < 1 || width < 1 || data.length !== height * width) {
    throw new RangeError(
      `A mask of ${height} x ${width} pixels has ${data.length} labels: give one for each pixel.`,
    );
  }
}

/** @throws RangeError unless both masks have one size */
export function checkSameSize(a: Mask, b: Mask): void {
  checkMask(a);
  checkMask(b);
  if (a.height !== b.height || a.width !== b.width) {
    throw new RangeError(
      `Masks of ${a.height} x ${a.width} and ${b.height} x ${b.width} pixels cannot be compared: resize one with resizeMask.`,
    );
  }
}

/** 1 where any of the masks is not background. @throws RangeError without masks, or for masks of several sizes */
export function maskUnion(masks: readonly Mask[]): Mask {
  const [first] = masks;
  if (first === undefined) throw new RangeError('No masks were given to unite: give one or more.');
  const data = new Uint8Array(first.data.length);
  for (const mask of masks) {
    checkSameSize(first, mask);
    for (const [i, label] of mask.data.entries()) if (label !== 0) data[i] = 1;
  }
  return { height: first.height, width: first.width, data };
}

interface Size {
  readonly height: number;
  readonly width: number;
}

/** Whether two sizes have one aspect ratio, up to a pixel or two of rounding in either. */
export function isSameShape(a: Size, b: Size): boolean {
  const off = (from: Size, to: Size): number => Math.abs((from.width * to.height) / to.width - from.height);
  const [smaller, larger] = a.width < b.width ? [a, b] : [b, a];
  return off(smaller, larger) <= 1 || off(larger, smaller) <= 2;
}
