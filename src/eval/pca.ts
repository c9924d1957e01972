/**
 * Principal components: the directions in which rows vary most. The covariance is a product in an engine, block by block; its
 * eigenvectors come from a library where it is small, and from subspace iteration where only the first of many are wanted.
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
 * @param count components; at most dim and n are found
 */
export async function fitPca(engine: Engine, rows: FeatureRows, count: number): Promise<Pca> {
  const { values, dim } = rows;
  const wanted = Math.min(count, dim, values.length / dim);
  const mean = columnMeans(rows);
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
