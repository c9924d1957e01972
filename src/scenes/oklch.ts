/**
 * Colors by lightness, chroma and hue (Ottosson 2020, "A perceptual color space for image processing"), in which hue
 * can be drawn at random without one color being brighter than another.
 */

export type Rgb = readonly [red: number, green: number, blue: number];

function encode(linear: number): number {
  const clipped = Math.max(0, Math.min(1, linear));
  return clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
}

/**
 * sRGB in 0 .. 1, clipped to what it can show.
 *
 * @param lightness 0 (black) to 1 (white)
 * @param chroma 0 (gray) to about 0.3
 * @param hue in radians
 */
export function oklch(lightness: number, chroma: number, hue: number): Rgb {
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encode(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}
