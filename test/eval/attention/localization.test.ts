import { describe, expect, it } from 'vitest';
import {
  boundingBox,
  boxIou,
  corLoc,
  isLocalized,
  largestComponent,
} from '../../../src/eval/attention/localization.ts';
import type { Mask } from '../../../src/image/mask.ts';

/** Rows of a mask; # is inside. */
const drawn = (...rows: readonly string[]): Mask => ({
  height: rows.length,
  width: rows[0]?.length ?? 0,
  data: Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0)),
});

describe('the largest connected part of a mask', () => {
  it('does not connect over corners, nor from the end of a row to the next', () => {
    const mask = drawn('##..#', '..#.#', '#.#..', '..##.');
    expect(largestComponent(mask)).toEqual(drawn('.....', '..#..', '..#..', '..##.'));
  });

  it('is the first of equal ones, and nothing of nothing', () => {
    expect(largestComponent(drawn('#.#'))).toEqual(drawn('#..'));
    expect(largestComponent(drawn('...'))).toEqual(drawn('...'));
  });

  it('is found in a mask with more pixels than a call stack is deep', () => {
    const data = new Uint8Array(600 * 600).fill(1);
    expect(largestComponent({ height: 600, width: 600, data }).data.indexOf(0)).toBe(-1);
  });
});

describe('boxes', () => {
  it('enclose a mask tightly', () => {
    expect(boundingBox(drawn('.....', '..#..', '...#.'))).toEqual({ top: 1, left: 2, height: 2, width: 2 });
    expect(boundingBox(drawn('..'))).toBeUndefined();
  });

  it('overlap by their common area over their joint area', () => {
    const a = { top: 0, left: 0, height: 2, width: 4 };
    expect(boxIou(a, { top: 1, left: 2, height: 2, width: 4 })).toBe(2 / 14);
    expect(boxIou(a, { top: 2, left: 0, height: 2, width: 4 })).toBe(0);
    expect(boxIou(a, a)).toBe(1);
  });
});

describe('CorLoc', () => {
  const mask = drawn('....#', '.##..', '.##..');
  const box = { top: 1, left: 1, height: 2, width: 2 };

  it('is the share of images whose largest part matches some object by half', () => {
    const half = { ...box, height: 1 };
    const less = { top: 0, left: 0, height: 3, width: 3 };
    expect(isLocalized({ mask, boxes: [less, half] })).toBe(true);
    expect(isLocalized({ mask, boxes: [less] })).toBe(false);
    const images = [
      { mask, boxes: [box] },
      { mask, boxes: [less] },
      { mask: drawn('.....', '.....', '.....'), boxes: [box] },
      { mask, boxes: [] },
    ];
    expect(corLoc(images)).toBe(1 / 3);
  });

  it('is refused where no image has an object', () => {
    expect(() => corLoc([{ mask, boxes: [] }])).toThrow('No image has an object box');
  });
});
