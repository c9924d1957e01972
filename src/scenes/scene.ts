/**
 * Labeled pictures with exact object masks, made from a seed: a data set of any size that needs no download.
 *
 * Each picture shows up to five objects of one class among pebbles on the ground. A class is an outline with a texture
 * (`shapes.ts`, `textures.ts`). Number, place, size, rotation, lightness and both colors of every object, the light and the
 * ground are drawn independently of the class, and the pebbles faintly wear other classes' textures: neither color nor place
 * gives the class away, and pixels in place say little. What two crops of a picture have in common is what the objects are.
 */
import type { Image } from '../image/image.ts';
import { Random } from '../random/random.ts';
import { oklch, type Rgb } from './oklch.ts';
import { type Shape, shapeAreas, shapes } from './shapes.ts';
import { type Texture, textures } from './textures.ts';

/** The classes' names, sorted. */
export const sceneClasses: readonly string[] = [
  'bone',
  'crescent',
  'cross',
  'disc',
  'gear',
  'heart',
  'ring',
  'square',
  'star',
  'triangle',
];

export interface Scene {
  /** RGB. */
  readonly image: Image;
  /** 1 where an object is, 0 elsewhere, `[size, size]`. */
  readonly mask: Uint8Array;
  /** The class, an index into `sceneClasses`. */
  readonly label: number;
}

/** The share of the picture each object covers. */
const SMALLEST = 0.07;
const LARGEST = 0.15;
/** Objects in a picture, where there is room. */
const FEWEST = 3;
const MOST = 5;
/** Least distance of two objects' centers, in the sum of their radii. */
const APART = 0.72;
/** Places tried for the objects of a picture; where it is full, fewer stay. */
const ATTEMPTS = 60;
/** Largest radius in sides of the picture: several have room, and each keeps inside. */
const LARGEST_RADIUS = 0.3;

/** Neither a thing nor its shadow is further than this from its center, in radii. */
const BEYOND = 1.45;

/** A textured thing on the canvas. Lengths are in pixels. */
interface Thing {
  readonly shape: Shape;
  readonly texture: Texture;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly angle: number;
  readonly first: Rgb;
  readonly second: Rgb;
  readonly key: number;
  readonly shadow: number;
}

/** Painted anew for each scene; kept because allocating it takes a tenth of the time. */
let canvas = new Float32Array(0);

/** The class of a scene: every ten scenes in a row, from a multiple of ten, show each class once. */
export function sceneLabel(seed: number, index: number): number {
  const block = new Random(seed, 'scene-label', Math.floor(index / sceneClasses.length));
  return block.permutation(sceneClasses.length)[index % sceneClasses.length]!;
}

/** Scene number `index`, a pure function of its arguments; `size` is the edge in pixels. */
export function renderScene(seed: number, index: number, size = 64): Scene {
  const random = new Random(seed, 'scene', index);
  const label = sceneLabel(seed, index);
  if (canvas.length !== size * size * 3) canvas = new Float32Array(size * size * 3);
  const mask = new Uint8Array(size * size);
  const light = random.between(0, 2 * Math.PI);

  const groundHue = random.between(0, 2 * Math.PI);
  const groundLightness = random.between(0.48, 0.74);
  paintGround(canvas, size, random, groundHue, groundLightness);
  const pebbles = 2 + random.integer(4);
  for (let i = 0; i < pebbles; i++) {
    const thing = makePebble(random, size, label, groundHue, groundLightness);
    paintThing(canvas, size, thing, light, undefined);
  }
  for (const object of makeObjects(random, size, label, groundLightness)) {
    paintThing(canvas, size, object, light, mask);
  }

  return {
    image: { width: size, height: size, channels: 3, data: expose(canvas, size, random, light) },
    mask,
    label,
  };
}

/** A lightness that stands out against the ground's. */
function contrasting(random: Random, ground: number): number {
  const above = ground > 0.74 ? false : ground < 0.46 ? true : random.chance(0.5);
  return above
    ? random.between(Math.min(0.86, ground + 0.2), 0.9)
    : random.between(0.3, Math.max(0.34, ground - 0.2));
}

/** Objects of one class that hardly cover each other. */
function makeObjects(random: Random, size: number, label: number, ground: number): Thing[] {
  const wanted = FEWEST + random.integer(MOST - FEWEST + 1);
  const objects: Thing[] = [];
  for (let attempt = 0; attempt < ATTEMPTS && objects.length < wanted; attempt++) {
    const object = makeObject(random, size, label, ground);
    const isApart = objects.every(
      ({ x, y, radius }) => Math.hypot(object.x - x, object.y - y) > APART * (object.radius + radius),
    );
    if (isApart) objects.push(object);
  }
  return objects;
}

function makeObject(random: Random, size: number, label: number, ground: number): Thing {
  const share = random.between(SMALLEST, LARGEST);
  const radius = Math.min(LARGEST_RADIUS, Math.sqrt(share / shapeAreas[label]!)) * size;
  const hue = random.between(0, 2 * Math.PI);
  const lightness = contrasting(random, ground);
  const other = lightness + (lightness > 0.6 ? -1 : 1) * random.between(0.22, 0.34);
  const turn = random.chance(0.5) ? random.between(-0.6, 0.6) : random.between(1.6, 4.6);
  return {
    shape: shapes[label]!,
    texture: textures[label]!,
    x: random.between(radius, size - radius),
    y: random.between(radius, size - radius),
    radius,
    angle: random.between(0, 2 * Math.PI),
    first: oklch(lightness, random.between(0.1, 0.19), hue),
    second: oklch(other, random.between(0.08, 0.17), hue + turn),
    key: random.uint32(),
    shadow: random.between(0.25, 0.5),
  };
}

/** A rounded stone of irregular outline, with the texture of some other class. */
function makePebble(random: Random, size: number, label: number, groundHue: number, ground: number): Thing {
  const lobes = 2 + random.integer(3);
  const depth = random.between(0.05, 0.16);
  const phase = random.between(0, 2 * Math.PI);
  const cosPhase = Math.cos(phase);
  const sinPhase = Math.sin(phase);
  const flat = random.between(0.65, 1);
  const hue = random.chance(0.4) ? groundHue + random.between(-0.5, 0.5) : random.between(0, 2 * Math.PI);
  const lightness = ground + (ground > 0.6 ? -1 : 1) * random.between(0.02, 0.14);
  const texture = (label + 1 + random.integer(sceneClasses.length - 1)) % sceneClasses.length;
  return {
    shape: (x, y) => {
      const v = y / flat;
      const away = Math.sqrt(x * x + v * v) + 1e-9;
      // cos(lobes a + phase) as a power of the unit complex number at angle a.
      const cos = x / away;
      const sin = v / away;
      let re = cosPhase;
      let im = sinPhase;
      for (let i = 0; i < lobes; i++) {
        const turned = re * cos - im * sin;
        im = re * sin + im * cos;
        re = turned;
      }
      return away - 0.85 - depth * re;
    },
    texture: textures[texture]!,
    x: random.between(0, size),
    y: random.between(0, size),
    radius: random.between(0.07, 0.19) * size,
    angle: random.between(0, 2 * Math.PI),
    first: oklch(lightness, random.between(0, 0.05), hue),
    second: oklch(
      lightness + random.between(-0.06, 0.06),
      random.between(0, 0.05),
      hue + random.between(-1, 1),
    ),
    key: random.uint32(),
    shadow: random.between(0.1, 0.3),
  };
}

/** Two colors that run into each other along a wavy front, and a patch with a faint texture. */
function paintGround(
  canvas: Float32Array,
  size: number,
  random: Random,
  hue: number,
  lightness: number,
): void {
  const chroma = random.between(0, 0.035);
  const near = oklch(lightness, chroma, hue);
  const far = oklch(lightness + random.between(-0.13, 0.13), chroma, hue + random.between(-1.3, 1.3));
  const tint = oklch(lightness + random.between(-0.12, 0.12), chroma, hue + random.between(-0.7, 0.7));
  const angle = random.between(0, 2 * Math.PI);
  const dx = Math.cos(angle) / size;
  const dy = Math.sin(angle) / size;
  const texture = textures[random.integer(textures.length)]!;
  const cells = random.between(2, 5);
  const edge = random.between(-0.25, 0.25);
  const strength = random.between(0, 0.25);
  const key = random.uint32();
  // The waves of the front: two products of a wave along the rows and one along the columns.
  const swell = new Float32Array(4 * size);
  for (let i = 0; i < 4; i++) {
    const pace = random.between(3, 9) / size;
    const start = random.between(0, 2 * Math.PI);
    for (let j = 0; j < size; j++) swell[i * size + j] = Math.sin(start + pace * j);
  }
  const [nearRed, nearGreen, nearBlue] = near;
  const [farRed, farGreen, farBlue] = far;
  const [tintRed, tintGreen, tintBlue] = tint;
  for (let row = 0; row < size; row++) {
    const y = row + 0.5 - size / 2;
    for (let column = 0; column < size; column++) {
      const x = column + 0.5 - size / 2;
      const bend =
        0.25 * (swell[column]! * swell[size + row]! + swell[2 * size + column]! * swell[3 * size + row]!);
      const along = Math.max(0, Math.min(1, 0.5 + x * dx + y * dy + 0.9 * bend));
      // The patch lies on one side of a wavy line across the gradient.
      const side = Math.max(0, Math.min(1, (x * -dy + y * dx + 0.5 * bend - edge) * 9));
      let patch = 0;
      if (side > 0) {
        patch =
          side * strength * texture((x * dx + y * dy) * cells, (x * dy - y * dx) * cells, cells / size, key);
      }
      const at = 3 * (row * size + column);
      const red = nearRed + (farRed - nearRed) * along;
      const green = nearGreen + (farGreen - nearGreen) * along;
      const blue = nearBlue + (farBlue - nearBlue) * along;
      canvas[at] = red + (tintRed - red) * patch;
      canvas[at + 1] = green + (tintGreen - green) * patch;
      canvas[at + 2] = blue + (tintBlue - blue) * patch;
    }
  }
}

/** Paints a thing with its shadow, lit from the side; marks its pixels in `mask`. */
function paintThing(
  canvas: Float32Array,
  size: number,
  thing: Thing,
  light: number,
  mask: Uint8Array | undefined,
): void {
  const { shape, texture, radius, key } = thing;
  const [red, green, blue] = thing.first;
  const toRed = thing.second[0] - red;
  const toGreen = thing.second[1] - green;
  const toBlue = thing.second[2] - blue;
  const cos = Math.cos(thing.angle) / radius;
  const sin = Math.sin(thing.angle) / radius;
  const pixel = 1 / radius;
  const lightX = Math.cos(light);
  const lightY = Math.sin(light);
  // The shadow falls away from the light.
  const shadowX = -0.16 * lightX * radius;
  const shadowY = -0.16 * lightY * radius;
  const soft = 0.13 + pixel;
  const reach = radius * BEYOND;
  const top = Math.max(0, Math.floor(thing.y - reach));
  const bottom = Math.min(size, Math.ceil(thing.y + reach));
  const left = Math.max(0, Math.floor(thing.x - reach));
  const right = Math.min(size, Math.ceil(thing.x + reach));
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const x = column + 0.5 - thing.x;
      const y = row + 0.5 - thing.y;
      const u = x * cos + y * sin;
      const v = y * cos - x * sin;
      if (u * u + v * v > BEYOND * BEYOND) continue;
      const distance = shape(u, v);
      const cover = Math.max(0, Math.min(1, 0.5 - distance * radius));
      const at = 3 * (row * size + column);
      if (cover < 1) {
        const sx = x - shadowX;
        const sy = y - shadowY;
        const depth = Math.max(
          0,
          Math.min(1, 0.5 - shape(sx * cos + sy * sin, sy * cos - sx * sin) / (2 * soft)),
        );
        const dim = 1 - thing.shadow * depth * depth * (3 - 2 * depth);
        canvas[at] = canvas[at]! * dim;
        canvas[at + 1] = canvas[at + 1]! * dim;
        canvas[at + 2] = canvas[at + 2]! * dim;
      }
      if (cover === 0) continue;
      const mix = texture(u, v, pixel, key);
      // Brighter toward the light, a darker rim: it looks thick.
      const rim = Math.max(0, 1 + distance / 0.13);
      const shade = (1 + (0.24 * (x * lightX + y * lightY)) / radius) * (1 - 0.3 * rim * rim);
      canvas[at] = canvas[at]! * (1 - cover) + (red + toRed * mix) * shade * cover;
      canvas[at + 1] = canvas[at + 1]! * (1 - cover) + (green + toGreen * mix) * shade * cover;
      canvas[at + 2] = canvas[at + 2]! * (1 - cover) + (blue + toBlue * mix) * shade * cover;
      if (mask !== undefined && cover >= 0.5) mask[row * size + column] = 1;
    }
  }
}

/** The canvas as 8-bit pixels, under uneven light and with sensor noise. */
function expose(canvas: Float32Array, size: number, random: Random, light: number): Uint8Array {
  const data = new Uint8ClampedArray(canvas.length);
  const fall = random.between(0.05, 0.3) / size;
  const stepX = Math.cos(light) * fall;
  const stepY = Math.sin(light) * fall;
  const grain = random.between(2, 7);
  let state = random.uint32() | 1;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const gain = 255 * (1 + (column + 0.5 - size / 2) * stepX + (row + 0.5 - size / 2) * stepY);
      // Marsaglia's xorshift, seeded from the stream: philox for every pixel would cost more than all the painting.
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const bright = ((state & 0xff) + ((state >>> 8) & 0xff) - 255) / 255;
      const tinge = (((state >>> 16) & 0xff) - 127.5) / 255;
      const at = 3 * (row * size + column);
      data[at] = canvas[at]! * gain + grain * (bright + tinge);
      data[at + 1] = canvas[at + 1]! * gain + grain * bright;
      data[at + 2] = canvas[at + 2]! * gain + grain * (bright - tinge);
    }
  }
  return new Uint8Array(data.buffer);
}
