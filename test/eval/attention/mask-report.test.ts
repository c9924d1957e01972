import { describe, expect, it } from 'vitest';
import type { MaskedImage } from '../../../src/data/masked-images.ts';
import { maskReport } from '../../../src/eval/attention/mask-report.ts';
import { noiseImage, stillNetwork } from '../still-network.ts';

const { backbone, weights } = stillNetwork();

/** 16 x 16 labels by row and column. */
function masked(name: string, label: (y: number, x: number) => number): MaskedImage {
  const data = Uint8Array.from({ length: 256 }, (_, i) => label(Math.floor(i / 16), i % 16));
  return { name, image: noiseImage(16, 16), mask: { height: 16, width: 16, data } };
}

const report = (...images: (MaskedImage | undefined)[]) =>
  maskReport({
    images: { length: images.length, read: async (index) => images[index] },
    backbone,
    trained: weights,
    untrained: weights,
    size: [16],
    share: 0.6,
  });

describe('masks of even attention, the last 10 of 16 patches', () => {
  const lower = masked('lower half', (y) => (y >= 8 ? 1 : 0));

  it('score what the areas say, and so do the box and the whole image', async () => {
    const { scores, intervals, objects } = await report(lower);
    expect(scores.trained).toEqual({ bestHead: 0.8, meanHead: 0.8, corLoc: 1 }); // boxes of 12 and 8 rows
    expect(scores.untrained).toEqual(scores.trained);
    expect(scores.image).toEqual({ bestHead: 0.5, meanHead: 0.5, corLoc: 1 });
    expect(scores.box.bestHead).toBeCloseTo(72 / 200, 10); // 12 x 12 pixels
    expect(intervals.trained.bestHead).toEqual({ low: Number.NaN, high: Number.NaN }); // of one image
    expect(objects).toBe(1);
  });

  it('are compared with every object, and not where nobody is', async () => {
    const two = masked('two', (y, x) => (y < 8 ? 0 : x < 8 ? 3 : 7));
    const border = masked('border', (y) => (y < 8 ? 255 : 1));
    const both = await report(two, border);
    expect(both.objects).toBe(3);
    expect(both.images.map(({ scores }) => scores.trained.best)).toEqual([[0.4, 0.4], [1]]);
    expect(both.scores.trained.bestHead).toBeCloseTo(0.6, 10); // the mean over objects, not over images
    expect(both.images[1]?.scores.image.best).toEqual([1]);
    // Images are drawn, not objects: with three of each kind .4 and 1 are the means of (nearly) nothing but one kind.
    const { intervals } = await report(two, border, two, border, two, border);
    expect(intervals.trained.bestHead.low).toBeGreaterThanOrEqual(0.4);
    expect(intervals.trained.bestHead.low).toBeLessThan(0.5);
    expect(intervals.trained.bestHead.high).toBeGreaterThan(0.8);
    expect(intervals.trained.bestHead.high).toBeLessThanOrEqual(1);
  });

  it('leave out an object that has no pixel at this size, and count it', async () => {
    const data = new Uint8Array(64 * 64).fill(1, 2048);
    data[0] = 2; // nearest samples every fourth pixel, from the third on
    const tiny = { name: 'tiny', image: noiseImage(64, 64), mask: { height: 64, width: 64, data } };
    const { objects, lost, scores } = await report(tiny);
    expect([objects, lost, scores.trained.bestHead]).toEqual([1, 1, 0.8]);
  });

  it('leave out what could not be read and masks without an object; with nothing left there is no score', async () => {
    const empty = masked('empty', () => 0);
    const some = await report(undefined, empty, lower);
    expect([some.empty, some.images.map(({ index }) => index)]).toEqual([['empty'], [2]]);
    await expect(report(empty, undefined)).rejects.toThrow(
      'None of the 2 images has a mask with an object: mark objects with any value but 0.',
    );
  });
});
