/**
 * Bytes as a text of as many characters, 0 to 255. (`TextDecoder('latin1')` is windows-1252 by the standard, which newer versions of
 * Node follow: it changes 0x80 to 0x9f.)
 */
export function latin1Text(bytes: Uint8Array): string {
  let text = '';
  // Calls take only so many arguments.
  for (let start = 0; start < bytes.length; start += CHUNK)
    text += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  return text;
}

const CHUNK = 8192;
