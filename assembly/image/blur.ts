/** The extended box blur of src/image/gaussian-blur.ts; products as in resample.ts. */

/** 16 outputs of a box pass from 16-bit sums of the inner and the two outer samples; weights in 24 bits, as pairs. */
// @ts-ignore: decorator
@inline
function box8(inner: v128, outer: v128, high: v128, low: v128): v128 {
  const half = i32x4.splat(1 << 23);
  const a = v128.shuffle<i16>(inner, outer, 0, 8, 1, 9, 2, 10, 3, 11);
  const b = v128.shuffle<i16>(inner, outer, 4, 12, 5, 13, 6, 14, 7, 15);
  const sumA = i32x4.add(i32x4.shl(i32x4.dot_i16x8_s(a, high), 12), i32x4.add(i32x4.dot_i16x8_s(a, low), half));
  const sumB = i32x4.add(i32x4.shl(i32x4.dot_i16x8_s(b, high), 12), i32x4.add(i32x4.dot_i16x8_s(b, low), half));
  return i16x8.narrow_i32x4_s(i32x4.shr_u(sumA, 24), i32x4.shr_u(sumB, 24));
}

/** One box pass over 16 neighboring bytes whose window is 2 k + 3 samples, `step` bytes apart, centered at `from`. */
// @ts-ignore: decorator
@inline
function box16(from: usize, step: usize, k: i32, high: v128, low: v128): v128 {
  let p = from - step * <usize>(k + 1);
  let v = v128.load(p);
  let outerLow = i16x8.extend_low_i8x16_u(v);
  let outerHigh = i16x8.extend_high_i8x16_u(v);
  let innerLow = i16x8.splat(0);
  let innerHigh = i16x8.splat(0);
  for (let j = -k; j <= k; j++) {
    p += step;
    v = v128.load(p);
    innerLow = i16x8.add(innerLow, i16x8.extend_low_i8x16_u(v));
    innerHigh = i16x8.add(innerHigh, i16x8.extend_high_i8x16_u(v));
  }
  v = v128.load(p + step);
  outerLow = i16x8.add(outerLow, i16x8.extend_low_i8x16_u(v));
  outerHigh = i16x8.add(outerHigh, i16x8.extend_high_i8x16_u(v));
  return i8x16.narrow_i16x8_u(box8(innerLow, outerLow, high, low), box8(innerHigh, outerHigh, high, low));
}

/**
 * Three box passes along the rows, then three along the columns, in place, edges replicated.
 * The window is 2 k + 1 samples of weight `inner` (k <= 63) and one of weight `outer` on each side, in 24 fractional bits.
 * scratch: 2 (rowBytes (height + 2 (k + 1)) + rowBytes + 2 (k + 1) channels + 64) bytes.
 */
export function boxBlur(
  image: usize,
  width: i32,
  height: i32,
  channels: i32,
  k: i32,
  inner: i32,
  outer: i32,
  scratch: usize,
): void {
  const high = i32x4.splat((inner >> 12) | ((outer >> 12) << 16));
  const low = i32x4.splat((inner & 4095) | ((outer & 4095) << 16));
  const rowBytes = <usize>(width * channels);
  const edge = <usize>(k + 1);

  const sidePixels = edge * channels;
  const lineBytes = rowBytes + 2 * sidePixels + 64;
  const planeBytes = rowBytes * (<usize>height + 2 * edge);
  const plane0 = scratch + 2 * lineBytes + rowBytes * edge;
  const plane1 = plane0 + planeBytes;

  for (let y = 0; y < height; y++) {
    let from = scratch + sidePixels;
    let to = from + lineBytes;
    memory.copy(from, image + <usize>y * rowBytes, rowBytes);
    for (let pass = 0; pass < 3; pass++) {
      for (let i: usize = 0; i < sidePixels; i++) {
        store<u8>(from - 1 - i, load<u8>(from + channels - 1 - (i % channels)));
        store<u8>(from + rowBytes + i, load<u8>(from + rowBytes - channels + (i % channels)));
      }
      for (let x: usize = 0; x < rowBytes; x += 16) {
        v128.store(to + x, box16(from + x, channels, k, high, low));
      }
      const swap = from;
      from = to;
      to = swap;
    }
    memory.copy(plane0 + <usize>y * rowBytes, from, rowBytes);
  }

  let from = plane0;
  let to = plane1;
  const last = rowBytes * <usize>(height - 1);
  for (let pass = 0; pass < 3; pass++) {
    for (let i: usize = 1; i <= edge; i++) {
      memory.copy(from - i * rowBytes, from, rowBytes);
      memory.copy(from + last + i * rowBytes, from + last, rowBytes);
    }
    if (pass === 2) to = image;
    for (let x: usize = 0; x <= last + rowBytes - 1; x += 16) {
      v128.store(to + x, box16(from + x, rowBytes, k, high, low));
    }
    const swap = from;
    from = to;
    to = swap;
  }
}
