/**
 * Whitening of features by principal components (official `utils.PCA`, used by `eval_copy_detection.py`): coordinates along
 * the eigenvectors of a second moment, each divided by a power of its eigenvalue. Signs of components are arbitrary, as
 * anywhere; inner products of whitened rows do not depend on them.
 */
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { countFiniteRows, type FeatureRows } from './feature-rows.ts';
import { columnMeans, projectRows, secondMoment } from './second-moment.ts';
import { symmetricSpectrum } from './spectrum.ts';

/** Eigenvalues below this share of the largest are raised to it. */
const FLOOR = 1e-5;

export interface WhiteningOptions {
  /** Components to keep, those with the largest eigenvalues; default all. */
  readonly dim?: number;
  /** Components are divided by eigenvalue^exponent: 0.5 (the default) whitens, 0 only rotates. */
  readonly exponent?: number;
}

export interface Whitening {
  readonly inputDim: number;
  readonly dim: number;
  /** diag(1 / eigenvalue^exponent) V', [dim, inputDim] */
  readonly projection: Float32Array;
  /** Of all components, falling, before the floor: [inputDim] */
  readonly eigenvalues: Float64Array;
  /** How many eigenvalues were raised to the floor. */
  readonly raised: number;
  /** Share of the sum of the (raised) eigenvalues in the components that are kept. */
  readonly energy: number;
}

/**
 * `PCA.train_pca`.
 *
 * @param covariance symmetric, [inputDim, inputDim]
 * @throws RangeError when more components are wanted than there are, or the covariance has no positive eigenvalue
 */
export function whiteningOf(
  covariance: ArrayLike<number>,
  inputDim: number,
  { dim = inputDim, exponent = 0.5 }: WhiteningOptions = {},
): Whitening {
  if (!Number.isInteger(dim) || dim < 1 || dim > inputDim) {
    throw new RangeError(
      `Features of ${inputDim} numbers cannot be whitened to ${dim}: choose from 1 to ${inputDim} components.`,
    );
  }
  const { vectors, eigenvalues } = symmetricSpectrum(covariance, inputDim);
  const largest = eigenvalues[0]!;
  if (!(largest > 0 && Number.isFinite(largest))) {
    throw new RangeError(
      `The largest eigenvalue of the covariance is ${largest}, so nothing can be whitened: give features that are finite and not all zero.`,
    );
  }
  const floor = FLOOR * largest;
  const raised = eigenvalues.map((value) => Math.max(value, floor));
  const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
  return {
    inputDim,
    dim,
    projection: Float32Array.from(
      vectors.subarray(0, dim * inputDim),
      (value, i) => value / raised[Math.floor(i / inputDim)]! ** exponent,
    ),
    eigenvalues,
    raised: eigenvalues.filter((value) => value < floor).length,
    energy: sum(raised.subarray(0, dim)) / sum(raised),
  };
}

/** Whitening learned from other images, with their mean. */
export interface CenteredWhitening extends Whitening {
  /** [inputDim] */
  readonly mean: Float32Array;
  /** Uncentered, [inputDim, inputDim]. */
  readonly covariance: Float32Array;
}

/**
 * Learns whitening as the official copy detection does: the covariance is the second moment about 0, while the mean will be
 * subtracted from what is whitened.
 *
 * @throws RangeError as `whiteningOf`, or when a value is not finite
 */
export async function learnWhitening(
  engine: Engine,
  rows: FeatureRows,
  options: WhiteningOptions = {},
  engineOptions: EngineOptions = {},
): Promise<CenteredWhitening> {
  countFiniteRows(rows, 'The features to learn whitening from');
  const covariance = await secondMoment(engine, rows, new Float32Array(rows.dim), engineOptions);
  return { ...whiteningOf(covariance, rows.dim, options), mean: columnMeans(rows), covariance };
}

/**
 * Subtracts the mean of the whitening images, then whitens; with a mean of zeros it is `PCA.apply`.
 *
 * @returns [rows, dim]
 * @throws RangeError when rows have another width, or a value is not finite
 */
export async function whiten(
  engine: Engine,
  whitening: Omit<CenteredWhitening, 'covariance'>,
  rows: FeatureRows,
  engineOptions: EngineOptions = {},
): Promise<FeatureRows> {
  requireWidth(whitening, rows);
  return projectRows(engine, rows, whitening.mean, whitening.projection, engineOptions);
}

function requireWidth({ inputDim }: Whitening, rows: FeatureRows): void {
  if (rows.dim !== inputDim) {
    throw new RangeError(
      `The whitening was learned from rows of ${inputDim} numbers and is given rows of ${rows.dim}: take both from the same network.`,
    );
  }
  countFiniteRows(rows, 'The features to whiten');
}
