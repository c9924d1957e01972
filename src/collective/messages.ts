/** Texts and plain data between ranks: rare, so that they need not be fast. */
import type { Collective } from './collective.ts';

/** Bytes that are moved at once. */
const PIECE = 2 ** 28;

/** Rank 0's value, on all ranks; others may give anything. Only what JSON keeps. */
export async function shared<T>(collective: Collective, value: T): Promise<T> {
  if (collective.size === 1) return value;
  const text = collective.rank === 0 ? new TextEncoder().encode(JSON.stringify(value ?? null)) : undefined;
  const length = Float64Array.of(text?.length ?? 0);
  await collective.broadcast(new Uint8Array(length.buffer));
  const bytes = text ?? new Uint8Array(length[0] ?? 0);
  await collective.broadcast(bytes);
  return collective.rank === 0 ? value : JSON.parse(new TextDecoder().decode(bytes));
}

/** What every rank says, by rank. */
export async function gathered<T>(collective: Collective, own: T): Promise<T[]> {
  if (collective.size === 1) return [own];
  // Bytes go as floats, which every collective moves: it has no other numbers.
  const bytes = new TextEncoder().encode(JSON.stringify(own ?? null));
  const lengths = new Float32Array(collective.size);
  await collective.gather(Float32Array.of(bytes.length), lengths);
  const longest = Math.max(...lengths);
  const padded = new Float32Array(longest);
  padded.set(bytes);
  const all = new Float32Array(longest * collective.size);
  await collective.gather(padded, all);
  return Array.from(lengths, (length, rank) => {
    const from = rank * longest;
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(all.subarray(from, from + length))));
  });
}

/** Sums of a few numbers over all ranks. */
export async function summed(collective: Collective, ...values: readonly number[]): Promise<Float32Array> {
  const sums = Float32Array.from(values);
  await collective.sum(sums);
  return sums;
}

/** Rank 0's numbers, in place. */
export async function broadcastFloats(collective: Collective, values: Float32Array): Promise<void> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  for (let from = 0; from < bytes.length; from += PIECE)
    await collective.broadcast(bytes.subarray(from, Math.min(from + PIECE, bytes.length)));
}
