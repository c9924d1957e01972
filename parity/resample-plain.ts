/** PIL's resampling in plain TypeScript: readable, and what the fast one of the library is compared with. */
import type { Image } from '../src/image/image.ts';
import { type AxisWeights, WEIGHT_BITS } from '../src/image/resample.ts';

/** Resamples the rows and then the columns of `image`. */
export function resamplePlain(image: Image, across: AxisWeights, down: AxisWeights): Image {
  const { channels, height, data } = image;
  const width = across.outSize;
  const half = 1 << (WEIGHT_BITS - 1);
  const rows = new Uint8Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = y * image.width + across.first[x]!;
      const count = Math.min(across.taps, image.width - across.first[x]!);
      for (let c = 0; c < channels; c++) {
        let sum = half;
        for (let k = 0; k < count; k++) {
          sum += data[(from + k) * channels + c]! * across.weights[x * across.taps + k]!;
        }
        rows[(y * width + x) * channels + c] = clip8(sum >> WEIGHT_BITS);
      }
    }
  }
  const stride = width * channels;
  const out = new Uint8Array(down.outSize * stride);
  for (let y = 0; y < down.outSize; y++) {
    const count = Math.min(down.taps, height - down.first[y]!);
    for (let x = 0; x < stride; x++) {
      let sum = half;
      for (let k = 0; k < count; k++) {
        sum += rows[(down.first[y]! + k) * stride + x]! * down.weights[y * down.taps + k]!;
      }
      out[y * stride + x] = clip8(sum >> WEIGHT_BITS);
    }
  }
  return { width, height: down.outSize, channels, data: out };
}

function clip8(value: number): number {
  return Math.max(0, Math.min(255, value));
}
