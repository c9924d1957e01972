import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfBits } from '../../src/format/half.ts';
import { f32 } from '../../src/format/safetensors.ts';

const widened = (bits: Uint16Array): Float32Array => f32({ dtype: 'F16', shape: [bits.length], data: bits });

describe('half precision', () => {
  it('gives back every number that it has', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((word) => (word & 0x7c00) !== 0x7c00);
    expect(halfBits(widened(all), 'all')).toEqual(all);
  });

  it('takes the nearest one, and the even one of two that are as near', () => {
    const step = 2 ** -10;
    const ties = Float32Array.of(1 + step / 2, 1 + (3 * step) / 2, 2 ** -25, 3 * 2 ** -25, -1 - step / 2);
    expect([...widened(halfBits(ties, 'ties'))]).toEqual([1, 1 + 2 * step, 0, 2 ** -23, -1]);
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const [bits = 0] = halfBits(Float32Array.of(value), 'x');
        const around = [bits - 1, bits, bits + 1].filter((word) => (word & 0x7c00) !== 0x7c00 && word >= 0);
        const distances = [...widened(Uint16Array.from(around))].map((each) => Math.abs(each - value));
        expect(Math.abs(widened(Uint16Array.of(bits))[0]! - value)).toBe(Math.min(...distances));
      }),
    );
  });

  it('refuses what is out of its range', () => {
    expect(() => halfBits(Float32Array.of(1, 7e4), 'blocks.0')).toThrow(
      'blocks.0 holds 70000, which half precision cannot',
    );
    expect(() => halfBits(Float32Array.of(Number.NaN), 'x')).toThrow('x holds NaN');
  });
});
