/** Names of files as bytes. File systems and archives hold any bytes; most are UTF-8, old ones are not. */

/** With its mark, so that no two names become one. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name to be read by people: what is not UTF-8 has its bytes beyond ASCII written out, `caf\xE9.jpg`. */
export function nameText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) =>
      byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16).toUpperCase()}`,
    ).join('');
  }
}
