/**
 * Principal components: the directions in which rows vary most. The covariance is a product in an engine, block by block; its
 * eigenvectors come from a library where it is small, and from subspace iteration where only the first of many are wanted.
 */
import { EigenvalueDecomposition, Matrix, QrDecomposition } from 'ml-matrix';
import type { Engine } from '../engine/engine.ts';
import { add, compile, gemm, input, sub } from '../graph/index.ts';
import { Random } from '../random/random.ts';
import type { FeatureRows } from './knn.ts';

export interface Pca {
  readonly dim: number;
  /** [dim] */
  readonly mean: Float32Array;
  /** Orthonormal rows, largest variance first: [count, dim]. Signs are arbitrary. */
  readonly components: Float32Array;
  /** Variance along each component. */
  readonly variances: Float64Array;
}

const BLOCK = 8192;
/** Up to this width all eigenvectors are computed. */
const SMALL = 512;
/** Directions that are iterated besides those wanted: the wanted ones converge faster. */
const SPARE = 16;
const ITERATIONS = 30;

/**
 * @param rows [n, dim]
 * @param count components; at most dim and n are found
 */
export async function fitPca(engine: Engine, { values, dim }: FeatureRows, count: number): Promise<Pca> {
  const rows = values.length / dim;
  const wanted = Math.min(count, dim, rows);
  const mean = columnMeans(values, dim);
  const covariance = await covarianceOf(engine, values, dim, mean);
  const { vectors, eigenvalues } =
    dim <= SMALL
      ? wholeSpectrum(covariance, dim)
      : await leadingSpectrum(engine, covariance, dim, Math.min(dim, wanted + SPARE));
  return {
    dim,
    mean,
    components: vectors.subarray(0, wanted * dim),
    variances: eigenvalues.subarray(0, wanted),
  };
}

/** Coordinates of rows along the components: [n, count]. */
export async function projectPca(engine: Engine, pca: Pca, { values }: FeatureRows): Promise<FeatureRows> {
  const { dim, mean, components } = pca;
  const count = components.length / dim;
  const projected = new Float32Array((values.length / dim) * count);
  await byBlocks(values, dim, async (block, start, size) => {
    const centred = sub(input('rows', [size, dim]), input('mean', [dim]));
    const graph = compile({ y: gemm(centred, input('components', [count, dim]), { transB: true }) });
    const program = await engine.load(graph);
    const y = projected.subarray(start * count, (start + size) * count);
    await program.run({ rows: block, mean, components }, { y });
    await program.dispose();
  });
  return { values: projected, dim: count };
}

function columnMeans(values: Float32Array, dim: number): Float32Array {
  const sums = new Float64Array(dim);
  for (let i = 0; i < values.length; i += dim) for (let d = 0; d < dim; d++) sums[d]! += values[i + d]!;
  return Float32Array.from(sums, (sum) => sum / (values.length / dim));
}

async function byBlocks(
  values: Float32Array,
  dim: number,
  work: (block: Float32Array, start: number, size: number) => Promise<void>,
): Promise<void> {
  const rows = values.length / dim;
  for (let start = 0; start < rows; start += BLOCK) {
    const size = Math.min(BLOCK, rows - start);
    await work(values.subarray(start * dim, (start + size) * dim), start, size);
  }
}

/** Mean of the products of centred rows, [dim, dim]. */
async function covarianceOf(
  engine: Engine,
  values: Float32Array,
  dim: number,
  mean: Float32Array,
): Promise<Float32Array> {
  const total = new Float32Array(dim * dim);
  const alpha = 1 / (values.length / dim);
  await byBlocks(values, dim, async (rows, _, size) => {
    const centred = sub(input('rows', [size, dim]), input('mean', [dim]));
    const graph = compile({
      total: add(input('total', [dim, dim]), gemm(centred, centred, { transA: true, alpha })),
    });
    const program = await engine.load(graph);
    await program.run({ rows, mean, total }, { total });
    await program.dispose();
  });
  return total;
}

interface Spectrum {
  /** One eigenvector a row, largest eigenvalue first. */
  readonly vectors: Float32Array;
  readonly eigenvalues: Float64Array;
}

function wholeSpectrum(covariance: Float32Array, dim: number): Spectrum {
  const matrix = Matrix.from1DArray(dim, dim, Array.from(covariance));
  return sorted(new EigenvalueDecomposition(matrix, { assumeSymmetric: true }), (column) => column);
}

/** Eigenvectors by falling eigenvalue, each carried over by `lift`. */
function sorted(found: EigenvalueDecomposition, lift: (column: number[]) => number[]): Spectrum {
  const { realEigenvalues: values, eigenvectorMatrix: columns } = found;
  const order = values.map((_, i) => i).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0));
  const rows = order.map((i) => lift(columns.getColumn(i)));
  return {
    vectors: Float32Array.from(rows.flat()),
    eigenvalues: Float64Array.from(order, (i) => values[i] ?? 0),
  };
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
  const small = q.transpose().mmul(await product(q));
  await program.dispose();
  return sorted(new EigenvalueDecomposition(small, { assumeSymmetric: true }), (column) =>
    q.mmul(Matrix.columnVector(column)).to1DArray(),
  );
}
