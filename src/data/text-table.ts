/**
 * A list of texts in two shared buffers. A million paths as strings would be copied into every worker; this way all
 * threads read the same bytes.
 */
import { nameText } from './file-name.ts';

export interface TextTable {
  /** All texts in UTF-8, one after the other, in shared memory. */
  readonly bytes: Uint8Array;
  /** Where each text ends in `bytes`. */
  readonly ends: Uint32Array;
}

/** Packs texts, or their bytes where a file system gave some that are not UTF-8; 4 GB together at most. */
export function packTexts(texts: readonly (string | Uint8Array)[]): TextTable {
  const encoder = new TextEncoder();
  const ends = new Uint32Array(new SharedArrayBuffer(texts.length * 4));
  let total = 0;
  let worst = 0;
  for (const text of texts) worst += text.length * 3;
  const scratch = new Uint8Array(worst);
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i]!;
    if (typeof text === 'string') total += encoder.encodeInto(text, scratch.subarray(total)).written;
    else {
      scratch.set(text, total);
      total += text.length;
    }
    ends[i] = total;
  }
  const bytes = new Uint8Array(new SharedArrayBuffer(total));
  bytes.set(scratch.subarray(0, total));
  return { bytes, ends };
}

/** The bytes of text number `index`, a copy. */
export function bytesAt(table: TextTable, index: number): Uint8Array {
  const end = table.ends[index];
  if (end === undefined)
    throw new RangeError(`Item ${index} was asked for, but there are only ${table.ends.length}.`);
  const start = index === 0 ? 0 : table.ends[index - 1]!;
  return table.bytes.slice(start, end);
}

/** Text number `index`, to be read by people where its bytes are not UTF-8; see `nameText`. */
export function textAt(table: TextTable, index: number): string {
  return nameText(bytesAt(table, index));
}
