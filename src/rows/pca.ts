/**
 * Principal components: the directions in which rows vary most. Their covariance or, where there are fewer rows than columns,
 * their products with each other are computed in an engine. The eigenvectors of that matrix come from a library where it is
 * small, and from subspace iteration where only the first of many are wanted.
 */
import { Matrix } from 'ml-matrix';
import { runOnArrays } from '../engine/arrays.ts';
import type { Engine } from '../engine/engine.ts';
import { gemm, input } from '../graph/index.ts';
import { Random } from '../random/random.ts';
import { dot } from './dot.ts';
import type { FeatureRows } from './feature-rows.ts';
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
/** The iteration ends when no variance changes by more than this share of the largest one: what float32 products can tell. */
const CONVERGED = 1e-7;

/**
 * @param rows [n, dim]
 * @param count components; at most dim and n are found, and no more than the rows vary along
 */
export async function fitPca(engine: Engine, rows: FeatureRows, count: number): Promise<Pca> {
  const { values, dim } = rows;
  const found = values.length / dim;
  const wanted = Math.min(count, dim, found);
  const mean = columnMeans(rows);
  if (dim > SMALL && found > 1 && found < dim) {
    const spectrum = await spectrumOfRows(engine, rows, mean, wanted);
    if (spectrum !== undefined) return { dim, mean, ...spectrum };
  }
  const covariance = await secondMoment(engine, rows, mean);
  const { vectors, eigenvalues } = await spectrumOf(engine, covariance, dim, wanted);
  return {
    dim,
    mean,
    components: Float32Array.from(vectors.subarray(0, wanted * dim)),
    variances: eigenvalues.subarray(0, wanted),
  };
}

/** Eigenvectors of a symmetric matrix, largest eigenvalue first: `wanted` of them or more. */
async function spectrumOf(
  engine: Engine,
  matrix: Float32Array,
  size: number,
  wanted: number,
): Promise<Spectrum> {
  return size <= SMALL
    ? symmetricSpectrum(matrix, size)
    : leadingSpectrum(engine, matrix, size, Math.min(size, wanted + SPARE));
}

/**
 * Fewer rows than columns: the products of the centered rows X X' have the eigenvalues of the covariance, and v X / |v X| its eigenvectors.
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
  const centered = Float32Array.from(values, (value, i) => value - mean[i % dim]!);
  const x = input('x', [count, dim]);
  const products = await engine.load({ y: gemm(x, x, { transB: true, alpha: 1 / count }) });
  const y = new Float32Array(count * count);
  await runOnArrays(products, { x: centered }, { y });
  await products.dispose();
  const { vectors, eigenvalues } = await spectrumOf(engine, y, count, wanted);
  const largest = eigenvalues[0] ?? 0;
  const varying = eigenvalues.filter((value) => value > 1e-7 * largest).length;
  if (!(largest > 0) || varying === 0) return undefined;
  const kept = Math.min(wanted, varying);
  const components = new Float32Array(kept * dim);
  const back = await engine.load({ y: gemm(input('v', [kept, count]), x) });
  await runOnArrays(
    back,
    { v: Float32Array.from(vectors.subarray(0, kept * count)), x: centered },
    { y: components },
  );
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
  matrix: Float32Array,
  dim: number,
  count: number,
): Promise<Spectrum> {
  const program = await engine.load({ y: gemm(input('q', [count, dim]), input('c', [dim, dim])) });
  const product = async (q: Float64Array): Promise<Float64Array<ArrayBuffer>> => {
    const y = new Float32Array(count * dim);
    await runOnArrays(program, { c: matrix, q: Float32Array.from(q) }, { y });
    return Float64Array.from(y);
  };
  const random = new Random(0, 'pca');
  let q = Float64Array.from({ length: count * dim }, () => random.normal());
  let lengths = orthonormalize(q, count, dim);
  for (let i = 0; i < ITERATIONS; i++) {
    q = await product(q);
    const before = lengths;
    lengths = orthonormalize(q, count, dim);
    const largest = lengths.reduce((most, length) => Math.max(most, length), 0);
    if (lengths.every((length, j) => Math.abs(length - before[j]!) <= CONVERGED * largest)) break;
  }
  const rows = (values: Float64Array): Matrix => Matrix.from1DArray(count, dim, Array.from(values));
  const small = symmetricSpectrum(
    rows(q)
      .mmul(rows(await product(q)).transpose())
      .to1DArray(),
    count,
  );
  await program.dispose();
  const vectors = Matrix.from1DArray(count, count, Array.from(small.vectors)).mmul(rows(q));
  return { vectors: Float64Array.from(vectors.to1DArray()), eigenvalues: small.eigenvalues };
}

/**
 * Makes rows orthonormal in place by modified Gram-Schmidt, gone through twice, as one pass leaves what rounding leaves
 * (Giraud, Langou and Rozloznik 2005).
 *
 * @param rows [count, dim]
 * @returns the length of each row once those before it were taken out
 */
function orthonormalize(rows: Float64Array, count: number, dim: number): Float64Array {
  const lengths = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const row = rows.subarray(i * dim, (i + 1) * dim);
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const other = rows.subarray(j * dim, (j + 1) * dim);
        const along = dot(row, other);
        for (let d = 0; d < dim; d++) row[d]! -= along * other[d]!;
      }
      const length = Math.sqrt(dot(row, row));
      if (pass === 0) lengths[i] = length;
      if (length > 0) for (let d = 0; d < dim; d++) row[d]! /= length;
    }
  }
  return lengths;
}
