import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { secondMoment } from '../../src/rows/second-moment.ts';
import { learnWhitening, type Whitening, whiten, whiteningOf } from '../../src/rows/whitening.ts';
import { blobs } from '../eval/blobs.ts';

const identity = (dim: number): number[] =>
  Array.from({ length: dim * dim }, (_, i) => (Math.floor(i / dim) === i % dim ? 1 : 0));

/** What subtracts nothing. */
const uncentered = (whitening: Whitening) => ({ ...whitening, mean: new Float32Array(whitening.inputDim) });

describe('whitening', () => {
  it('makes the second moment of its own rows the identity, over several blocks', async () => {
    const { rows } = blobs(20_000, 6, 3, 1);
    const whitening = await learnWhitening(ortNode, rows);
    const whitened = await whiten(ortNode, uncentered(whitening), rows);
    const moment = await secondMoment(ortNode, whitened, new Float32Array(6));
    for (const [i, value] of identity(6).entries()) expect(moment[i]).toBeCloseTo(value, 3);
    expect([whitening.dim, whitening.raised, whitening.energy]).toEqual([6, 0, 1]);
  });

  it('keeps the directions of the largest eigenvalues, and with exponent 0 only rotates', () => {
    const whitening = whiteningOf([1, 0, 0, 0, 9, 0, 0, 0, 4], 3, { dim: 2 });
    expect([...whitening.eigenvalues]).toEqual([9, 4, 1]);
    expect(whitening.energy).toBeCloseTo(13 / 14, 12);
    expect([...whitening.projection].map(Math.abs)).toEqual([0, Math.fround(1 / 3), 0, 0, 0, 0.5]);
    const turned = whiteningOf([1, 0, 0, 0, 9, 0, 0, 0, 4], 3, { exponent: 0 });
    expect([...turned.projection].map(Math.abs)).toEqual([0, 1, 0, 0, 0, 1, 1, 0, 0]);
  });

  it('raises small and negative eigenvalues to 1e-5 of the largest', () => {
    const { projection, raised } = whiteningOf([4, 0, 0, 0, 1e-9, 0, 0, 0, -1e-9], 3);
    expect(raised).toBe(2);
    expect(Math.hypot(...projection.subarray(6))).toBeCloseTo(1 / Math.sqrt(4e-5), 2);
  });

  it('subtracts the mean of the rows it was learned from, when asked', async () => {
    const { rows } = blobs(50, 3, 2, 1, 5);
    const whitening = await learnWhitening(ortNode, rows);
    const center = await whiten(ortNode, whitening, { values: whitening.mean, dim: 3 });
    expect(Math.hypot(...center.values)).toBeLessThan(1e-5);
    const plain = await whiten(ortNode, uncentered(whitening), { values: whitening.mean, dim: 3 });
    expect(Math.hypot(...plain.values)).toBeGreaterThan(0.5);
  });

  it('refuses zeros, NaN, rows of another width, and more components than there are', async () => {
    expect(() => whiteningOf(new Float32Array(4), 2)).toThrow(
      'The largest eigenvalue of the covariance is 0',
    );
    expect(() => whiteningOf(identity(2), 2, { dim: 3 })).toThrow(
      'Features of 2 numbers cannot be whitened to 3',
    );
    const broken = { values: Float32Array.of(1, Number.NaN), dim: 2 };
    await expect(learnWhitening(ortNode, broken)).rejects.toThrow('hold NaN in row 0');
    const whitening = uncentered(whiteningOf(identity(2), 2));
    await expect(whiten(ortNode, whitening, broken)).rejects.toThrow('hold NaN in row 0');
    await expect(whiten(ortNode, whitening, { values: new Float32Array(3), dim: 3 })).rejects.toThrow(
      'learned from rows of 2 numbers and is given rows of 3',
    );
  });
});
