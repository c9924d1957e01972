/**
 * TensorBoard event files: TFRecord frames (length, masked CRC of the length, payload, masked CRC of the payload), each
 * holding one `tensorflow.Event` message in the protobuf wire format. Only what scalar charts need is written:
 *
 *     Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
 *     Summary { repeated Value value = 1; }      Value { string tag = 1; float simple_value = 2; }
 *
 * A file is `encodeVersion(...)` followed by any number of `encodeScalars(...)`: append the bytes as they come. A run that
 * is continued starts a new file in the same folder, which TensorBoard joins with the old one.
 */
import { maskedCrc32c } from './crc32.ts';

const utf8 = new TextEncoder();

/**
 * The name TensorBoard looks for: `events.out.tfevents.<seconds>.<host>`.
 *
 * @param time seconds since 1970
 * @param host the machine, or anything else that keeps two writers apart; what cannot stand in a file name becomes `_`
 */
export function eventFileName(time: number, host: string): string {
  const seconds = Math.floor(time).toString().padStart(10, '0');
  return `events.out.tfevents.${seconds}.${host.replace(/[^A-Za-z0-9.-]/g, '_')}`;
}

/** The first record of every event file. `time` is in seconds since 1970. */
export function encodeVersion(time: number): Uint8Array {
  return frame([...wallTime(time), ...field(3, utf8.encode('brain.Event:2'))]);
}

/**
 * One record with the values of one step.
 *
 * @param time seconds since 1970
 * @param step a whole number, 0 or more
 * @param scalars tag (a slash groups charts, as in `train/loss`) and value, kept as float32; NaN and infinities are shown
 *   by TensorBoard as such
 * @throws Error when the step is not a whole number
 */
export function encodeScalars(
  time: number,
  step: number,
  scalars: Readonly<Record<string, number>>,
): Uint8Array {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new Error(`A TensorBoard step must be a whole number from 0 on, not ${step}.`);
  }
  const summary: number[] = [];
  for (const [tag, value] of Object.entries(scalars)) {
    const bits = new Uint8Array(4);
    new DataView(bits.buffer).setFloat32(0, value, true);
    summary.push(...field(1, [...field(1, utf8.encode(tag)), key(2, 5), ...bits]));
  }
  return frame([...wallTime(time), key(2, 0), ...varint(step), ...field(5, summary)]);
}

function frame(payload: readonly number[]): Uint8Array {
  const record = new Uint8Array(payload.length + 16);
  const view = new DataView(record.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(payload, 12);
  view.setUint32(12 + payload.length, maskedCrc32c(record.subarray(12, 12 + payload.length)), true);
  return record;
}

function wallTime(time: number): number[] {
  const bits = new Uint8Array(8);
  new DataView(bits.buffer).setFloat64(0, time, true);
  return [key(1, 1), ...bits];
}

/** A length-delimited field: text, bytes or an embedded message. */
function field(number: number, content: ArrayLike<number> & Iterable<number>): number[] {
  return [key(number, 2), ...varint(content.length), ...content];
}

function key(number: number, wireType: 0 | 1 | 2 | 5): number {
  return number * 8 + wireType;
}

/** By division, since steps may exceed the 32 bits of the bitwise operators. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  bytes.push(value);
  return bytes;
}
