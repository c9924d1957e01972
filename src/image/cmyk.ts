/** Four inks to RGB, as Pillow's `convert('RGB')`: each channel is what neither its ink nor black takes away; no ink profile. */

/**
 * @param inks CMYK, 255 = full ink; further channels are passed over
 * @param stride channels of a pixel, 4 or more
 */
export function cmykToRgb(inks: Uint8Array, stride: number): Uint8Array {
  const rgb = new Uint8Array((inks.length / stride) * 3);
  for (let from = 0, to = 0; to < rgb.length; from += stride) {
    const light = 255 - inks[from + 3]!;
    for (let c = 0; c < 3; c++) rgb[to++] = Math.max(0, light - scaled(inks[from + c]!, light));
  }
  return rgb;
}

/** a b / 255, rounded (Pillow's MULDIV255). */
function scaled(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}
