/**
 * The fast path of the image transforms: one image at a time is loaded into the memory of a WebAssembly module and views
 * of it are cut, resampled, recolored and blurred there, without copies in between. The results are the bytes of the
 * plain TypeScript definitions beside this file.
 *
 * Memory, from low to high: a table of 256 levels, the loaded image, then for each view its weights, its pixels and
 * scratch for the passes. Buffers are followed by slack because the kernels work on whole vectors.
 */
import { brightnessTable, contrastTable, solarizeTable } from './color.ts';
import { boxPass, gaussianBlur } from './gaussian-blur.ts';
import { hueShift } from './hue.ts';
import type { Box, Image } from './image.ts';
import { instantiate } from './kernels.wasm.ts';
import { type AxisWeights, axisWeights, type Interpolation } from './resample.ts';

const PAGE = 65536;
const SLACK = 128;
const BLOCK_ROWS = 4;
/** The 16-bit sums of the blur hold 2 k + 1 samples up to here; wider blurs take the plain path. */
const MAX_BLUR_K = 63;

/** The next address after `bytes` bytes and slack, aligned to vectors. */
function after(address: number, bytes: number): number {
  return 16 * Math.ceil((address + bytes + SLACK) / 16);
}

/** Addresses of 32-bit words are computed as signed numbers. */
const LARGEST_MEMORY = 2 ** 31 - PAGE;

export class Workbench {
  readonly #kernels = instantiate();
  readonly #table = (this.#kernels.heapBase() + 15) & ~15;
  readonly #sourceAddress = after(this.#table, 256);
  #bytes = new Uint8Array(this.#kernels.memory.buffer);
  #words = new Int32Array(this.#kernels.memory.buffer);
  #halves = new Int16Array(this.#kernels.memory.buffer);
  #source: Omit<Image, 'data'> = { width: 0, height: 0, channels: 3 };
  #view = 0;
  #width = 0;
  #height = 0;

  /** Memory that is held, bytes. */
  get bytes(): number {
    return this.#bytes.length;
  }

  /** Takes in the image that views are cut from; the image before it and its view are gone. */
  load(image: Image): void {
    const bytes = image.width * image.height * image.channels;
    this.#reserve(after(this.#sourceAddress, bytes));
    this.#bytes.set(image.data, this.#sourceAddress);
    this.#source = { width: image.width, height: image.height, channels: image.channels };
    this.#height = 0;
  }

  /** Starts a view: the image as it is. */
  wholeImage(): void {
    const { width, height } = this.#source;
    this.resizedCrop({ top: 0, left: 0, height, width }, height, width, 'bilinear');
  }

  /** Starts a view: the box cut out of the image, then resized; the filter sees nothing outside the box. */
  resizedCrop(box: Box, height: number, width: number, interpolation: Interpolation): void {
    const across = axisWeights(box.width, width, interpolation);
    const down = axisWeights(box.height, height, interpolation);
    this.resample(across, down, box.top, box.left);
  }

  /** Starts a view: the part of the image with the corner `top`, `left` and the weights' input sizes, resampled. */
  resample(across: AxisWeights, down: AxisWeights, top = 0, left = 0): void {
    const { width, height, channels } = this.#source;
    if (top < 0 || left < 0 || top + down.inSize > height || left + across.inSize > width) {
      throw new RangeError(
        `A box of ${down.inSize} x ${across.inSize} at (${top}, ${left}) leaves the image of ${height} x ${width}: keep it inside.`,
      );
    }
    // The gray kernel takes eight inputs at a time, the others two.
    const acrossTaps = channels === 1 ? (across.taps + 7) & ~7 : (across.taps + 1) & ~1;
    const downTaps = (down.taps + 1) & ~1;
    const stride = width * channels;
    const rowBytes = across.outSize * channels;
    const passStride = (rowBytes + 16) & ~15;

    const acrossTable = after(this.#sourceAddress, stride * height);
    const downTable = after(acrossTable, across.outSize * 4 * (1 + acrossTaps));
    this.#view = after(downTable, down.outSize * 4 * (1 + downTaps));
    const pass = after(this.#view, rowBytes * down.outSize);
    // The first pass works on blocks of rows, which may reach a few rows beyond the last, of its input too.
    this.#reserve(after(pass, passStride * (down.inSize + BLOCK_ROWS)));
    this.#reserve(after(this.#sourceAddress, stride * (height + BLOCK_ROWS)));

    const acrossWeights = this.#pack(across, acrossTaps, acrossTable, channels);
    const downWeights = this.#pack(down, downTaps, downTable, passStride);
    const source = this.#sourceAddress + top * stride + left * channels;
    const rows = channels === 1 ? this.#kernels.resampleRows1 : this.#kernels.resampleRows3;
    rows(
      source,
      stride,
      down.inSize,
      pass,
      passStride,
      across.outSize,
      acrossTable,
      acrossWeights,
      acrossTaps,
    );
    this.#kernels.resampleColumns(
      pass,
      passStride,
      this.#view,
      rowBytes,
      down.outSize,
      downTable,
      downWeights,
      downTaps,
    );
    this.#width = across.outSize;
    this.#height = down.outSize;
  }

  /**
   * Writes the table of an axis: a byte offset for each output, then for each output the high parts of its weights
   * (w >> 12) and the low ones (w & 4095), `taps` of both. Returns the address of the weights.
   */
  #pack(axis: AxisWeights, taps: number, address: number, step: number): number {
    const { inSize, outSize, first, weights } = axis;
    const weightsAddress = address + outSize * 4;
    this.#halves.fill(0, weightsAddress >> 1, (weightsAddress >> 1) + outSize * taps * 2);
    for (let i = 0; i < outSize; i++) {
      // Zero weights fill up to `taps`; near the end they come first, so that inputs beyond it are not read.
      const from = Math.max(0, Math.min(first[i]!, inSize - taps));
      const skip = first[i]! - from;
      this.#words[(address >> 2) + i] = from * step;
      const high = (weightsAddress >> 1) + i * taps * 2 + skip;
      const count = Math.min(axis.taps, taps - skip);
      for (let k = 0; k < count; k++) {
        const weight = weights[i * axis.taps + k]!;
        this.#halves[high + k] = weight >> 12;
        this.#halves[high + taps + k] = weight & 4095;
      }
    }
    return weightsAddress;
  }

  /** Mirrors the view. */
  flip(): void {
    this.#kernels.flipRows(this.#view, this.#width, this.#height, this.#source.channels);
  }

  /** See adjustBrightness. */
  brightness(factor: number): void {
    this.#mapLevels(brightnessTable(factor));
  }

  /** See adjustContrast. */
  contrast(factor: number): void {
    const pixels = this.#width * this.#height;
    const sum = this.#kernels.lumaSum(this.#view, pixels, this.#source.channels);
    this.#mapLevels(contrastTable(factor, sum, pixels));
  }

  /** See adjustSaturation. */
  saturation(factor: number): void {
    if (this.#source.channels === 1) return;
    this.#kernels.saturation(this.#view, this.#width * this.#height, factor);
  }

  /** See adjustHue. */
  hue(factor: number): void {
    if (this.#source.channels === 1) return;
    this.#kernels.hue(this.#view, this.#width * this.#height, hueShift(factor));
  }

  /** See toGrayscale. */
  grayscale(): void {
    if (this.#source.channels === 1) return;
    this.#kernels.grayscale(this.#view, this.#width * this.#height);
  }

  /** See solarize. */
  solarize(threshold: number): void {
    this.#mapLevels(solarizeTable(threshold));
  }

  /** See gaussianBlur. */
  blur(radius: number): void {
    const { k, inner, outer } = boxPass(radius);
    if (k > MAX_BLUR_K) {
      this.#bytes.set(gaussianBlur(this.view(), radius).data, this.#view);
      return;
    }
    const { channels } = this.#source;
    const rowBytes = this.#width * channels;
    const scratch = after(this.#view, rowBytes * this.#height);
    const planes = 2 * (rowBytes * (this.#height + 2 * (k + 1)) + rowBytes + 2 * (k + 1) * channels + 64);
    this.#reserve(after(scratch, planes));
    this.#kernels.boxBlur(this.#view, this.#width, this.#height, channels, k, inner, outer, scratch);
  }

  /** Copies the view's `[height, width, channels]` samples to `out` from `offset` on; returns their number. */
  read(out: Uint8Array, offset = 0): number {
    const bytes = this.#width * this.#height * this.#source.channels;
    out.set(this.#bytes.subarray(this.#view, this.#view + bytes), offset);
    return bytes;
  }

  /** A copy of the view. */
  view(): Image {
    const { channels } = this.#source;
    const data = new Uint8Array(this.#width * this.#height * channels);
    this.read(data);
    return { width: this.#width, height: this.#height, channels, data };
  }

  #mapLevels(table: Uint8Array): void {
    this.#bytes.set(table, this.#table);
    this.#kernels.applyTable(this.#view, this.#width * this.#height * this.#source.channels, this.#table);
  }

  /** Grows the memory so that it reaches up to `end`. */
  #reserve(end: number): void {
    if (end > LARGEST_MEMORY) {
      const { width, height } = this.#source;
      throw new RangeError(
        `An image of ${width} x ${height} pixels needs ${Math.ceil(end / 2 ** 20)} MiB to be resized like this: make it smaller, or cut it into less lengthy ones.`,
      );
    }
    const { memory } = this.#kernels;
    const missing = end - memory.buffer.byteLength;
    if (missing <= 0) return;
    memory.grow(Math.ceil(missing / PAGE));
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#halves = new Int16Array(memory.buffer);
  }
}

/** Memory that is not worth keeping, bytes. */
const HUGE = 2 ** 28;

let shared: Workbench | undefined;

/** The workbench of this thread; whoever uses it loads an image first and reads the view before anyone else can run. */
export function workbench(): Workbench {
  // Memory of WebAssembly never shrinks: after a huge image a new bench is cheaper than what the old one holds.
  if (shared === undefined || shared.bytes > HUGE) shared = new Workbench();
  return shared;
}
