/** Random access to bytes, so that a file much larger than what is wanted of it need not be read whole. */

export interface ByteSource {
  /** What to call it in errors, such as its path. */
  readonly name: string;
  readonly size: number;
  /** True when what is read is a copy of the caller's own; otherwise it may be a view of something shared. */
  readonly copies?: boolean;
  /** @throws Error if the range reaches past the end */
  read(offset: number, length: number): Uint8Array;
}

/** Bytes in memory as a source; what is read are views. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length) {
      checkRange(name, bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** @throws Error if a range is not within the bytes */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new Error(
    `${name}: bytes ${offset} to ${offset + length} are wanted and the file has ${size}; was it copied completely?`,
  );
}
