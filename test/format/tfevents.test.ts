import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c, maskedCrc32c } from '../../src/format/crc32.ts';
import { encodeScalars, encodeVersion, eventFileName } from '../../src/format/tfevents.ts';
import { readEvents } from './tfevents-reader.ts';

const ascii = (text: string) => new TextEncoder().encode(text);

describe('CRC-32C', () => {
  it.each([
    ['32 bytes of zero', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of 255', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['the bytes 0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['the bytes 31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['the digits 1 to 9', ascii('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('gives the known value for %s', (_, bytes, crc) => {
    expect(crc32c(bytes)).toBe(crc);
  });

  it('is masked by a rotation of 15 bits and the constant of TFRecord', () => {
    // 0xe3069283 rotated right by 15 is 0x2507c60d; plus 0xa282ead8 is 0xc78ab0e5.
    expect(maskedCrc32c(ascii('123456789'))).toBe(0xc78ab0e5);
  });
});

describe('TensorBoard events', () => {
  it('are the bytes that TensorBoard itself writes for the same event', () => {
    expect(Buffer.from(encodeScalars(1.5, 300, { a: 2 })).toString('hex')).toBe(
      '1800000000000000a37f4b2209000000000000f83f10ac022a0a0a080a01611500000040722e38ef',
    );
  });

  it('read back with the same times, steps, tags and float32 values', () => {
    const events = fc.array(
      fc.record({
        wallTime: fc.double({ noNaN: true }),
        step: fc.maxSafeNat(),
        scalars: fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.float()), {
          selector: ([tag]) => `tag ${tag}`,
        }),
      }),
    );
    fc.assert(
      fc.property(events, (written) => {
        const records = written.map(({ wallTime, step, scalars }) =>
          encodeScalars(wallTime, step, Object.fromEntries(scalars)),
        );
        const [version, ...read] = readEvents(Buffer.concat([encodeVersion(12.5), ...records]));
        expect(version).toEqual({ wallTime: 12.5, step: 0, fileVersion: 'brain.Event:2', scalars: [] });
        expect(read).toEqual(
          written.map((event) => ({
            ...event,
            fileVersion: '',
            scalars: Object.entries(Object.fromEntries(event.scalars)),
          })),
        );
      }),
    );
  });

  it('refuse a step that is not a whole number', () => {
    expect(() => encodeScalars(0, 1.5, {})).toThrow(
      'A TensorBoard step must be a whole number from 0 on, not 1.5.',
    );
    expect(() => encodeScalars(0, -1, {})).toThrow(/not -1/);
  });

  it('lie in a file whose name TensorBoard recognizes and every file system takes', () => {
    expect(eventFileName(1700000000.9, "Ada's mac/mini")).toBe(
      'events.out.tfevents.1700000000.Ada_s_mac_mini',
    );
    expect(eventFileName(7, 'h')).toBe('events.out.tfevents.0000000007.h');
  });
});
