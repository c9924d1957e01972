/** Eigenvectors of symmetric matrices. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

export interface Spectrum {
  /** Orthonormal eigenvectors, one a row, largest eigenvalue first: [count, dim]. Signs are arbitrary. */
  readonly vectors: Float64Array;
  /** [count] */
  readonly eigenvalues: Float64Array;
}

/** @param matrix symmetric, [dim, dim] */
export function symmetricSpectrum(matrix: ArrayLike<number>, dim: number): Spectrum {
  const { realEigenvalues: values, eigenvectorMatrix: columns } = new EigenvalueDecomposition(
    Matrix.from1DArray(dim, dim, Array.from(matrix)),
    { assumeSymmetric: true },
  );
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!);
  const vectors = new Float64Array(dim * dim);
  for (const [row, i] of order.entries()) vectors.set(columns.getColumn(i), row * dim);
  return { vectors, eigenvalues: Float64Array.from(order, (i) => values[i]!) };
}
