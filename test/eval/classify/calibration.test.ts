import { describe, expect, it } from 'vitest';
import { calibrate, calibrateOnHalves, calibrationError } from '../../../src/eval/classify/calibration.ts';
import { fitTemperature, type LogitRows } from '../../../src/eval/classify/temperature.ts';
import { Random } from '../../../src/random/random.ts';

/** Two classes, all with the logits [a, 0], of which a share is of the first class. */
function alike(a: number, right: number, count: number): LogitRows {
  return {
    logits: Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? a : 0)),
    labels: Array.from({ length: count }, (_, i) => (i < right ? 0 : 1)),
  };
}

/** Classes drawn from the softmax of some logits, which are then multiplied. */
function drawn(count: number, classes: number, factor: number): LogitRows {
  const random = new Random(5, 'calibration test');
  const logits = new Float32Array(count * classes);
  const labels: number[] = [];
  for (let row = 0; row < count; row++) {
    const own = Array.from({ length: classes }, () => 1.5 * random.normal());
    const total = own.reduce((sum, value) => sum + Math.exp(value), 0);
    let left = random.between(0, 1);
    const label = own.findIndex((value) => {
      left -= Math.exp(value) / total;
      return left < 0;
    });
    labels.push(label < 0 ? classes - 1 : label);
    logits.set(
      own.map((value) => factor * value),
      row * classes,
    );
  }
  return { logits, labels };
}

describe('a temperature', () => {
  it('makes the softmax the share that is right', () => {
    // 3 of 4 are right: 4 / T = ln 3.
    expect(fitTemperature(alike(4, 75, 100), 2)).toBeCloseTo(4 / Math.log(3), 6);
    expect(fitTemperature(alike(0.5, 90, 100), 2)).toBeCloseTo(0.5 / Math.log(9), 6);
  });

  it('is found again in logits that were made by one', () => {
    expect(fitTemperature(drawn(4000, 5, 3), 5)).toBeCloseTo(3, 0);
    const ratio = fitTemperature(drawn(4000, 5, 3), 5)! / fitTemperature(drawn(4000, 5, 1), 5)!;
    expect(ratio).toBeCloseTo(3, 5);
  });

  it('is none where all are right, where guessing is as good, and of broken logits', () => {
    expect(fitTemperature(alike(4, 100, 100), 2)).toBeUndefined();
    expect(fitTemperature(alike(4, 40, 100), 2)).toBeUndefined();
    expect(fitTemperature(alike(Number.NaN, 75, 100), 2)).toBeUndefined();
  });
});

describe('the calibration error', () => {
  it('is the distance of the probability from the share that is right', () => {
    const probability = 1 / (1 + Math.exp(-4));
    expect(calibrationError(alike(4, 75, 100), 2)).toBeCloseTo(probability - 0.75, 6);
    expect(calibrationError(alike(4, 75, 100), 2, 4 / Math.log(3))).toBeCloseTo(0, 6);
  });

  it('is the mean over bins of probability', () => {
    const [a, b] = [alike(4, 30, 40), alike(1, 30, 60)];
    const logits = Float32Array.of(...a.logits, ...b.logits);
    const both = { logits, labels: [...Array.from(a.labels), ...Array.from(b.labels)] };
    const expected = 0.4 * calibrationError(a, 2) + 0.6 * calibrationError(b, 2);
    expect(calibrationError(both, 2)).toBeCloseTo(expected, 6);
  });
});

describe('a calibration', () => {
  it('is fitted on some images and measured on others', () => {
    const all = drawn(2000, 5, 3);
    const found = calibrateOnHalves(all, 5);
    expect(found).toMatchObject({ fitted: 1000, measured: 1000 });
    expect(found!.errorBefore).toBeGreaterThan(0.15);
    expect(found!.errorAfter).toBeLessThan(0.05);
    expect(calibrate(alike(4, 75, 100), alike(4, 60, 80), 2)).toEqual({
      temperature: expect.closeTo(4 / Math.log(3), 6),
      fitted: 100,
      errorBefore: expect.closeTo(1 / (1 + Math.exp(-4)) - 0.75, 6),
      errorAfter: expect.closeTo(0, 6),
      measured: 80,
    });
  });

  it('is none of fewer than 50 images on either side', () => {
    expect(calibrate(alike(4, 30, 49), alike(4, 75, 100), 2)).toBeUndefined();
    expect(calibrate(alike(4, 75, 100), alike(4, 30, 49), 2)).toBeUndefined();
    expect(calibrateOnHalves(alike(4, 75, 99), 2)).toBeUndefined();
  });
});
