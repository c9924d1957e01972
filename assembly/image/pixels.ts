/** Four RGB pixels (12 bytes) to and from vectors of 32-bit integers, one vector a channel. */

/** Writes four pixels, given as 32-bit integers r | g << 8 | b << 16, as 12 bytes. */
// @ts-ignore: decorator
@inline
export function store4(to: usize, packed: v128): void {
  const bytes = i8x16.swizzle(packed, i8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
  v128.store64_lane(to, bytes, 0);
  v128.store32_lane(to, bytes, 2, 8);
}

/** The red of four RGB pixels as 32-bit integers. */
// @ts-ignore: decorator
@inline
export function red4(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(0, -1, -1, -1, 3, -1, -1, -1, 6, -1, -1, -1, 9, -1, -1, -1));
}
/** The green. */
// @ts-ignore: decorator
@inline
export function green4(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(1, -1, -1, -1, 4, -1, -1, -1, 7, -1, -1, -1, 10, -1, -1, -1));
}
/** The blue. */
// @ts-ignore: decorator
@inline
export function blue4(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1));
}
