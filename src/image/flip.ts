/** Mirroring (torchvision's hflip). */
import type { Image } from './image.ts';

/** The columns reversed. */
export function flip(image: Image): Image {
  const { width, height, channels, data } = image;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * channels;
      const to = (y * width + width - 1 - x) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = data[from + c]!;
    }
  }
  return { ...image, data: out };
}
