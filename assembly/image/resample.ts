/**
 * The two passes of src/image/resample.ts.
 *
 * Exact products. A weight has up to 24 bits, but the fast multiply-and-add (dot) takes 16: weight = 4096 high + low with
 * 0 <= low < 4096, and the sum is (dot(x, high) << 12) + dot(x, low), exact modulo 2^32.
 */

/** The sum (high << 12) + low without its 22 fractional bits; low starts at one half. */
// @ts-ignore: decorator
@inline
function fromFixed(high: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shl(high, 12), low), 22);
}

/**
 * Horizontal pass of an RGB image, four rows at a time; up to three rows after the last are read and written too.
 * offsets: i32[width], byte offset of each output pixel's first input; weights: i16[width][2][taps], high then low parts;
 * taps is even. A row of the output takes outStride bytes, of which at least one after the pixels is scratch.
 */
export function resampleRows3(
  source: usize,
  stride: usize,
  rows: i32,
  out: usize,
  outStride: usize,
  width: i32,
  offsets: usize,
  weights: usize,
  taps: i32,
): void {
  // Pixels 0 and 1 as 16-bit words r0 r1 g0 g1 b0 b1, and two zeros.
  const pair = i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  const lowParts = <usize>taps << 1;
  const offsetsEnd = offsets + (<usize>width << 2);
  for (let y = 0; y < rows; y += 4) {
    const first = max(0, min(y, rows - 4)); // the last block of four may overlap the one before
    const row = source + <usize>first * stride;
    let to = out + <usize>first * outStride;
    let w = weights;
    for (let offset = offsets; offset < offsetsEnd; offset += 4) {
      let p = row + <usize>load<i32>(offset);
      let high0 = i32x4.splat(0);
      let high1 = high0;
      let high2 = high0;
      let high3 = high0;
      let low0 = i32x4.splat(1 << 21);
      let low1 = low0;
      let low2 = low0;
      let low3 = low0;
      for (const end = w + lowParts; w < end; w += 4) {
        const high = v128.load32_splat(w);
        const low = v128.load32_splat(w + lowParts);
        const pixels0 = i8x16.swizzle(v128.load(p), pair);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(pixels0, high));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(pixels0, low));
        let q = p + stride;
        const pixels1 = i8x16.swizzle(v128.load(q), pair);
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(pixels1, high));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(pixels1, low));
        q += stride;
        const pixels2 = i8x16.swizzle(v128.load(q), pair);
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(pixels2, high));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(pixels2, low));
        q += stride;
        const pixels3 = i8x16.swizzle(v128.load(q), pair);
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(pixels3, high));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(pixels3, low));
        p += 6;
      }
      w += lowParts;
      const rows01 = i16x8.narrow_i32x4_s(fromFixed(high0, low0), fromFixed(high1, low1));
      const rows23 = i16x8.narrow_i32x4_s(fromFixed(high2, low2), fromFixed(high3, low3));
      const pixels = i8x16.narrow_i16x8_u(rows01, rows23);
      v128.store32_lane(to, pixels, 0);
      v128.store32_lane(to + outStride, pixels, 1);
      v128.store32_lane(to + outStride * 2, pixels, 2);
      v128.store32_lane(to + outStride * 3, pixels, 3);
      to += 3;
    }
  }
}

/** Horizontal pass of a gray image; as resampleRows3, with taps a multiple of 8. */
export function resampleRows1(
  source: usize,
  stride: usize,
  rows: i32,
  out: usize,
  outStride: usize,
  width: i32,
  offsets: usize,
  weights: usize,
  taps: i32,
): void {
  const lowParts = <usize>taps << 1;
  for (let y = 0; y < rows; y++) {
    const row = source + <usize>y * stride;
    const outRow = out + <usize>y * outStride;
    let w = weights;
    for (let x = 0; x < width; x++) {
      let p = row + <usize>load<i32>(offsets + (<usize>x << 2));
      let high = i32x4.splat(0);
      let low = i32x4.splat(0);
      for (const end = w + lowParts; w < end; w += 16) {
        const pixels = v128.load8x8_u(p);
        high = i32x4.add(high, i32x4.dot_i16x8_s(pixels, v128.load(w)));
        low = i32x4.add(low, i32x4.dot_i16x8_s(pixels, v128.load(w + lowParts)));
        p += 8;
      }
      w += lowParts;
      let sum = i32x4.add(i32x4.shl(high, 12), low);
      sum = i32x4.add(sum, v128.shuffle<i32>(sum, sum, 2, 3, 0, 1));
      const value = (i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + (1 << 21)) >> 22;
      store<u8>(outRow + <usize>x, value < 0 ? 0 : value > 255 ? 255 : value);
    }
  }
}

/**
 * Vertical pass, 16 bytes of a row at a time, any number of channels.
 * offsets: i32[height], byte offset of each output row's first input row; weights: i16[height][2][taps]; taps is even.
 * The output is dense: rowBytes a row.
 */
export function resampleColumns(
  source: usize,
  stride: usize,
  out: usize,
  rowBytes: usize,
  height: i32,
  offsets: usize,
  weights: usize,
  taps: i32,
): void {
  const lowParts = <usize>taps << 1;
  for (let y = 0; y < height; y++) {
    const base = source + <usize>load<i32>(offsets + (<usize>y << 2));
    const to = out + <usize>y * rowBytes;
    const row = weights + (<usize>y * lowParts << 1);
    for (let x: usize = 0; x < rowBytes; x += 16) {
      let high0 = i32x4.splat(0);
      let high1 = high0;
      let high2 = high0;
      let high3 = high0;
      let low0 = i32x4.splat(1 << 21);
      let low1 = low0;
      let low2 = low0;
      let low3 = low0;
      let p = base + x;
      for (let w = row, end = row + lowParts; w < end; w += 4) {
        const a = v128.load(p);
        const b = v128.load(p + stride);
        p += stride << 1;
        const high = v128.load32_splat(w);
        const low = v128.load32_splat(w + lowParts);
        const left = v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const right = v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const pairs0 = i16x8.extend_low_i8x16_u(left);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(pairs0, high));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(pairs0, low));
        const pairs1 = i16x8.extend_high_i8x16_u(left);
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(pairs1, high));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(pairs1, low));
        const pairs2 = i16x8.extend_low_i8x16_u(right);
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(pairs2, high));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(pairs2, low));
        const pairs3 = i16x8.extend_high_i8x16_u(right);
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(pairs3, high));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(pairs3, low));
      }
      const words0 = i16x8.narrow_i32x4_s(fromFixed(high0, low0), fromFixed(high1, low1));
      const words1 = i16x8.narrow_i32x4_s(fromFixed(high2, low2), fromFixed(high3, low3));
      v128.store(to + x, i8x16.narrow_i16x8_u(words0, words1));
    }
  }
}
