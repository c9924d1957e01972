/** The `sBIT` chunk of a PNG file: how many bits of each sample the camera or scanner gave (PNG, section 11.3.2.7). */

/** @returns the largest number over the color channels; undefined where the file does not say */
export function significantBits(png: Uint8Array): number | undefined {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  for (let at = 8; at + 12 <= png.length; at += 12 + view.getUint32(at)) {
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === 'IDAT') return undefined; // sBIT stands before the pixels
    if (type !== 'sBIT') continue;
    // Gray has one number, RGB three; alpha comes last.
    const numbers = png.subarray(at + 8, at + 8 + view.getUint32(at));
    return Math.max(...numbers.subarray(0, numbers.length < 3 ? 1 : 3));
  }
  return undefined;
}
