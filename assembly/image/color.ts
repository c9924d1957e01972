/** The color operations of src/image/color.ts, but for the hue, and the flip. */
import { blue4, green4, red4, store4 } from './pixels';

/** Reverses the columns in place; 1 or 3 channels. */
export function flipRows(image: usize, width: i32, height: i32, channels: i32): void {
  for (let y = 0; y < height; y++) {
    let left = image + <usize>(y * width * channels);
    let right = left + <usize>((width - 1) * channels);
    while (left < right) {
      for (let c = 0; c < channels; c++) {
        const swap = load<u8>(left + c);
        store<u8>(left + c, load<u8>(right + c));
        store<u8>(right + c, swap);
      }
      left += channels;
      right -= channels;
    }
  }
}

/** image[i] = table[image[i]], in place. */
export function applyTable(image: usize, bytes: usize, table: usize): void {
  for (const end = image + bytes; image < end; image += 4) {
    const four = load<u32>(image);
    const a = <u32>load<u8>(table + (four & 255));
    const b = <u32>load<u8>(table + ((four >> 8) & 255));
    const c = <u32>load<u8>(table + ((four >> 16) & 255));
    const d = <u32>load<u8>(table + (four >> 24));
    store<u32>(image, a | (b << 8) | (c << 16) | (d << 24));
  }
}

/** Luma of four RGB pixels, as 32-bit integers: (19595 R + 38470 G + 7471 B + 32768) >> 16; 38470 = 2 * 19235. */
// @ts-ignore: decorator
@inline
function luma4(pixels: v128): v128 {
  const redGreen = i8x16.swizzle(pixels, i8x16(0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1));
  const greenBlue = i8x16.swizzle(pixels, i8x16(1, -1, 2, -1, 4, -1, 5, -1, 7, -1, 8, -1, 10, -1, 11, -1));
  const sum = i32x4.add(
    i32x4.dot_i16x8_s(redGreen, i16x8(19595, 19235, 19595, 19235, 19595, 19235, 19595, 19235)),
    i32x4.dot_i16x8_s(greenBlue, i16x8(19235, 7471, 19235, 7471, 19235, 7471, 19235, 7471)),
  );
  return i32x4.shr_u(i32x4.add(sum, i32x4.splat(32768)), 16);
}

/** The sum of the samples of a gray image, or of the luma of an RGB image. */
export function lumaSum(image: usize, pixels: i32, channels: i32): f64 {
  let total: f64 = 0;
  let i = 0;
  if (channels === 3) {
    while (i + 4 <= pixels) {
      const block = min(pixels & ~3, i + (1 << 20));
      let sums = i32x4.splat(0);
      for (; i < block; i += 4) sums = i32x4.add(sums, luma4(v128.load(image + <usize>i * 3)));
      total += <f64>i32x4.extract_lane(sums, 0) + <f64>i32x4.extract_lane(sums, 1);
      total += <f64>i32x4.extract_lane(sums, 2) + <f64>i32x4.extract_lane(sums, 3);
    }
    for (; i < pixels; i++) total += <f64>i32x4.extract_lane(luma4(v128.load(image + <usize>i * 3)), 0);
  } else {
    for (; i < pixels; i++) total += <f64>load<u8>(image + <usize>i);
  }
  return total;
}

/** Luma in all three channels, in place. */
export function grayscale(image: usize, pixels: i32): void {
  for (const end = image + <usize>pixels * 3; image < end; image += 12) {
    store4(image, i32x4.mul(luma4(v128.load(image)), i32x4.splat(0x010101)));
  }
}

/** d + f (x - d) in float32, truncated and clipped to 0..255, as an integer; inputs are integers. */
// @ts-ignore: decorator
@inline
function blend4(x: v128, gray: v128, factor: v128): v128 {
  let value = f32x4.mul(factor, f32x4.sub(f32x4.convert_i32x4_s(x), gray));
  value = f32x4.pmin(f32x4.splat(255), f32x4.pmax(f32x4.splat(0), f32x4.add(gray, value)));
  // Adding 2^23 to a whole number leaves it in the low bits.
  return v128.and(f32x4.add(f32x4.trunc(value), f32x4.splat(8388608)), i32x4.splat(255));
}

/** Blends each pixel with its luma, in place. */
export function saturation(image: usize, pixels: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  for (const end = image + <usize>pixels * 3; image < end; image += 12) {
    const four = v128.load(image);
    const gray = f32x4.convert_i32x4_s(luma4(four));
    const red = blend4(red4(four), gray, f);
    const green = blend4(green4(four), gray, f);
    const blue = blend4(blue4(four), gray, f);
    store4(image, v128.or(red, v128.or(i32x4.shl(green, 8), i32x4.shl(blue, 16))));
  }
}
