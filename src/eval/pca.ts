/**
 * Principal components: the directions in which rows vary most. The covariance is a product in an engine, block by block; its
 * eigenvectors come from a library where it is small, from the rows' own products where there are fewer rows than columns, and
 * from subspace iteration where only the first of many are wanted.
 */
import { Matrix, QrDecomposition } from 'ml-matrix';
import type { Engine } from '../engine/engine.ts';
import { compile, gemm, input } from '../graph/index.ts';
import { Random } from '../random/random.ts';
import type { FeatureRows } from './knn.ts';
import { columnMeans, projectRows, secondMoment } from './second-moment.ts';
import { type Spectrum, symmetricSpectrum } from './spectrum.ts';

export interface Pca {
  readonly dim: number;
  /** [dim] */
  readonly mean: Float32Array;
  /** Orthonormal rows, largest variance first: [count, dim]. Signs are arbitrary. */
  readonly components: Float32Array;
  /** Variance along each component. */
  readonly variances: Float64Array;
}

/** Up to this width all eigenvectors are computed. */
const SMALL = 512;
/** Directions that are iterated besides those wanted: the wanted ones converge faster. */
const SPARE = 16;
const ITERATIONS = 30;

/**
 * @param rows [n, dim]
 * @param count components; at most dim and n are found, and no more than the rows vary along
 */
export async function fitPca(engine: Engine, rows: FeatureRows, count: number): Promise<Pca> {
  const { values, dim } = rows;
  const found = values.length / dim;
  const wanted = Math.min(count, dim, found);
  const mean = columnMeans(rows);
  if (dim > SMALL && found > 1 && found <= SMALL) {
    const spectrum = await spectrumOfRows(engine, rows, mean, wanted);
    if (spectrum !== undefined) return { dim, mean, ...spectrum };
  }
  const covariance = await secondMoment(engine, rows, mean);
  const { vectors, eigenvalues } =
    dim <= SMALL
      ? symmetricSpectrum(covariance, dim)
      : await leadingSpectrum(engine, covariance, dim, Math.min(dim, wanted + SPARE));
  return {
    dim,
    mean,
    components: Float32Array.from(vectors.subarray(0, wanted * dim)),
    variances: eigenvalues.subarray(0, wanted),
  };
}

/**
 * Few rows: the products of the centred rows X X' have the eigenvalues of the covariance, and v X / |v X| its eigenvectors.
 *
 * @returns undefined where all rows are the same
 */
async function spectrumOfRows(
  engine: Engine,
  { values, dim }: FeatureRows,
  mean: Float32Array,
  wanted: number,
): Promise<Pick<Pca, 'components' | 'variances'> | undefined> {
  const count = values.length / dim;
  const centred = Float32Array.from(values, (value, i) => value - mean[i % dim]!);
  const x = input('x', [count, dim]);
  const products = await engine.load(compile({ y: gemm(x, x, { transB: true, alpha: 1 / count }) }));
  const y = new Float32Array(count * count);
  await products.run({ x: centred }, { y });
  await products.dispose();
  const { vectors, eigenvalues } = symmetricSpectrum(y, count);
  const largest = eigenvalues[0] ?? 0;
  const varying = eigenvalues.filter((value) => value > 1e-7 * largest).length;
  if (!(largest > 0) || varying === 0) return undefined;
  const kept = Math.min(wanted, varying);
  const components = new Float32Array(kept * dim);
  const back = await engine.load(compile({ y: gemm(input('v', [kept, count]), x) }));
  await back.run({ v: Float32Array.from(vectors.subarray(0, kept * count)), x: centred }, { y: components });
  await back.dispose();
  for (let i = 0; i < kept; i++) {
    const row = components.subarray(i * dim, (i + 1) * dim);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let d = 0; d < dim; d++) row[d]! /= length;
  }
  return { components, variances: eigenvalues.subarray(0, kept) };
}

/** Coordinates of rows along the components: [n, count]. */
export function projectPca(engine: Engine, pca: Pca, rows: FeatureRows): Promise<FeatureRows> {
  return projectRows(engine, rows, pca.mean, pca.components);
}

/** The leading eigenvectors by subspace iteration (Golub and Van Loan, section 8.2.4) with a Rayleigh-Ritz step at the end. */
async function leadingSpectrum(
  engine: Engine,
  covariance: Float32Array,
  dim: number,
  count: number,
): Promise<Spectrum> {
  const program = await engine.load(compile({ y: gemm(input('c', [dim, dim]), input('q', [dim, count])) }));
  const product = async (q: Matrix): Promise<Matrix> => {
    const y = new Float32Array(dim * count);
    await program.run({ c: covariance, q: Float32Array.from(q.to1DArray()) }, { y });
    return Matrix.from1DArray(dim, count, Array.from(y));
  };
  const random = new Random(0, 'pca');
  let q = Matrix.from1DArray(
    dim,
    count,
    Array.from({ length: dim * count }, () => random.normal()),
  );
  for (let i = 0; i < ITERATIONS; i++) q = new QrDecomposition(await product(q)).orthogonalMatrix;
  const small = symmetricSpectrum(
    q
      .transpose()
      .mmul(await product(q))
      .to1DArray(),
    count,
  );
  await program.dispose();
  const vectors = Matrix.from1DArray(count, count, Array.from(small.vectors)).mmul(q.transpose());
  return { vectors: Float64Array.from(vectors.to1DArray()), eigenvalues: small.eigenvalues };
}
