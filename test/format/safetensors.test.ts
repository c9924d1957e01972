import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  f32,
  parseSafetensors,
  type StoredTensor,
  serializeSafetensors,
} from '../../src/format/safetensors.ts';

function join(segments: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(segments.reduce((length, segment) => length + segment.length, 0));
  let offset = 0;
  for (const segment of segments) {
    bytes.set(segment, offset);
    offset += segment.length;
  }
  return bytes;
}

/** A file with any text as its header and any bytes as its data. */
function file(header: unknown, data: readonly number[] = []): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const two = { dtype: 'U8', shape: [2], data_offsets: [0, 2] };

function storedTensors(): fc.Arbitrary<StoredTensor> {
  return fc.array(fc.nat(4), { maxLength: 4 }).chain((shape): fc.Arbitrary<StoredTensor> => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const exactly = { minLength: count, maxLength: count };
    return fc.oneof(
      fc.float64Array(exactly).map((data) => ({ dtype: 'F64' as const, shape, data })),
      fc.float32Array(exactly).map((data) => ({ dtype: 'F32' as const, shape, data })),
      fc.uint16Array(exactly).map((data) => ({ dtype: 'F16' as const, shape, data })),
      fc.uint16Array(exactly).map((data) => ({ dtype: 'BF16' as const, shape, data })),
      fc.bigInt64Array(exactly).map((data) => ({ dtype: 'I64' as const, shape, data })),
      fc.int32Array(exactly).map((data) => ({ dtype: 'I32' as const, shape, data })),
      fc.int16Array(exactly).map((data) => ({ dtype: 'I16' as const, shape, data })),
      fc.int8Array(exactly).map((data) => ({ dtype: 'I8' as const, shape, data })),
      fc.uint8Array(exactly).map((data) => ({ dtype: 'U8' as const, shape, data })),
      fc.uint8Array({ ...exactly, max: 1 }).map((data) => ({ dtype: 'BOOL' as const, shape, data })),
    );
  });
}

const names = fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__');
const files = fc.record({
  tensors: fc.uniqueArray(fc.tuple(names, storedTensors()), { selector: ([name]) => name, maxLength: 6 }),
  metadata: fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
});

describe('reading safetensors', () => {
  it('reads a file written by the reference implementation, value by value', () => {
    const path = fileURLToPath(new URL('../golden/dinov2_masking.safetensors', import.meta.url));
    const { tensors, metadata } = parseSafetensors(new Uint8Array(readFileSync(path)), path);
    expect(JSON.parse(metadata.config ?? '').fixture).toBe('dinov2_masking');
    const dtypes = new Set([...tensors.values()].map((tensor) => tensor.dtype));
    expect([...dtypes].sort()).toEqual(['BOOL', 'F32', 'F64', 'I64']);
    expect(tensors.get('replay_requests')?.shape).toEqual([12, 2]);
    expect(tensors.get('replay_requests')?.data.slice(0, 2)).toEqual(new BigInt64Array([19n, 16n]));
    expect(tensors.get('collate_upperbound')).toEqual({
      dtype: 'I64',
      shape: [],
      data: new BigInt64Array([80n]),
    });
    expect(tensors.get('collate_masks_weight')?.data[0]).toBe(Math.fround(1 / 15));
    expect(tensors.get('collate_u')?.data[0]).toBe(0.4927909564179972);
    const masked = f32(tensors.get('collate_masks')!).reduce((sum, value) => sum + value, 0);
    expect(masked).toBe(69);
  });

  it('gives views of aligned tensors and copies of the others, with the same values', () => {
    const written = join(
      serializeSafetensors(new Map([['x', { dtype: 'F32', shape: [2], data: new Float32Array([1, -2.5]) }]])),
    );
    for (let shift = 0; shift < 8; shift++) {
      // A Node Buffer on purpose: its slice() does not copy.
      const buffer = Buffer.alloc(shift + written.length);
      buffer.set(written, shift);
      const bytes = buffer.subarray(shift);
      const x = parseSafetensors(bytes, 'x').tensors.get('x');
      expect(x?.data).toEqual(new Float32Array([1, -2.5]));
      expect(x?.data.buffer === bytes.buffer).toBe(bytes.byteOffset % 4 === 0);
    }
  });

  it.each([
    ['too short', new Uint8Array(7), /7 bytes are too few/],
    [
      'a header beyond the end',
      file('{}').subarray(0, 9),
      /header should be 2 bytes long but the file ends after 1/,
    ],
    ['a text file', new TextEncoder().encode('hello world, this is text'), /header length \d+ is impossible/],
    ['broken JSON', file('{"x": '), /not JSON/],
    [
      'broken UTF-8',
      join([new Uint8Array([4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0xfe, 0x7d])]),
      /not JSON in UTF-8/,
    ],
    ['an array', file('[1]'), /not a JSON object/],
    ['leading white space', file(' {}'), /not a JSON object/],
    [
      'metadata that is not text',
      file({ __metadata__: { epoch: 3 } }),
      /metadata entry "epoch" is not a text/,
    ],
    ['metadata that is a list', file({ __metadata__: ['3'] }), /__metadata__ is not a map/],
    ['a tensor that is null', file({ x: null }), /tensor "x" has no description/],
    ['no dtype', file({ x: { shape: [2], data_offsets: [0, 2] } }, [1, 2]), /tensor "x" has no dtype/],
    [
      'an unknown dtype',
      file({ x: { ...two, dtype: 'F8_E4M3' } }, [1, 2]),
      /dtype "F8_E4M3"; convert it to one of F64/,
    ],
    [
      'a dtype named like a property',
      file({ x: { ...two, dtype: 'constructor' } }, [1, 2]),
      /dtype "constructor"/,
    ],
    ['a negative extent', file({ x: { ...two, shape: [-2] } }, [1, 2]), /tensor "x" has no valid shape/],
    ['a broken extent', file({ x: { ...two, shape: [0.5, 4] } }, [1, 2]), /tensor "x" has no valid shape/],
    ['three offsets', file({ x: { ...two, data_offsets: [0, 1, 2] } }, [1, 2]), /no valid data_offsets/],
    [
      'offsets that go back',
      file({ x: { ...two, data_offsets: [2, 0] } }, [1, 2]),
      /needs 2 bytes, but the header gives it -2/,
    ],
    [
      'a size that differs',
      file({ x: { ...two, shape: [3] } }, [1, 2]),
      /shape \[3\] needs 3 bytes, but the header gives it 2/,
    ],
    ['a huge shape', file({ x: { ...two, shape: [2 ** 40, 2 ** 40] } }, [1, 2]), /impossible shape/],
    ['data cut off', file({ x: two }, [1]), /ends at byte 2 of the data, but there are only 1/],
    ['data left over', file({ x: two }, [1, 2, 3]), /1 bytes after the last tensor/],
    [
      'a hole',
      file({ x: two, y: { ...two, data_offsets: [3, 5] } }, [1, 2, 3, 4, 5]),
      /1 bytes before tensor "y"/,
    ],
    ['an overlap', file({ x: two, y: { ...two, data_offsets: [1, 3] } }, [1, 2, 3]), /tensor "y" overlaps/],
    ['a BOOL that is 2', file({ x: { ...two, dtype: 'BOOL' } }, [1, 2]), /BOOL tensor "x" holds the byte 2/],
  ])('refuses %s in one sentence that names the file', (_, bytes, message) => {
    const read = () => parseSafetensors(bytes, 'runs/a.safetensors');
    expect(read).toThrow(message);
    expect(read).toThrow(/^runs\/a\.safetensors: [^\n]*[.?]$/);
  });

  it('loads or refuses a file with mutated bytes, and never fails in another way', () => {
    const mutations = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(files, mutations, fc.nat(20), ({ tensors, metadata }, changes, cut) => {
        const whole = join(serializeSafetensors(new Map(tensors), metadata));
        for (const [at, value] of changes) whole[at % whole.length] = value;
        const bytes = whole.subarray(0, whole.length - cut);
        try {
          for (const tensor of parseSafetensors(bytes, 'mutated').tensors.values()) {
            expect(tensor.data.length).toBe(tensor.shape.reduce((product, extent) => product * extent, 1));
          }
        } catch (error) {
          expect(String(error)).toMatch(/^Error: mutated: /);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('writing safetensors', () => {
  it('writes what reads back as the same names, dtypes, shapes, bits and metadata', () => {
    fc.assert(
      fc.property(files, ({ tensors, metadata }) => {
        const read = parseSafetensors(join(serializeSafetensors(new Map(tensors), metadata)), 'round trip');
        expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort());
        expect([...read.tensors.keys()].sort()).toEqual(tensors.map(([name]) => name).sort());
        for (const [name, tensor] of tensors) expect(read.tensors.get(name)).toEqual(tensor);
      }),
      { numRuns: 300 },
    );
  });

  it('writes these bytes for this tensor', () => {
    const segments = serializeSafetensors(
      new Map([['w', { dtype: 'I16', shape: [2, 1], data: new Int16Array([1, -2]) }]]),
      {
        format: 'pt',
      },
    );
    const json = '{"__metadata__":{"format":"pt"},"w":{"dtype":"I16","shape":[2,1],"data_offsets":[0,4]}}';
    const padded = json.padEnd(Math.ceil(json.length / 8) * 8);
    expect(join(segments)).toEqual(
      join([
        new Uint8Array([padded.length, 0, 0, 0, 0, 0, 0, 0]),
        new TextEncoder().encode(padded),
        new Uint8Array([1, 0, 0xfe, 0xff]),
      ]),
    );
  });

  it('aligns every tensor, gives the same bytes for any order of the map, and does not copy the data', () => {
    const narrow: [string, StoredTensor] = [
      'a',
      { dtype: 'U8', shape: [3], data: new Uint8Array([1, 2, 3]) },
    ];
    const wide: [string, StoredTensor] = ['b', { dtype: 'F64', shape: [1], data: new Float64Array([7]) }];
    const half: [string, StoredTensor] = ['c', { dtype: 'BF16', shape: [1], data: new Uint16Array([9]) }];
    const segments = serializeSafetensors(new Map([narrow, wide, half]));
    expect(segments[0]!.length % 8).toBe(0);
    expect(segments.slice(1).map((segment) => segment.length)).toEqual([8, 2, 3]);
    expect(segments[1]!.buffer).toBe(wide[1].data.buffer);
    expect(join(serializeSafetensors(new Map([half, wide, narrow])))).toEqual(join(segments));
  });

  it('refuses a shape that the data do not fill and the reserved name', () => {
    const data = new Float32Array(3);
    expect(() => serializeSafetensors(new Map([['w', { dtype: 'F32', shape: [2], data }]]))).toThrow(
      'Tensor "w" has 3 elements, which do not fill its shape [2].',
    );
    expect(() =>
      serializeSafetensors(new Map([['__metadata__', { dtype: 'F32', shape: [3], data }]])),
    ).toThrow(/rename/);
  });
});

describe('f32', () => {
  it('widens half precision exactly: normal, subnormal, zero, infinite and not a number', () => {
    const data = new Uint16Array([
      0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0x3555,
    ]);
    expect(f32({ dtype: 'F16', shape: [11], data })).toEqual(
      new Float32Array([
        1,
        -2,
        65504,
        2 ** -24,
        1023 * 2 ** -24,
        2 ** -14,
        -0,
        Infinity,
        -Infinity,
        NaN,
        0.333251953125,
      ]),
    );
  });

  it('widens bfloat16 as the upper half of a float32', () => {
    const data = new Uint16Array([0x3f80, 0xc040, 0x7f80, 0x0000, 0x4049]);
    expect(f32({ dtype: 'BF16', shape: [5], data })).toEqual(
      new Float32Array([1, -3, Infinity, 0, 3.140625]),
    );
  });

  it('returns the array of an F32 tensor itself and converts the other dtypes', () => {
    const data = new Float32Array([1, 2]);
    expect(f32({ dtype: 'F32', shape: [2], data })).toBe(data);
    expect(f32({ dtype: 'F64', shape: [1], data: new Float64Array([0.1]) })).toEqual(new Float32Array([0.1]));
    expect(f32({ dtype: 'I64', shape: [2], data: new BigInt64Array([-5n, 7n]) })).toEqual(
      new Float32Array([-5, 7]),
    );
    expect(f32({ dtype: 'BOOL', shape: [2], data: new Uint8Array([0, 1]) })).toEqual(
      new Float32Array([0, 1]),
    );
  });
});
