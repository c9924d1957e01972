import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { silhouette, silhouetteValues } from '../../../src/eval/cluster/silhouette.ts';
import type { FeatureRows } from '../../../src/rows/feature-rows.ts';
import { blobs } from '../blobs.ts';

/** Rousseeuw's definition, pair by pair. */
function reference({ values, dim }: FeatureRows, clusters: ArrayLike<number>): number[] {
  const count = clusters.length;
  const distance = (a: number, b: number): number => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += (values[a * dim + d]! - values[b * dim + d]!) ** 2;
    return Math.sqrt(sum);
  };
  const names = [...new Set(Array.from(clusters))];
  return Array.from({ length: count }, (_, row) => {
    const means = new Map(
      names.map((name) => {
        let [sum, size] = [0, 0];
        for (let other = 0; other < count; other++) {
          if (clusters[other] !== name || other === row) continue;
          sum += distance(row, other);
          size++;
        }
        return [name, size === 0 ? Number.NaN : sum / size];
      }),
    );
    const a = means.get(clusters[row]!) ?? Number.NaN;
    means.delete(clusters[row]!);
    const b = Math.min(...means.values());
    return Number.isNaN(a) ? 0 : (b - a) / Math.max(a, b);
  });
}

describe('the silhouette', () => {
  it.each([
    [300, 5, 0],
    [2300, 3, 0],
    [300, 20, 100],
  ])('of %i rows of %i numbers about %i is that of the definition', async (count, dim, offset) => {
    const { rows, labels } = blobs(count, dim, 3, 0.7, offset);
    const clusters = Int32Array.from(labels, (label, i) => (i % 11 === 0 ? 9 : label));
    clusters[1] = 77; // alone
    const values = await silhouetteValues(ortNode, rows, clusters);
    const wanted = reference(rows, clusters);
    expect(values[1]).toBe(0);
    for (let i = 0; i < count; i++) expect(values[i]).toBeCloseTo(wanted[i]!, 4);
    const mean = wanted.reduce((a, b) => a + b, 0) / count;
    expect(await silhouette(ortNode, rows, clusters)).toBeCloseTo(mean, 5);
  });

  it('of a sample is that of its rows alone', async () => {
    const { rows, labels } = blobs(200, 4, 3, 0.5);
    const sample = Array.from({ length: 60 }, (_, i) => 3 * i + 1);
    const part = {
      values: Float32Array.from(sample.flatMap((row) => [...rows.values.subarray(4 * row, 4 * row + 4)])),
      dim: 4,
    };
    const wanted = await silhouette(
      ortNode,
      part,
      sample.map((row) => labels[row]!),
    );
    expect(await silhouette(ortNode, rows, labels, { sample })).toBe(wanted);
    await expect(silhouette(ortNode, rows, labels, { sample: [0, 200] })).rejects.toThrow(
      'Row 200 of the sample',
    );
  });

  it('is 1 for clusters of duplicates, and 0 where all rows are the same', async () => {
    const values = Float32Array.of(3, 7, 3, 7, 9, 1, 9, 1);
    expect(await silhouette(ortNode, { values, dim: 2 }, [0, 0, 1, 1])).toBe(1);
    expect(await silhouette(ortNode, { values: new Float32Array(8).fill(0.3), dim: 2 }, [0, 0, 1, 1])).toBe(
      0,
    );
  });

  it('is refused for one cluster, for as many as rows, and for NaN', async () => {
    const rows = { values: Float32Array.of(1, 2, 3), dim: 1 };
    await expect(silhouette(ortNode, rows, [0, 0, 0])).rejects.toThrow(
      '3 rows in 1 cluster have no silhouette',
    );
    await expect(silhouette(ortNode, rows, [0, 1, 2])).rejects.toThrow(
      '3 rows in 3 clusters have no silhouette',
    );
    await expect(silhouette(ortNode, rows, [0, 1])).rejects.toThrow('2 assignments do not fit 3 rows');
    const broken = { values: Float32Array.of(1, Number.NaN, 3), dim: 1 };
    await expect(silhouette(ortNode, broken, [0, 1, 1])).rejects.toThrow('hold NaN in row 1');
  });
});
