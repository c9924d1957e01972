import { describe, expect, it } from 'vitest';
import { evalView } from '../../src/features/eval-images.ts';
import { meanFeatures, viewsOf } from '../../src/features/views.ts';
import { usualPreprocessing } from '../../src/image/preprocessing.ts';
import { resizeShortSide } from '../../src/image/resize.ts';
import { Random } from '../../src/random/random.ts';

const random = new Random(7, 'views');
const photo = {
  width: 40,
  height: 28,
  channels: 3 as const,
  data: Uint8Array.from({ length: 40 * 28 * 3 }, () => Math.floor(256 * random.uniform())),
};

describe('views of an image', () => {
  it('begin with the official view, followed by its mirror image', () => {
    const [first, mirrored, ...none] = viewsOf(photo, usualPreprocessing(14, 3), 2);
    expect(none).toEqual([]);
    expect(first).toEqual(evalView(photo, 14));
    for (const [row, column] of [
      [0, 0],
      [5, 3],
      [13, 13],
    ] as const) {
      const at = (x: number): number[] => [
        ...first!.data.subarray((row * 14 + x) * 3, (row * 14 + x) * 3 + 3),
      ];
      const to = (row * 14 + 13 - column) * 3;
      expect([...mirrored!.data.subarray(to, to + 3)]).toEqual(at(column));
    }
    expect(viewsOf(photo, usualPreprocessing(14, 3), 1)).toEqual([first]);
  });

  it('are ten with the four corners of the image resized by 8 / 7', () => {
    const views = viewsOf(photo, usualPreprocessing(14, 3), 10);
    expect(views).toHaveLength(10);
    for (const view of views) expect(view).toMatchObject({ width: 14, height: 14 });
    const resized = resizeShortSide(photo, 16, 'bicubic');
    const pixel = (x: number, y: number): number[] => [
      ...resized.data.subarray((y * resized.width + x) * 3, (y * resized.width + x) * 3 + 3),
    ];
    const lastOf = (view: number): number[] => [...views[view]!.data.subarray(-3)];
    expect([...views[2]!.data.subarray(0, 3)]).toEqual(pixel(0, 0)); // upper left
    expect(lastOf(4)).toEqual(pixel(resized.width - 1, 13)); // upper right
    expect(lastOf(6)).toEqual(pixel(13, resized.height - 1)); // lower left
    expect(lastOf(8)).toEqual(pixel(resized.width - 1, resized.height - 1)); // lower right
  });
});

describe('the mean of features', () => {
  const features = async (pixels: Float32Array): Promise<Float32Array> => pixels.slice();

  it('is the feature itself for one view', async () => {
    expect([...(await meanFeatures(features, 2, [Float32Array.of(3, 4)]))]).toEqual([3, 4]);
  });

  it('weighs every view alike, whatever the length of its feature', async () => {
    const mean = await meanFeatures(features, 2, [
      Float32Array.of(3, 4, 0, 2),
      Float32Array.of(0, 100, 5, 0),
    ]);
    for (const [i, wanted] of [0.3, 0.9, 0.5, 0.5].entries()) expect(mean[i]).toBeCloseTo(wanted, 6);
  });
});
