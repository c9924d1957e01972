/**
 * Two-tone textures, in the coordinates of the thing that wears them. A texture says how much of the second tone a point
 * has, from 0 to 1; `pixel` is the width of an image pixel in the same coordinates and sets how soft its edges are.
 */

export type Texture = (x: number, y: number, pixel: number, key: number) => number;

/** 0 below -1, 1 above 1. */
function ramp(t: number): number {
  return t <= -1 ? 0 : t >= 1 ? 1 : 0.5 + 0.5 * t;
}

/** A square wave of period 1 that rises over `width`. */
function wave(t: number, width: number): number {
  const phase = t - Math.floor(t);
  return ramp((0.5 - Math.abs(2 * phase - 1)) / Math.max(1e-3, width));
}

/** A number in [0, 1) for a point of the integer lattice. */
function lattice(x: number, y: number, key: number): number {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ key;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 8) / 0x1000000;
}

/** Smooth value noise in [0, 1] with features of size 1. */
function noise(x: number, y: number, key: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  const fx = x - ix;
  const fy = y - iy;
  const u = fx * fx * (3 - 2 * fx);
  const v = fy * fy * (3 - 2 * fy);
  const top = lattice(ix, iy, key) * (1 - u) + lattice(ix + 1, iy, key) * u;
  const bottom = lattice(ix, iy + 1, key) * (1 - u) + lattice(ix + 1, iy + 1, key) * u;
  return top * (1 - v) + bottom * v;
}

function speckle(x: number, y: number, pixel: number, key: number): number {
  return ramp((noise(x * 5.5, y * 5.5, key) - 0.56) / (0.03 + 2 * pixel));
}

function clouds(x: number, y: number, _pixel: number, key: number): number {
  const t = 0.65 * noise(x * 2.2, y * 2.2, key) + 0.35 * noise(x * 5, y * 5, key ^ 0x5bd1e995);
  return ramp((t - 0.5) * 4);
}

function dots(x: number, y: number, pixel: number): number {
  // Rows shifted by half a cell.
  const row = Math.floor(y * 2.6);
  const fy = y * 2.6 - row - 0.5;
  const sx = x * 2.6 + (row & 1) * 0.5;
  const fx = sx - Math.floor(sx) - 0.5;
  return ramp((0.31 - Math.sqrt(fx * fx + fy * fy)) / (1.3 * pixel));
}

function rings(x: number, y: number, pixel: number): number {
  return wave(Math.sqrt(x * x + y * y) * 2.6 + 0.25, 2.6 * pixel);
}

function pinwheel(x: number, y: number, pixel: number): number {
  const radius = Math.sqrt(x * x + y * y);
  return wave((4 / (2 * Math.PI)) * Math.atan2(y, x) + 1.1 * radius, 2 * pixel);
}

function waves(x: number, y: number, pixel: number): number {
  return wave(y * 2.4 + 0.32 * Math.sin(x * 8), 3 * pixel);
}

function segments(x: number, y: number, pixel: number): number {
  const radius = Math.sqrt(x * x + y * y);
  return wave((6 / (2 * Math.PI)) * Math.atan2(y, x), pixel / Math.max(0.1, radius));
}

function checker(x: number, y: number, pixel: number): number {
  const a = wave(x * 1.41, 1.41 * pixel);
  const b = wave(y * 1.41, 1.41 * pixel);
  return a + b - 2 * a * b;
}

function glow(x: number, y: number): number {
  return Math.max(0, 1 - 1.5 * Math.sqrt(x * x + y * y));
}

function stripes(x: number, _y: number, pixel: number): number {
  return wave(x * 2.4, 2.4 * pixel);
}

/** The texture of each class, in the order of `sceneClasses`. */
export const textures: readonly Texture[] = [
  speckle,
  clouds,
  dots,
  rings,
  pinwheel,
  waves,
  segments,
  checker,
  glow,
  stripes,
];
