import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { copyAveragePrecision, copydaysPositives, rankCopies } from '../../../src/eval/copies/copies.ts';
import { clsGemDescriptors } from '../../../src/features/cls-gem.ts';

describe('copy descriptors', () => {
  it('are the class token and the generalized mean of the patches, negative ones as nearly 0', () => {
    const tokens = Float32Array.of(-7, 8, 2, -1, 2, -3, /**/ 1, 2, 1, 0, 0, 4);
    const { values, dim } = clsGemDescriptors(tokens, 3, 2);
    expect(dim).toBe(4);
    expect([...values.subarray(0, 3)]).toEqual([-7, 8, 2]);
    expect(values[3]).toBeCloseTo(1e-6, 12);
    expect(values[7]).toBeCloseTo(4 / 2 ** 0.25, 5);
  });

  it('refuse images without patches, and parts of images', () => {
    expect(() => clsGemDescriptors(new Float32Array(4), 1, 4)).toThrow('at least one patch token');
    expect(() => clsGemDescriptors(new Float32Array(9), 2, 4)).toThrow(
      '9 numbers are no images of 2 tokens of 4',
    );
  });
});

describe('copy detection', () => {
  it('ranks a database smaller than 20 as a whole, duplicates by row', async () => {
    const database = { values: Float32Array.of(0, 1, 3, 0, 1, 0), dim: 2 };
    const found = await rankCopies(ortNode, database, { values: Float32Array.of(2, 0), dim: 2 });
    expect([found.k, ...found.rows]).toEqual([3, 1, 2, 0]);
  });

  it('refuses NaN in one sentence', async () => {
    const good = { values: Float32Array.of(0, 1), dim: 2 };
    const broken = { values: Float32Array.of(0, Number.NaN), dim: 2 };
    await expect(rankCopies(ortNode, broken, good)).rejects.toThrow(
      'The database descriptors hold NaN in row 0',
    );
    await expect(rankCopies(ortNode, good, broken)).rejects.toThrow(
      'The query descriptors hold NaN in row 0',
    );
  });

  it('knows originals by number, and strong copies by four letters', () => {
    const originals = ['200000.jpg', '200100.jpg', '200200.jpg'];
    expect(copydaysPositives({ name: 'crops/10', files: originals }, originals)).toEqual([[0], [1], [2]]);
    expect(copydaysPositives({ name: 'strong', files: ['200101.jpg', '999900.jpg'] }, originals)).toEqual([
      [1],
      [],
    ]);
    expect(copydaysPositives({ name: 'x', files: ['a', 'b', 'c', 'd'] }, originals)[3]).toEqual([]);
  });

  it('scores what is found in the places looked at', () => {
    const neighbors = {
      queries: 4,
      k: 2,
      rows: Int32Array.of(5, 1, /**/ 2, 3, /**/ 4, 0, /**/ 9, 8),
      similarities: new Float32Array(8),
    };
    const precisions = copyAveragePrecision(neighbors, [[1], [2], [7], []]);
    expect([...precisions]).toEqual([0.25, 1, 0, Number.NaN]);
    expect(() => copyAveragePrecision(neighbors, [[1]])).toThrow('1 lists of positives do not fit 4 queries');
  });
});
