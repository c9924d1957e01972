import { describe, expect, it } from 'vitest';
import {
  classTokenMaps,
  enlargeMask,
  maskLikeView,
  meanHead,
  patchView,
} from '../../../src/eval/attention/attention-maps.ts';
import {
  attentionMask,
  attentionMasks,
  bestHeadJaccard,
  jaccard,
  jaccardTable,
  objectScores,
} from '../../../src/eval/attention/attention-masks.ts';
import type { Mask } from '../../../src/image/mask.ts';
import { resizeShortSide } from '../../../src/image/resize.ts';
import { Random } from '../../../src/random/random.ts';

const maskOf = (height: number, width: number, inside: (y: number, x: number) => boolean): Mask => ({
  height,
  width,
  data: Uint8Array.from({ length: height * width }, (_, i) =>
    inside(Math.floor(i / width), i % width) ? 1 : 0,
  ),
});

import { noiseImage } from '../still-network.ts';

describe('attention masks', () => {
  it('keep the largest values that hold the share, with the one that crosses it', () => {
    const map = Float32Array.of(2, 4, 1, 3);
    expect([...attentionMask(map, 0.35)]).toEqual([0, 1, 0, 0]); // 4 of 10 hold 35 %
    expect([...attentionMask(map, 0.45)]).toEqual([0, 1, 0, 1]);
    expect([...attentionMask(map, 1)]).toEqual([1, 1, 1, 1]);
  });

  it('are made head by head', () => {
    const maps = Float32Array.of(1, 9, 9, 1, 5, 5);
    expect([...attentionMasks(maps, 3, 0.5)]).toEqual([0, 1, 1, 0, 0, 1]);
  });

  it('are empty where there is no attention', () => {
    expect([...attentionMask(new Float32Array(4))]).toEqual([0, 0, 0, 0]);
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('are refused for an attention of %d', (value) => {
    expect(() => attentionMask(Float32Array.of(1, value))).toThrow(
      `The attention to patch 1 is ${value}, so no mask can be made of it: check the network's weights.`,
    );
  });
});

describe('attention of the class token', () => {
  it('is read from its row, without itself', () => {
    const attention = Float32Array.from({ length: 2 * 3 * 3 }, (_, i) => i);
    expect([...classTokenMaps(attention, 2)]).toEqual([1, 2, 10, 11]);
    expect([...meanHead(classTokenMaps(attention, 2), 2)]).toEqual([5.5, 6.5]);
    expect(() => classTokenMaps(attention, 3)).toThrow('no attention of 3 heads');
  });
});

describe('a view of patches', () => {
  const image = { width: 53, height: 90, channels: 3, data: new Uint8Array(53 * 90 * 3).fill(128) } as const;

  it('keeps the aspect ratio of a tall image and cuts what fills no patch', () => {
    const view = patchView(image, [40], 8);
    expect(resizeShortSide(image, 40, 'bilinear')).toMatchObject(view.resized);
    expect(view.resized).toEqual({ height: 67, width: 40 });
    expect(view.grid).toEqual({ rows: 8, columns: 5, patch: 8 });
    expect(view.pixels.length).toBe(3 * 64 * 40);
  });

  it('is refused where no patch fits and for a size of three numbers', () => {
    expect(() => patchView(image, [5, 90], 8)).toThrow(
      'An image of 5 x 90 pixels has no room for a patch of 8',
    );
    expect(() => patchView(image, [5, 90, 3], 8)).toThrow('size of 3 numbers');
    // 32 times as long as broad is the thinnest that a short side alone makes visible.
    expect(() => patchView(noiseImage(33, 1), [8], 8)).toThrow('too thin to be seen at a short side of 8');
    expect(patchView(noiseImage(32, 1), [8], 8).grid).toMatchObject({ rows: 32, columns: 1 });
    expect(patchView(noiseImage(33, 1), [8, 64], 8).grid.columns).toBe(8);
  });

  it('takes along the mask of an object that has the size of the image, or any other', () => {
    const view = patchView(image, [40], 8);
    const lower = (height: number, width: number): Mask => maskOf(height, width, (y) => y >= height / 2);
    for (const mask of [lower(90, 53), lower(180, 40), lower(10, 300)]) {
      const fitted = maskLikeView(mask, view);
      expect([fitted.height, fitted.width]).toEqual([64, 40]);
      // Half of the 67 rows, of which the last three are cut off.
      expect(fitted.data.reduce((sum, x) => sum + x, 0) / 40).toBeCloseTo(64 - 33.5, -1);
    }
  });
});

describe('Jaccard indices of heads with objects', () => {
  const grid = { rows: 3, columns: 5, patch: 4 };
  const random = new Random(3, 'attention test');
  const maps = Float32Array.from({ length: 2 * 15 }, () => random.uniform());
  const masks = attentionMasks(maps, 2, 0.5);
  const objects = [0.2, 0.5, 0.8].map((p) => maskOf(12, 20, () => random.chance(p)));

  it('are those of the enlarged masks, on a grid that is not square', () => {
    const table = jaccardTable(masks, 2, grid, objects);
    const byPixel = objects.flatMap((object) =>
      [0, 1].map((head) => jaccard(enlargeMask(masks.subarray(15 * head, 15 * head + 15), grid), object)),
    );
    expect([...table]).toEqual(byPixel);
    expect(bestHeadJaccard(maps, grid, objects[0] ?? maskOf(1, 1, () => true), 0.5)).toBe(
      Math.max(table[0] ?? 0, table[1] ?? 0),
    );
  });

  it('are 1 for an empty mask of an object without pixels, and 0 for any other mask', () => {
    const nothing = maskOf(12, 20, () => false);
    const table = jaccardTable(Uint8Array.of(...new Uint8Array(15), ...new Uint8Array(15).fill(1)), 2, grid, [
      nothing,
    ]);
    expect([...table]).toEqual([1, 0]);
  });

  it('are refused for a mask of another size', () => {
    expect(() => jaccardTable(masks, 2, grid, [maskOf(12, 12, () => true)])).toThrow(
      "An object's mask has 12 x 12 pixels and the network saw 12 x 20: bring it to that size with maskLikeView.",
    );
    expect(() =>
      jaccard(
        maskOf(2, 3, () => true),
        maskOf(3, 2, () => true),
      ),
    ).toThrow('cannot be compared');
  });

  it('give each object its best head, the first of equal ones', () => {
    const scores = objectScores(Float64Array.of(0.25, 0.5, 0.5, 0.5, 0.5, 0), 3);
    expect([...scores.bestHeads]).toEqual([1, 0]);
    expect(scores.meanOfBest).toBe(0.5);
    expect(scores.mean).toBe(0.375);
  });
});
