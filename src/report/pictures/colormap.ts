/**
 * A perceptually uniform color map for attention: in the OKLab space (Ottosson 2020) lightness rises linearly from near
 * black to near white while the hue turns from violet over red to yellow, as matplotlib's magma and inferno do; so equal
 * steps of the value look equal, and the order survives a gray print and color blindness.
 */

const darkest = 0.16;
const lightest = 0.97;
const firstHue = 285;
const lastHue = 465;
const highestChroma = 0.2;

/** 256 sRGB colors, 3 bytes each, from the lowest value to the highest. */
export const heatColors: Uint8Array = heatTable();

function heatTable(): Uint8Array {
  const colors = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const t = i / 255;
    const lightness = darkest + (lightest - darkest) * t;
    const hue = ((firstHue + (lastHue - firstHue) * t ** 0.9) * Math.PI) / 180;
    const wanted = highestChroma * Math.sin(Math.PI * (0.1 + 0.8 * t)) ** 0.8;
    const chroma = widestChroma(lightness, hue, wanted);
    const rgb = oklabToSrgb(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
    for (let channel = 0; channel < 3; channel++) colors[3 * i + channel] = Math.round(255 * rgb[channel]!);
  }
  return colors;
}

/** The chroma nearest to `wanted` that sRGB can show at this lightness and hue, by bisection. */
function widestChroma(lightness: number, hue: number, wanted: number): number {
  let inside = 0;
  let outside = wanted;
  for (let round = 0; round < 20; round++) {
    const chroma = round === 0 ? wanted : (inside + outside) / 2;
    const rgb = oklabToSrgb(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
    if (rgb.every((value) => value >= 0 && value <= 1)) inside = chroma;
    else outside = chroma;
    if (inside === wanted) break;
  }
  return inside;
}

/** OKLab to gamma-encoded sRGB; values outside 0 to 1 lie outside its gamut. */
function oklabToSrgb(lightness: number, a: number, b: number): [number, number, number] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encodeGamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encodeGamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encodeGamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

function encodeGamma(linear: number): number {
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
}
