/**
 * The outlines of the ten object classes, as distance-like functions: negative inside, positive outside, about the
 * distance to the edge near it, which is all that anti-aliasing needs. Coordinates are the object's own: center at the
 * origin, nothing further from it than about 1.
 */

export type Shape = (x: number, y: number) => number;

function bone(x: number, y: number): number {
  const ax = Math.abs(x);
  const ay = Math.abs(y);
  const shaft = Math.max(ax - 0.66, ay - 0.19);
  const dx = ax - 0.66;
  const dy = ay - 0.25;
  return Math.min(shaft, Math.sqrt(dx * dx + dy * dy) - 0.29);
}

function crescent(x: number, y: number): number {
  const dx = x - 0.5;
  return Math.max(Math.sqrt(x * x + y * y) - 0.98, 0.74 - Math.sqrt(dx * dx + y * y));
}

function cross(x: number, y: number): number {
  const ax = Math.abs(x);
  const ay = Math.abs(y);
  return Math.min(Math.max(ax - 0.95, ay - 0.33), Math.max(ay - 0.95, ax - 0.33));
}

function disc(x: number, y: number): number {
  return Math.sqrt(x * x + y * y) - 0.95;
}

function gear(x: number, y: number): number {
  const radius = Math.sqrt(x * x + y * y);
  // cos 8a from cos a, by doubling the angle three times: trigonometry at every point would double the time.
  const once = radius === 0 ? 1 : x / radius;
  const twice = 2 * once * once - 1;
  const fourTimes = 2 * twice * twice - 1;
  const tooth = Math.max(-1, Math.min(1, 2.4 * (2 * fourTimes * fourTimes - 1)));
  return Math.max(radius - 0.83 - 0.15 * tooth, 0.3 - radius);
}

function heart(x: number, y: number): number {
  const ax = Math.abs(x);
  const up = -y - 0.1; // rows run downwards
  const square = (ax + Math.abs(up) - 0.74) * Math.SQRT1_2;
  const dx = ax - 0.37;
  const dy = up - 0.37;
  return Math.min(square, Math.sqrt(dx * dx + dy * dy) - 0.74 * Math.SQRT1_2);
}

function ring(x: number, y: number): number {
  return Math.abs(Math.sqrt(x * x + y * y) - 0.74) - 0.23;
}

function square(x: number, y: number): number {
  return Math.max(Math.abs(x), Math.abs(y)) - 0.71;
}

const STAR_INNER = 0.48;
const FOLD_SIN = Math.sin(Math.PI / 5);
const FOLD_COS = Math.cos(Math.PI / 5);
const STAR_X = STAR_INNER * FOLD_SIN;
const STAR_Y = STAR_INNER * FOLD_COS;
const STAR_EDGE = Math.sqrt(STAR_X * STAR_X + (1 - STAR_Y) * (1 - STAR_Y));

function star(x: number, y: number): number {
  // Three mirrors fold the plane into the tenth between a point, at (0, 1), and a notch; there the outline is straight.
  let fx = Math.abs(x);
  let fy = -y;
  for (let mirror = 0; mirror < 2; mirror++) {
    const beyond = Math.max(0, fx * FOLD_COS - fy * FOLD_SIN);
    fx = Math.abs(fx - 2 * beyond * FOLD_COS);
    fy += 2 * beyond * FOLD_SIN;
  }
  return (fx * (1 - STAR_Y) + (fy - 1) * STAR_X) / STAR_EDGE;
}

function triangle(x: number, y: number): number {
  return Math.max(y, 0.866 * Math.abs(x) - 0.5 * y) - 0.5;
}

/** The classes' outlines, in the order of `sceneClasses`. */
export const shapes: readonly Shape[] = [
  bone,
  crescent,
  cross,
  disc,
  gear,
  heart,
  ring,
  square,
  star,
  triangle,
];

/** The area of each outline, in its own units, from a fine grid. */
export const shapeAreas: readonly number[] = shapes.map((shape) => {
  const cells = 200;
  let inside = 0;
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const x = ((column + 0.5) / cells) * 2.4 - 1.2;
      const y = ((row + 0.5) / cells) * 2.4 - 1.2;
      if (shape(x, y) < 0) inside++;
    }
  }
  return (inside / (cells * cells)) * 2.4 * 2.4;
});
