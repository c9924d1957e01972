import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { chooseClusters } from '../../../src/eval/cluster/choose-clusters.ts';
import { clusterScores } from '../../../src/eval/cluster/cluster-scores.ts';
import { kMeans } from '../../../src/eval/cluster/kmeans.ts';
import { kMeansPlusPlus } from '../../../src/eval/cluster/kmeans-plus-plus.ts';
import { nearestCenters } from '../../../src/eval/cluster/nearest-centers.ts';
import { Random } from '../../../src/random/random.ts';
import type { FeatureRows } from '../../../src/rows/feature-rows.ts';
import { RowProducts } from '../../../src/rows/row-products.ts';
import { blobs } from '../blobs.ts';

function squaredDistance(rows: FeatureRows, row: number, centers: ArrayLike<number>, c: number): number {
  let sum = 0;
  for (let d = 0; d < rows.dim; d++)
    sum += (rows.values[row * rows.dim + d]! - centers[c * rows.dim + d]!) ** 2;
  return sum;
}

function nearestInFloat64(rows: FeatureRows, centers: Float64Array): number[] {
  const k = centers.length / rows.dim;
  return Array.from({ length: rows.values.length / rows.dim }, (_, row) => {
    let best = 0;
    for (let c = 1; c < k; c++)
      if (squaredDistance(rows, row, centers, c) < squaredDistance(rows, row, centers, best)) best = c;
    return best;
  });
}

describe('the nearest center', () => {
  it.each([
    ['spread out', 0, 1],
    ['with a large mean in common', 1000, 0.01],
    ['alike but for rounding', 1, 1e-6],
  ])('is that of float64 for rows %s, over several blocks', async (_, offset, spread) => {
    const { rows } = blobs(2500, 24, 1, spread, offset);
    const random = new Random(1, 'centers');
    const centers = Float64Array.from(
      { length: 17 * 24 },
      (__, i) => rows.values[random.integer(2500) * 24 + (i % 24)]!,
    );
    centers.set(centers.subarray(0, 24), 24); // two that are equal: the first wins
    const products = new RowProducts(ortNode, rows);
    expect([...(await nearestCenters(products, centers))]).toEqual(nearestInFloat64(rows, centers));
    await products.dispose();
  });

  it('is found for rows halfway between two centers, and for the rows themselves', async () => {
    const rows = { values: Float32Array.of(0, 0, 1, 0, 2, 0, 1, 5), dim: 2 };
    const products = new RowProducts(ortNode, rows);
    expect([...(await nearestCenters(products, Float64Array.of(0, 0, 2, 0)))]).toEqual([0, 0, 1, 0]);
    expect([...(await nearestCenters(products, Float64Array.from(rows.values)))]).toEqual([0, 1, 2, 3]);
    await products.dispose();
  });
});

describe('k-means', () => {
  it('finds blobs that are far apart, the same ones for the same seed', async () => {
    const { rows, labels } = blobs(1500, 16, 6, 0.1);
    const found = await kMeans(ortNode, rows, { k: 6, seed: 5 });
    expect(clusterScores(labels, found.assignments).ari).toBe(1);
    expect(found.converged).toBe(true);
    expect(await kMeans(ortNode, rows, { k: 6, seed: 5 })).toEqual(found);
  });

  it('ends where every row is with its nearest center and every center is the mean of its rows', async () => {
    const { rows } = blobs(1200, 8, 3, 1);
    const { assignments, centers, inertia } = await kMeans(ortNode, rows, {
      k: 7,
      restarts: 1,
      tolerance: 0,
    });
    expect([...assignments]).toEqual(nearestInFloat64(rows, centers));
    let sum = 0;
    for (const [row, c] of assignments.entries()) sum += squaredDistance(rows, row, centers, c);
    expect(inertia).toBeCloseTo(sum, 6);
    for (let c = 0; c < 7; c++) {
      const own = [...assignments.keys()].filter((row) => assignments[row] === c);
      const mean = own.reduce((total, row) => total + rows.values[row * 8]!, 0) / own.length;
      expect(centers[c * 8]).toBeCloseTo(mean, 10);
    }
  });

  it('keeps the best of its restarts, and is never better with fewer', async () => {
    const { rows } = blobs(400, 4, 9, 0.3);
    const inertias = await Promise.all(
      [1, 2, 4].map(async (restarts) => (await kMeans(ortNode, rows, { k: 9, restarts })).inertia),
    );
    expect(inertias[1]).toBeLessThanOrEqual(inertias[0]!);
    expect(inertias[2]).toBeLessThanOrEqual(inertias[1]!);
  });

  it('stops after maxIterations and says so', async () => {
    const { rows } = blobs(1500, 6, 1, 1);
    const found = await kMeans(ortNode, rows, { k: 12, restarts: 1, maxIterations: 2, tolerance: 0 });
    expect([found.iterations, found.converged]).toEqual([2, false]);
    expect([...found.assignments]).toEqual(nearestInFloat64(rows, found.centers));
  });

  it('gives an empty cluster the farthest row', async () => {
    const values = Float32Array.of(0, 1, 2, 10);
    // The third center is nobody's: it takes row 3, 9 away from the second.
    const found = await kMeans(ortNode, { values, dim: 1 }, { k: 3, initialCenters: [0, 1, -50] });
    expect([...found.assignments]).toEqual([0, 1, 1, 2]);
    expect([...found.centers]).toEqual([0, 1.5, 10]);
  });

  it('ends with empty clusters where fewer rows are different than clusters are wanted', async () => {
    const values = Float32Array.of(1, 1, 1, 1, 3, 3);
    const found = await kMeans(ortNode, { values, dim: 1 }, { k: 4 });
    expect(found.inertia).toBe(0);
    expect(found.converged).toBe(true);
    expect(new Set(found.assignments).size).toBe(2);
    const equal = await kMeans(ortNode, { values: new Float32Array(10).fill(0.1), dim: 2 }, { k: 5 });
    expect([equal.inertia, equal.converged]).toEqual([0, true]);
  });

  it('makes one cluster, and as many as rows', async () => {
    const rows = { values: Float32Array.of(0, 2, 4), dim: 1 };
    const one = await kMeans(ortNode, rows, { k: 1 });
    expect([[...one.centers], one.inertia]).toEqual([[2], 8]);
    const all = await kMeans(ortNode, rows, { k: 3 });
    expect(all.inertia).toBe(0);
  });

  it('refuses more clusters than rows, NaN, and centers of another size in one sentence', async () => {
    const rows = { values: Float32Array.of(0, 2, 4, 6), dim: 2 };
    await expect(kMeans(ortNode, rows, { k: 3 })).rejects.toThrow('2 rows cannot be put into 3 clusters');
    await expect(kMeans(ortNode, rows, { k: 0 })).rejects.toThrow(RangeError);
    await expect(kMeans(ortNode, rows, { k: 1, restarts: 0 })).rejects.toThrow(RangeError);
    await expect(kMeans(ortNode, rows, { k: 1, initialCenters: [1] })).rejects.toThrow(
      '1 numbers are not 1 centers of 2',
    );
    const broken = { values: Float32Array.of(0, 2, 4, Number.NaN), dim: 2 };
    await expect(kMeans(ortNode, broken, { k: 1 })).rejects.toThrow(
      'The features to cluster hold NaN in row 1: leave that image out, or take weights from before the training diverged',
    );
    await expect(kMeans(ortNode, { values: new Float32Array(3), dim: 2 }, { k: 1 })).rejects.toThrow(
      'whole rows',
    );
    await expect(kMeans(ortNode, { values: new Float32Array(0), dim: 2 }, { k: 1 })).rejects.toThrow(
      'whole rows',
    );
  });
});

describe('k-means++', () => {
  it('takes different rows as long as there are any, from wherever the rows lie', async () => {
    const values = Float32Array.from([1, 1, 1, 2, 3, 3, 4], (x) => 5000 + x / 100);
    const products = new RowProducts(ortNode, { values, dim: 1 });
    for (let seed = 0; seed < 20; seed++) {
      const centers = await kMeansPlusPlus(products, 4, new Random(seed, 'test'));
      expect(new Set(centers).size).toBe(4);
    }
    await products.dispose();
  });
});

describe('the number of clusters chosen by silhouette', () => {
  it('is the number of blobs, also from a sample', async () => {
    const { rows, labels } = blobs(900, 10, 4, 0.15);
    const candidates = [2, 3, 4, 5, 7];
    const { clustering, tried } = await chooseClusters(ortNode, rows, { candidates });
    expect(clustering.k).toBe(4);
    expect(clusterScores(labels, clustering.assignments).nmi).toBeCloseTo(1, 12);
    expect(tried.map(({ k }) => k)).toEqual(candidates);
    const sample = Array.from({ length: 150 }, (_, i) => 6 * i);
    expect((await chooseClusters(ortNode, rows, { candidates, sample })).clustering.k).toBe(4);
  });

  it('passes over a number without a silhouette, and refuses to choose where none has one', async () => {
    const { rows } = blobs(40, 3, 2, 0.1);
    const { clustering, tried } = await chooseClusters(ortNode, rows, { candidates: [1, 2, 40] });
    expect(clustering.k).toBe(2);
    expect(tried.map(({ silhouette }) => Number.isNaN(silhouette))).toEqual([true, false, true]);
    await expect(chooseClusters(ortNode, rows, { candidates: [1] })).rejects.toThrow(
      'None of the numbers of clusters 1 has a silhouette for 40 rows',
    );
  });
});
