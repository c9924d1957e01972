import { describe, expect, it } from 'vitest';
import { combineScales, multiScale, resizeByScale } from '../../src/features/multi-scale.ts';

describe('multi-scale features', () => {
  it('are the mean of the raw features over the norm of the whole batch', async () => {
    const images = { values: new Float32Array(2 * 16), batch: 2, channels: 1, height: 4, width: 4 };
    const given = [Float32Array.of(6, 0, 0, 3), Float32Array.of(0, 0, 0, 6), Float32Array.of(3, 0, 0, 3)];
    const seen: number[] = [];
    const output = await multiScale(images, async ({ height, width }) => {
      seen.push(height, width);
      return given[seen.length / 2 - 1] ?? new Float32Array();
    });
    expect(seen).toEqual([4, 4, 2, 2, 2, 2]);
    expect(output[0]).toBeCloseTo(3 / 5, 6);
    expect(output[3]).toBeCloseTo(4 / 5, 6);
  });

  it('refuse features that differ in size, are zero, or not finite', () => {
    expect(() => combineScales([new Float32Array(3).fill(1), new Float32Array(2)])).toThrow(
      'Features of 3, 2 numbers cannot be averaged',
    );
    expect(() => combineScales([new Float32Array(3)])).toThrow('the norm 0');
    expect(() => combineScales([Float32Array.of(1, Number.NaN)])).toThrow('the norm NaN');
    expect(() => combineScales([])).toThrow(RangeError);
  });
});

describe('resizing by a scale', () => {
  const ramp = {
    values: Float32Array.from({ length: 12 }, (_, i) => i),
    batch: 1,
    channels: 1,
    height: 3,
    width: 4,
  };

  it('samples between pixel centers by the scale as given, without antialias', () => {
    const half = resizeByScale(ramp, 0.5);
    // floor(3 / 2) x floor(4 / 2); rows at 0.5, columns at 0.5 and 2.5
    expect([half.height, half.width]).toEqual([1, 2]);
    expect([...half.values]).toEqual([2.5, 4.5]);
    // 4 * 0.7 = 2.8 gives 2 columns at 0.5 / 0.7 - 0.5 and 1.5 / 0.7 - 0.5, not those of a ratio of 2 / 4
    const { values } = resizeByScale(ramp, 0.7);
    expect(values[1]! - values[0]!).toBeCloseTo(1 / 0.7, 5);
  });

  it('repeats the border when it enlarges, and returns scale 1 as it is', () => {
    expect([...resizeByScale(ramp, 2).values.subarray(0, 8)]).toEqual([
      0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3,
    ]);
    expect(resizeByScale(ramp, 1)).toBe(ramp);
  });

  it('refuses to leave no pixel', () => {
    expect(() => resizeByScale(ramp, 0.3)).toThrow('An image of 3 x 4 cannot be resized by 0.3');
    expect(() => resizeByScale(ramp, Number.NaN)).toThrow(RangeError);
  });
});
