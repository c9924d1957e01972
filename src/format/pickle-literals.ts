/** How pickles write numbers and texts: as bytes, and as Python's own literals in the text protocol. */

/** Two's complement, little-endian. */
export function integer(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  if (bytes.length > 0 && bytes[bytes.length - 1]! >= 128) value -= 1n << BigInt(8 * bytes.length);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}

/** Python's raw-unicode-escape. */
export function unescapeUnicode(text: string): string {
  return text.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, four?: string, eight?: string) => {
    const point = Number.parseInt(four ?? eight ?? '', 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

/** Python's `float` or `int` of a text; undefined if it is neither. */
export function numberIn(text: string): number | bigint | undefined {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) {
    if (/^[+-]?nan$/i.test(text)) return Number.NaN;
    if (/^[+-]?inf(inity)?$/i.test(text))
      return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return undefined;
  }
  return /^[+-]?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** What stands between quotes, its escapes resolved; undefined without quotes. */
export function unquoted(text: string): string | undefined {
  const match = /^(['"])(.*)\1$/s.exec(text);
  return match?.[2]?.replace(/\\(x[0-9a-f]{2}|.)/gi, (_, sequence: string) => {
    if (sequence.length === 3) return String.fromCharCode(Number.parseInt(sequence.slice(1), 16));
    return { n: '\n', t: '\t', r: '\r', '0': '\0' }[sequence] ?? sequence;
  });
}
