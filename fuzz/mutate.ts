/** Damage to files as accidents and attackers do it, the same for the same seed. */
import type { Random } from '../src/random/random.ts';

/** Numbers that readers trip over where they take them for sizes. */
const TRICKY = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

type Mutation = (bytes: Uint8Array, other: Uint8Array, random: Random) => Uint8Array;

const mutations: readonly Mutation[] = [
  // one bit
  (bytes, _, random) => {
    const at = random.integer(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random.integer(8));
    return bytes;
  },
  // any byte
  (bytes, _, random) => {
    bytes[random.integer(bytes.length)] = random.integer(256);
    return bytes;
  },
  // cut off
  (bytes, _, random) => bytes.slice(0, random.integer(bytes.length)),
  // a piece taken out
  (bytes, _, random) => {
    const [start, end] = range(bytes.length, random);
    return joined(bytes.subarray(0, start), bytes.subarray(end));
  },
  // a piece twice
  (bytes, _, random) => {
    const [start, end] = range(bytes.length, random);
    return joined(bytes.subarray(0, end), bytes.subarray(start));
  },
  // a piece of another file
  (bytes, other, random) => {
    const [start, end] = range(other.length, random);
    const at = random.integer(bytes.length);
    return joined(bytes.subarray(0, at), other.subarray(start, end), bytes.subarray(at));
  },
  // a piece of another file over what was there
  (bytes, other, random) => {
    const [start, end] = range(Math.min(bytes.length, other.length), random);
    bytes.set(other.subarray(start, end), start);
    return bytes;
  },
  // a size field of 1, 2, 4 or 8 bytes, small end first or big
  (bytes, _, random) => {
    const width = [1, 2, 4, 8][random.integer(4)] ?? 4;
    const value = TRICKY[random.integer(TRICKY.length)] ?? 0;
    const at = random.integer(Math.max(1, bytes.length - width));
    const big = random.chance(0.3);
    for (let i = 0; i < width && at + i < bytes.length; i++) {
      const shift = 8 * (big ? width - 1 - i : i);
      bytes[at + i] = shift < 32 ? (value >>> shift) & 255 : random.chance(0.5) ? 255 : 0;
    }
    return bytes;
  },
  // a number in a text
  (bytes, _, random) => {
    const start = random.integer(bytes.length);
    const at = bytes.findIndex((byte, i) => i >= start && byte >= 48 && byte <= 57);
    if (at >= 0) bytes[at] = random.chance(0.2) ? 45 : 48 + random.integer(10);
    return bytes;
  },
];

/** The seed file with one to four things wrong with it. */
export function mutate(seed: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = seed.slice();
  const count = 1 + random.integer(4);
  for (let i = 0; i < count && bytes.length > 0; i++) {
    const mutation = mutations[random.integer(mutations.length)];
    const other = others[random.integer(others.length)] ?? seed;
    if (mutation !== undefined) bytes = mutation(bytes, other, random).slice();
  }
  return bytes;
}

/** A piece, mostly a short one, of so many bytes. */
function range(length: number, random: Random): [start: number, end: number] {
  const start = random.integer(Math.max(1, length));
  const longest = random.chance(0.7) ? 64 : length;
  return [start, Math.min(length, start + 1 + random.integer(longest))];
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
