/**
 * The hue shift of src/image/hue.ts, four pixels at a time and in float32 only, although PIL rounds from double here and
 * there. Why that gives the same bytes: h / 6 (+ 1) rounded in float32 leads to PIL's 8-bit hue for every range and middle
 * sample, and the way back is the exact quotient V (255^2 - S w) / 255^2 with a whole number w, rounded: it is never
 * halfway, and division is exact enough. Both were tried for all values; the tests repeat it on all hues.
 */
import { blue4, green4, red4, store4 } from './pixels';

/** trunc(255 s) of an exact product, for 0 <= s <= 1 in float32: 256 s - s would round, so the last step is a comparison. */
// @ts-ignore: decorator
@inline
function times255(s: v128): v128 {
  const s256 = f32x4.mul(s, f32x4.splat(256));
  const whole = f32x4.trunc(f32x4.sub(s256, s));
  const tooLarge = f32x4.lt(f32x4.sub(s256, whole), s);
  return f32x4.sub(whole, v128.and(tooLarge, f32x4.splat(1)));
}

/** round(V (255^2 - S w) / 255^2) as an integer, with w clipped to 0..255. */
// @ts-ignore: decorator
@inline
function channel(v: v128, sat: v128, w: v128): v128 {
  const clipped = f32x4.pmin(f32x4.splat(255), f32x4.pmax(f32x4.splat(0), w));
  const square = f32x4.splat(65025);
  const quotient = f32x4.div(f32x4.mul(v, f32x4.sub(square, f32x4.mul(sat, clipped))), square);
  // Adding 2^23 rounds to a whole number and leaves it in the low bits.
  return v128.and(f32x4.add(quotient, f32x4.splat(8388608)), i32x4.splat(255));
}

/** Moves the hue by `shift` of 256 steps through PIL's 8-bit HSV, in place. */
export function hue(image: usize, pixels: i32, shift: i32): void {
  const move = i32x4.splat(shift);
  const bits = i32x4.splat(255);
  for (const end = image + <usize>pixels * 3; image < end; image += 12) {
    const four = v128.load(image);
    const red = red4(four);
    const green = green4(four);
    const blue = blue4(four);
    const value = i32x4.max_s(red, i32x4.max_s(green, blue));
    const least = i32x4.min_s(red, i32x4.min_s(green, blue));
    const range = f32x4.convert_i32x4_s(i32x4.sub(value, least));
    // Value minus the middle sample.
    const below = i32x4.sub(i32x4.add(i32x4.add(value, value), least), i32x4.add(red, i32x4.add(green, blue)));
    const v = f32x4.convert_i32x4_s(value);
    const colorful = f32x4.gt(range, f32x4.splat(0));

    // PIL's h is c + b - a with c = 0, 2, 4 for red, green, blue as the largest, where a or b is exactly 1 (the least
    // sample's quotient) and the other one is the middle sample's fraction: h = (c + 1) - fraction or (c - 1) + fraction.
    const sat = times255(v128.and(f32x4.div(range, v), colorful));
    const fraction = f32x4.div(f32x4.convert_i32x4_s(below), range);
    const isRed = i32x4.eq(red, value);
    const isGreen = i32x4.eq(green, value);
    const notRedLeast = i32x4.ne(red, least);
    const minus = v128.bitselect(i32x4.eq(blue, least), v128.xor(notRedLeast, isGreen), isRed);
    const sign = v128.and(minus, i32x4.splat(i32.MIN_VALUE));
    const center = v128.andnot(v128.bitselect(f32x4.splat(2), f32x4.splat(4), isGreen), isRed);
    const base = f32x4.add(center, v128.xor(f32x4.splat(-1), sign));
    const h = f32x4.div(f32x4.add(base, v128.xor(fraction, sign)), f32x4.splat(6));
    const turn = f32x4.add(h, v128.and(f32x4.lt(h, f32x4.splat(0)), f32x4.splat(1)));
    const hue8 = v128.and(f32x4.add(times255(v128.and(turn, colorful)), f32x4.splat(8388608)), bits);

    // Back: a channel falls from V to p and rises again along the circle of 6 * 255 steps, on which the hue is at x.
    const moved = v128.and(i32x4.add(hue8, move), bits);
    const x = f32x4.mul(f32x4.convert_i32x4_s(moved), f32x4.splat(6));
    const fromRed = f32x4.pmin(f32x4.sub(x, f32x4.splat(255)), f32x4.sub(f32x4.splat(1275), x));
    const fromGreen = f32x4.pmax(f32x4.sub(f32x4.splat(255), x), f32x4.sub(x, f32x4.splat(765)));
    const fromBlue = f32x4.pmax(f32x4.sub(f32x4.splat(765), x), f32x4.sub(x, f32x4.splat(1275)));
    const newRed = channel(v, sat, fromRed);
    const newGreen = channel(v, sat, fromGreen);
    const newBlue = channel(v, sat, fromBlue);
    store4(image, v128.or(newRed, v128.or(i32x4.shl(newGreen, 8), i32x4.shl(newBlue, 16))));
  }
}
