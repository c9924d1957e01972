import { describe, expect, it } from 'vitest';
import { align, type Placement, UNMOVED } from '../../../src/eval/copies/align-planes.ts';
import { comparePixels } from '../../../src/eval/copies/confirm-copy.ts';
import { isNamedCopy } from '../../../src/eval/copies/dedupe-report.ts';
import { type CopyGroupOptions, copyGroups } from '../../../src/eval/copies/duplicates.ts';
import { miniature, planesOf, thumbnailRow } from '../../../src/eval/copies/image-planes.ts';
import { agreement } from '../../../src/eval/copies/plane-agreement.ts';
import { flip } from '../../../src/image/flip.ts';
import type { Image } from '../../../src/image/image.ts';
import { jpegCopy } from '../../../src/image/jpeg-node.ts';
import { resize, resizedCrop } from '../../../src/image/resize.ts';
import { renderScene } from '../../../src/scenes/scene.ts';

const scene = (index: number): Image => renderScene(3, index, 160).image;
const box = { left: 16, top: 4, width: 128, height: 148 };
const cut = (image: Image): Image => resizedCrop(image, box, box.height, box.width, 'bilinear');

/** All sizes one after the other, as the second look does it. */
function placed(first: Image, second: Image): Placement {
  const [a, b] = [planesOf(first), planesOf(second)];
  return a.reduce((place, plane, level) => align(plane, b[level]!, place) ?? place, UNMOVED);
}

describe('laying a look over another', () => {
  it('finds where a piece was cut out, from either side', () => {
    const [whole, piece] = [miniature(scene(0)), miniature(cut(scene(0)))];
    const inside = placed(piece, whole);
    // The middle of the box and its size, in halves of the image's sides.
    expect(inside.scaleX).toBeCloseTo(128 / 160, 1);
    expect(inside.shiftX).toBeCloseTo((16 + 64) / 80 - 1, 1);
    expect(inside.scaleY).toBeCloseTo(148 / 160, 1);
    expect(inside.shiftY).toBeCloseTo((4 + 74) / 80 - 1, 1);
    const outside = placed(whole, piece);
    expect(outside.scaleX).toBeCloseTo(160 / 128, 1);
    expect(agreement(piece, whole, inside)).toBeGreaterThan(0.8);
    expect(agreement(whole, piece, outside)).toBeGreaterThan(0.8);
    expect(agreement(whole, piece, UNMOVED)).toBeLessThan(0.85);
  });

  it('says that there is nothing to hold on to in an image of one color', () => {
    const plain = miniature({ width: 30, height: 20, channels: 3, data: new Uint8Array(1800).fill(90) });
    const [small] = planesOf(plain);
    expect(align(small!, small!)).toBeUndefined();
    expect(comparePixels(plain, plain)).toEqual({ agreement: 0, mirrored: false });
    expect(thumbnailRow(plain).every((value) => value === 0)).toBe(true);
  });

  it('is an agreement of 1 with itself, and of gray levels too', () => {
    const look = miniature(scene(1));
    expect(agreement(look, look, UNMOVED)).toBeCloseTo(1, 10);
    const gray: Image = { ...look, channels: 1, data: look.data.filter((_, i) => i % 3 === 0) };
    expect(comparePixels(gray, gray).agreement).toBeCloseTo(1, 6);
    const [coarse, half, whole] = planesOf(gray);
    expect([coarse?.width, half?.width, whole?.width]).toEqual([12, 24, 48]);
    const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(coarse!.data)).toBeCloseTo(mean(whole!.data), 3);
  });
});

describe('a second look', () => {
  it('confirms copies that were compressed, made smaller, cut and mirrored', async () => {
    for (let i = 0; i < 6; i++) {
      const original = scene(i);
      const look = miniature(original);
      const copies = {
        compressed: await jpegCopy(original, 40),
        smaller: resize(original, 100, 100, 'bicubic'),
        cut: resizedCrop(original, { left: 4, top: 0, width: 156, height: 156 }, 156, 156, 'bilinear'),
        stretched: resize(original, 110, 200, 'bicubic'),
      };
      for (const copy of Object.values(copies)) {
        const found = comparePixels(look, miniature(copy));
        expect(found.agreement).toBeGreaterThan(0.8);
        expect(found.mirrored).toBe(false);
      }
      const mirrored = comparePixels(look, miniature(flip(copies.compressed)));
      expect(mirrored.agreement).toBeGreaterThan(0.8);
      expect(mirrored.mirrored).toBe(true);
    }
  });

  it('keeps apart what is not the same picture: other scenes, and the same drawing in another color', () => {
    const looks = Array.from({ length: 30 }, (_, i) => miniature(scene(i)));
    for (const [i, a] of looks.entries())
      for (const b of looks.slice(i + 1)) expect(comparePixels(a, b).agreement).toBeLessThan(0.6);
    const [first] = looks;
    const swapped = { ...first!, data: first!.data.map((_, i, all) => all[i - (i % 3) + ((i + 1) % 3)]!) };
    expect(comparePixels(first!, swapped).agreement).toBeLessThan(0.6);
  });

  it('keeps apart what differs in a part only: numbers on one badge, dark things on a white ground', () => {
    const size = 96;
    /** White, with a dark disc; `inside` draws on it. */
    const drawing = (inside: (x: number, y: number) => number | undefined): Image => {
      const data = Uint8Array.from({ length: size * size * 3 }, (_, i) => {
        const [x, y] = [Math.floor(i / 3) % size, Math.floor(i / 3 / size)];
        if (Math.hypot(x - 48, y - 48) > 40) return 255;
        return inside(x, y) ?? [40, 80, 160][i % 3]!;
      });
      return { width: size, height: size, channels: 3, data };
    };
    const bar = (from: number, to: number) => (x: number, y: number) =>
      x >= from && x < to && y > 28 && y < 68 ? 255 : undefined;
    const [one, two] = [drawing(bar(30, 40)), drawing(bar(50, 60))].map(miniature);
    expect(comparePixels(one!, one!).agreement).toBeCloseTo(1, 6);
    // As a whole they agree, in the parts that differ they do not.
    expect(agreement(one!, two!, UNMOVED, 1)).toBeGreaterThan(0.7);
    expect(agreement(one!, two!, UNMOVED)).toBeLessThan(0.4);
    expect(comparePixels(one!, miniature(drawing(bar(66, 76)))).agreement).toBeLessThan(0.7);
  });
});

describe('groups of copies', () => {
  const near = (limit: number): CopyGroupOptions['compare'] => {
    return (a, b) =>
      Math.abs(a - b) <= limit
        ? { exact: a === b, agreement: 1 - Math.abs(a - b) / 100, mirrored: false }
        : undefined;
  };

  it('hold what resembles the kept image itself, and no chain', () => {
    // 0 - 2 - 4 - 6 are a chain of neighbors; 20 and 21 are another pair.
    const pairs = [
      [0, 2],
      [4, 2],
      [6, 4],
      [21, 20],
    ] as const;
    const groups = copyGroups({ order: [2, 0, 4, 6, 21, 20, 9], pairs, compare: near(2) });
    expect(groups.map(({ kept, copies }) => [kept, ...copies.map(({ row }) => row)])).toEqual([
      [2, 0, 4],
      [21, 20],
    ]);
    // Where the end of the chain is kept first, its other end stays a picture of its own.
    const other = copyGroups({ order: [6, 4, 2, 0], pairs, compare: near(2) });
    expect(other.map(({ kept, copies }) => [kept, ...copies.map(({ row }) => row)])).toEqual([
      [2, 0],
      [6, 4],
    ]);
  });

  it('list exact copies first, then the surest, and nothing where nothing was confirmed', () => {
    const compare: CopyGroupOptions['compare'] = (_, b) => ({
      exact: b === 7,
      agreement: b / 10,
      mirrored: false,
    });
    const [group] = copyGroups({
      order: [0, 3, 5, 7],
      pairs: [
        [0, 3],
        [3, 5],
        [5, 7],
        [0, 7],
      ],
      compare,
    });
    expect(group?.copies.map(({ row }) => row)).toEqual([7, 5, 3]);
    expect(copyGroups({ order: [0, 1], pairs: [], compare })).toEqual([]);
    expect(copyGroups({ order: [0, 1], pairs: [[0, 1]], compare: () => undefined })).toEqual([]);
  });
});

it.each([
  ['photos/a copy.jpg', true],
  ['a copy 2.jpg', true],
  ['photos/a (1).jpg', true],
  ['Copy of a.jpg', true],
  ['photos/Copy of a.jpg', true],
  ['a.jpg', false],
  ['copyright.jpg', false],
  ['photo-copy/a.jpg', false],
  ['a (1)/b.jpg', false],
])('the name %s says that the file is a copy: %s', (name, isCopy) => {
  expect(isNamedCopy(name)).toBe(isCopy);
});
