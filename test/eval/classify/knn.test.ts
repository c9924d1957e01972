import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { knn } from '../../../src/eval/classify/knn.ts';
import type { FeatureRows } from '../../../src/rows/feature-rows.ts';
import { nearestNeighbors } from '../../../src/rows/nearest-neighbors.ts';

const rows = (...values: number[]) => ({ values: Float32Array.from(values), dim: 2 });

describe('neighbors', () => {
  it('refuse features that are not finite, which would be nobody’s and everybody’s neighbors', async () => {
    const [good, bad] = [rows(1, 0, 0, 1, 1, 1), rows(1, 0, Number.NaN, 1, 1, 1)];
    const options = { ks: [1], temperature: 0.07, classes: 2 };
    const labeled = (features: FeatureRows) => ({ features, labels: [0, 1, 0] });
    const [result] = await knn(ortNode, labeled(good), labeled(good), options);
    expect(result?.top1).toBe(100);
    await expect(knn(ortNode, labeled(bad), labeled(good), options)).rejects.toThrow(
      'The features of the bank hold NaN in row 1',
    );
    await expect(nearestNeighbors(ortNode, good, bad, { k: 1 })).rejects.toThrow(
      'The features of the queries hold NaN',
    );
  });
});
