import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { Random } from '../../src/random/random.ts';
import { fitPca, projectPca } from '../../src/rows/pca.ts';

/** Rows that vary along known orthonormal directions with known deviations, around a known mean. */
function rows(count: number, dim: number, deviations: readonly number[]) {
  const random = new Random(5, 'pca test');
  // Directions: normalized cosines of different frequencies are orthogonal.
  const direction = (i: number) =>
    Array.from(
      { length: dim },
      (_, d) => Math.sqrt(2 / dim) * Math.cos((Math.PI * (i + 1) * (d + 0.5)) / dim),
    );
  const directions = deviations.map((_, i) => direction(i));
  const values = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const along = deviations.map((deviation) => deviation * random.normal());
    for (let d = 0; d < dim; d++)
      values[row * dim + d] = 3 + along.reduce((sum, a, i) => sum + a * (directions[i]?.[d] ?? 0), 0);
  }
  return { values, dim, directions };
}

describe('principal components', () => {
  for (const [what, dim] of [
    ['all eigenvectors are computed', 40],
    ['the first of many are iterated', 600],
  ] as const) {
    it(`are the directions of largest variance where ${what}`, async () => {
      const { values, directions } = rows(10_000, dim, [5, 3, 1]);
      const pca = await fitPca(ortNode, { values, dim }, 3);
      expect(pca.components.length).toBe(3 * dim);
      for (const [i, deviation] of [5, 3, 1].entries()) {
        const component = pca.components.subarray(i * dim, (i + 1) * dim);
        const cosine = component.reduce((sum, x, d) => sum + x * (directions[i]?.[d] ?? 0), 0);
        expect(Math.abs(cosine)).toBeGreaterThan(0.998);
        expect(Math.sqrt(pca.variances[i] ?? 0) / deviation).toBeCloseTo(1, 1);
      }
      expect(pca.mean[0]).toBeCloseTo(3, 0);
    });
  }

  it('give coordinates that are uncorrelated and keep distances', async () => {
    const { values, dim } = rows(9000, 24, [4, 2, 1]);
    const pca = await fitPca(ortNode, { values, dim }, 3);
    const { values: projected } = await projectPca(ortNode, pca, { values, dim });
    expect(projected.length).toBe(9000 * 3);
    let correlation = 0;
    for (let i = 0; i < projected.length; i += 3)
      correlation += (projected[i] ?? 0) * (projected[i + 1] ?? 0);
    expect(Math.abs(correlation / 9000)).toBeLessThan(1e-3);
    const distance = (x: Float32Array, width: number, a: number, b: number): number =>
      Math.hypot(
        ...Array.from({ length: width }, (_, d) => (x[a * width + d] ?? 0) - (x[b * width + d] ?? 0)),
      );
    for (const [a, b] of [
      [0, 1],
      [17, 8999],
    ] as const)
      expect(distance(projected, 3, a, b)).toBeCloseTo(distance(values, dim, a, b), 3);
  });

  it('of few rows are those that iteration finds: orthonormal, with the same variances', async () => {
    const dim = 700;
    const { values, directions } = rows(60, dim, [5, 3, 1]);
    const noise = new Random(8, 'noise');
    const noisy = values.map((value) => value + 0.01 * noise.normal());
    const pca = await fitPca(ortNode, { values: noisy, dim }, 20);
    expect(pca.components.length).toBe(20 * dim);
    const dot = (i: number, j: number): number =>
      pca.components
        .subarray(i * dim, (i + 1) * dim)
        .reduce((sum, x, d) => sum + x * pca.components[j * dim + d]!, 0);
    for (let i = 0; i < 20; i++)
      for (let j = 0; j <= i; j++) expect(dot(i, j)).toBeCloseTo(i === j ? 1 : 0, 3);
    // Against the definition: the variance of the rows along each component.
    for (let i = 0; i < 20; i++) {
      const along = Array.from({ length: 60 }, (_, row) =>
        pca.components
          .subarray(i * dim, (i + 1) * dim)
          .reduce((sum, x, d) => sum + x * (noisy[row * dim + d]! - pca.mean[d]!), 0),
      );
      const variance = along.reduce((sum, x) => sum + x * x, 0) / 60;
      expect(variance / pca.variances[i]!).toBeCloseTo(1, 3);
    }
    const first = pca.components.subarray(0, dim);
    expect(Math.abs(first.reduce((sum, x, d) => sum + x * directions[0]![d]!, 0))).toBeGreaterThan(0.98);
    // No more than the rows vary along; of equal rows there is one, of no variance.
    expect((await fitPca(ortNode, { values, dim }, 20)).components.length).toBe(3 * dim);
  });

  it('are the same by the rows and by the columns where both are many', async () => {
    // 650 rows of 700 numbers: products of the rows; the same rows twice are more than 700: the covariance.
    const dim = 700;
    const { values } = rows(650, dim, [5, 3, 1, 0.5]);
    const noise = new Random(9, 'noise');
    const few = values.map((value) => value + 0.05 * noise.normal());
    const twice = new Float32Array(2 * few.length);
    twice.set(few);
    twice.set(few, few.length);
    const [byRows, byColumns] = [
      await fitPca(ortNode, { values: few, dim }, 4),
      await fitPca(ortNode, { values: twice, dim }, 4),
    ];
    for (let i = 0; i < 4; i++) {
      expect(byRows.variances[i]! / byColumns.variances[i]!).toBeCloseTo(1, 4);
      const [a, b] = [byRows, byColumns].map(({ components }) => components.subarray(i * dim, (i + 1) * dim));
      expect(Math.abs(a!.reduce((sum, x, d) => sum + x * b![d]!, 0))).toBeCloseTo(1, 4);
    }
  });

  it('are no more than there are rows or columns', async () => {
    const values = Float32Array.of(1, 0, 0, 0, 2, 1);
    const pca = await fitPca(ortNode, { values, dim: 3 }, 10);
    expect(pca.components.length).toBe(2 * 3);
  });
});
