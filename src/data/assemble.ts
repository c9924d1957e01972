/** From a batch of 8-bit crops, image by image, to the tensors of a program: normalized, channels first, view by view. */
import { normalizationTable, statisticsFor } from '../image/normalize.ts';

export interface CropLayout {
  readonly channels: 1 | 3;
  /** Side of every view of an image, in order. */
  readonly viewSizes: readonly number[];
}

/** Which crops of a batch: from the first of a pair up to its second, itself left out. */
export interface ChosenCrops {
  readonly views: readonly [from: number, to: number];
  readonly images: readonly [from: number, to: number];
}

export class CropAssembler {
  readonly #channels: number;
  readonly #sizes: readonly number[];
  readonly #offsets: readonly number[];
  readonly #imageBytes: number;
  readonly #table: Float32Array;

  constructor({ channels, viewSizes }: CropLayout) {
    this.#channels = channels;
    this.#sizes = viewSizes;
    this.#table = normalizationTable(statisticsFor(channels));
    let bytes = 0;
    this.#offsets = viewSizes.map((size) => {
      const offset = bytes;
      bytes += size * size * channels;
      return offset;
    });
    this.#imageBytes = bytes;
  }

  /**
   * Writes views of images as [views * images, C, S, S].
   *
   * @param crops image after image, each with all its views one after the other, each [S, S, C]
   */
  write(crops: Uint8Array, { views, images }: ChosenCrops, into: Float32Array): void {
    const [start, end] = images;
    let at = 0;
    for (let view = views[0]; view < views[1]; view++) {
      const size = this.#sizes[view] ?? 0;
      for (let image = start; image < end; image++) {
        this.#normalize(crops, image * this.#imageBytes + (this.#offsets[view] ?? 0), size * size, into, at);
        at += size * size * this.#channels;
      }
    }
  }

  /**
   * Copies views of images as they are, as [views * images, S, S, C]: for devices that normalize them.
   *
   * @param crops as for `write`
   */
  copy(crops: Uint8Array, { views, images }: ChosenCrops, into: Uint8Array): void {
    const [start, end] = images;
    let at = 0;
    for (let view = views[0]; view < views[1]; view++) {
      const size = this.#sizes[view] ?? 0;
      const bytes = size * size * this.#channels;
      for (let image = start; image < end; image++, at += bytes) {
        const from = image * this.#imageBytes + (this.#offsets[view] ?? 0);
        into.set(crops.subarray(from, from + bytes), at);
      }
    }
  }

  #normalize(pixels: Uint8Array, from: number, plane: number, into: Float32Array, to: number): void {
    const channels = this.#channels;
    for (let c = 0; c < channels; c++) {
      const levels = this.#table.subarray(c * 256, c * 256 + 256);
      const out = to + c * plane;
      for (let i = 0, p = from + c; i < plane; i++, p += channels) into[out + i] = levels[pixels[p]!]!;
    }
  }
}
