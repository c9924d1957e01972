/** A strict reader of TensorBoard event files that hold scalars, written apart from the writer it checks. */
import { maskedCrc32c } from '../../src/format/crc32.ts';

export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion: string;
  readonly scalars: [string, number][];
}

interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/** Throws on a wrong checksum, a cut record or an unknown wire type. */
export function readEvents(bytes: Uint8Array): ReadEvent[] {
  const events: ReadEvent[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
    const length = Number(view.getBigUint64(0, true));
    if (view.getUint32(8, true) !== maskedCrc32c(bytes.subarray(offset, offset + 8)))
      throw new Error('length CRC');
    const payload = bytes.subarray(offset + 12, offset + 12 + length);
    if (view.getUint32(12 + length, true) !== maskedCrc32c(payload)) throw new Error('payload CRC');
    events.push(readEvent(payload));
    offset += length + 16;
  }
  return events;
}

function readEvent(payload: Uint8Array): ReadEvent {
  let [wallTime, step, fileVersion] = [Number.NaN, 0, ''];
  const scalars: [string, number][] = [];
  for (const { number, value } of fields(payload)) {
    if (number === 1) wallTime = asNumber(value);
    else if (number === 2) step = asNumber(value);
    else if (number === 3) fileVersion = asText(value);
    else if (number === 5)
      scalars.push(...fields(asBytes(value)).map((entry) => readValue(asBytes(entry.value))));
    else throw new Error(`field ${number}`);
  }
  return { wallTime, step, fileVersion, scalars };
}

function readValue(message: Uint8Array): [string, number] {
  const [tag, simpleValue, ...others] = fields(message);
  if (tag?.number !== 1 || simpleValue?.number !== 2 || others.length > 0) throw new Error('not a scalar');
  return [asText(tag.value), asNumber(simpleValue.value)];
}

function fields(message: Uint8Array): Field[] {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) found.push({ number, value: varint() });
    else if (wireType === 1) {
      found.push({ number, value: view.getFloat64(at, true) });
      at += 8;
    } else if (wireType === 5) {
      found.push({ number, value: view.getFloat32(at, true) });
      at += 4;
    } else if (wireType === 2) {
      const length = varint();
      if (at + length > message.length) throw new Error('a field is cut off');
      found.push({ number, value: message.subarray(at, at + length) });
      at += length;
    } else throw new Error(`wire type ${wireType}`);
  }
  return found;
}

function asNumber(value: number | Uint8Array): number {
  if (typeof value !== 'number') throw new Error('expected a number');
  return value;
}

function asBytes(value: number | Uint8Array): Uint8Array {
  if (typeof value === 'number') throw new Error('expected bytes');
  return value;
}

function asText(value: number | Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(asBytes(value));
}
