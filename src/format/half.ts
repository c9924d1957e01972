/** float32 numbers as IEEE half precision. */
import { roundHalfEven } from '../numbers/round-half-even.ts';

const LARGEST = 65504;

/**
 * The nearest half-precision numbers, ties to even, as bits.
 *
 * @param name what they are, for the message
 * @throws RangeError if a number is beyond the range of half precision
 */
export function halfBits(values: Float32Array, name: string): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!(Math.abs(value) < LARGEST + 16)) {
      throw new RangeError(`${name} holds ${value}, which half precision cannot: export in float32.`);
    }
    const word = words[i]!;
    const sign = (word >>> 16) & 0x8000;
    const exponent = ((word >>> 23) & 255) - 127;
    if (exponent < -14) {
      // Below the normal numbers: multiples of 2^-24.
      bits[i] = sign | roundHalfEven(Math.abs(value) * 2 ** 24);
      continue;
    }
    const fraction = word & 0x7fffff;
    const rest = fraction & 0x1fff;
    let half = ((exponent + 15) << 10) | (fraction >>> 13);
    if (rest > 0x1000 || (rest === 0x1000 && (half & 1) === 1)) half++; // may carry into the exponent, rightly
    bits[i] = sign | half;
  }
  return bits;
}
