import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NpyArray, parseNpy, serializeNpy } from '../../src/format/npy.ts';

/** What numpy.save writes: magic, version, header length 118, a header padded to 128 bytes in all, then the data. */
function numpyFile(dict: string, data: readonly number[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat([
      Buffer.from(`\x93NUMPY\x01\x00\x76\x00${dict.padEnd(117)}\n`, 'latin1'),
      new Uint8Array(data),
    ]),
  );
}

const header = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

const arrays: fc.Arbitrary<NpyArray> = fc.array(fc.nat(4), { maxLength: 4 }).chain((shape) => {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const exactly = { minLength: count, maxLength: count };
  return fc.oneof(
    fc.float32Array(exactly).map((data) => ({ dtype: 'float32' as const, shape, data })),
    fc.uint8Array(exactly).map((data) => ({ dtype: 'uint8' as const, shape, data })),
  );
});

describe('.npy files', () => {
  it('are the bytes that numpy.save writes', () => {
    const bytes = Buffer.concat(
      serializeNpy({ dtype: 'uint8', shape: [3], data: new Uint8Array([1, 2, 255]) }),
    );
    expect(new Uint8Array(bytes)).toEqual(numpyFile(header('|u1', '(3,)'), [1, 2, 255]));
    const floats = Buffer.concat(
      serializeNpy({ dtype: 'float32', shape: [1, 2], data: new Float32Array([1, -2]) }),
    );
    expect(new Uint8Array(floats)).toEqual(numpyFile(header('<f4', '(1, 2)'), [0, 0, 128, 63, 0, 0, 0, 192]));
    const scalar = Buffer.concat(serializeNpy({ dtype: 'float32', shape: [], data: new Float32Array([3]) }));
    expect(new Uint8Array(scalar)).toEqual(numpyFile(header('<f4', '()'), [0, 0, 64, 64]));
  });

  it('read back as the same array wherever the file lies in memory', () => {
    fc.assert(
      fc.property(arrays, fc.nat(7), (array, shift) => {
        const buffer = Buffer.concat([new Uint8Array(shift), ...serializeNpy(array)]);
        const read = parseNpy(buffer.subarray(shift), 'a.npy');
        expect({ ...read, data: [...read.data] }).toEqual({ ...array, data: [...array.data] });
      }),
    );
  });

  it.each([
    ['another format', new Uint8Array(128), /is not a \.npy file/],
    ['a later version', numpyFile(header('|u1', '(1,)'), [1]).fill(2, 6, 7), /version 2\.0 is not read/],
    ['a cut header', numpyFile(header('|u1', '(1,)'), []).subarray(0, 90), /header is cut off or damaged/],
    [
      'other elements',
      numpyFile(header('<f8', '(1,)'), [0, 0, 0, 0, 0, 0, 0, 0]),
      /elements are "<f8", save them as float32/,
    ],
    ['Fortran order', numpyFile(header('<f4', '(1,)', 'True'), [0, 0, 0, 0]), /Fortran order/],
    ['a tuple that is a number', numpyFile(header('|u1', '(1)'), [0]), /header is cut off or damaged/],
    ['missing data', numpyFile(header('<f4', '(2,)'), [0, 0, 0, 0]), /needs 8 bytes but 4 follow/],
    ['data left over', numpyFile(header('|u1', '()'), [0, 0]), /needs 1 bytes but 2 follow/],
  ])('with %s are refused in one sentence that names the file', (_, bytes, message) => {
    expect(() => parseNpy(bytes, 'a.npy')).toThrow(message);
    expect(() => parseNpy(bytes, 'a.npy')).toThrow(/^a\.npy: [^\n]*[.?]$/);
  });

  it('are not written from an array that does not fill its shape', () => {
    expect(() => serializeNpy({ dtype: 'uint8', shape: [2, 2], data: new Uint8Array(3) })).toThrow(
      'An array of 3 elements does not fill the shape [2,2].',
    );
  });
});
