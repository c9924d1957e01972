/**
 * Multinomial logistic regression with an L2 penalty: what scikit-learn's `make_pipeline(StandardScaler(),
 * LogisticRegression(C=1))` fits, and what the paper's low-shot evaluation uses. Every column is centered and scaled by the
 * samples that it learns from; biases are not penalized. In scikit-learn's terms the objective is
 *
 *     mean over samples of -log softmax(W x + b)[class]  +  |W|^2 / (2 C samples)
 *
 * Two classes have two rows of weights here, w and -w, where scikit-learn has one, 2 w: half the penalty for each row twice
 * over makes C the same.
 *
 * Value and gradient are one compiled program, which sees the samples block by block; L-BFGS around it is plain arithmetic.
 */
import { runOnArrays } from '../../engine/arrays.ts';
import type { Engine, EngineOptions, Program } from '../../engine/engine.ts';
import { add, gemm, gradients, input, logSoftmax, mul, neg, sum } from '../../graph/index.ts';
import { checkLabeled, type LabeledFeatures } from '../../rows/labeled-features.ts';
import { type LbfgsOptions, lbfgs, type ValueAndGradient } from '../../rows/lbfgs.ts';
import { rowBlocks } from '../../rows/row-blocks.ts';
import type { LinearWeights } from './linear-probe.ts';

export interface LogisticOptions extends LbfgsOptions {
  readonly classes: number;
  /** C: how much the samples count against the penalty. Default 1. */
  readonly c?: number;
}

/** A classifier of features as they were given, not standardized. */
export interface LogisticFit extends LinearWeights {
  /** Of the objective. */
  readonly value: number;
  readonly iterations: number;
  readonly converged: boolean;
}

/** Rows of the largest block. */
const BLOCK = 4096;

/** Mean and deviation of every column. */
export interface ColumnScales {
  readonly mean: Float64Array;
  /** 1 where a column is constant. */
  readonly deviation: Float64Array;
}

export class LogisticRegression {
  readonly #engine: Engine;
  readonly #options: EngineOptions | undefined;
  readonly #programs = new Map<string, Promise<Program>>();

  constructor(engine: Engine, engineOptions?: EngineOptions) {
    this.#engine = engine;
    this.#options = engineOptions;
  }

  /**
   * Fits a classifier.
   *
   *     const regression = new LogisticRegression(ortNode);
   *     const { weight, bias } = await regression.fit({ features, labels }, { classes: 10 });
   *
   * @throws RangeError on features that are not finite, labels out of range, or a C that is not above 0
   */
  async fit(data: LabeledFeatures, options: LogisticOptions): Promise<LogisticFit> {
    const { classes } = options;
    checkLabeled('training', data, classes);
    const scales = columnScales(data.features.values, data.features.dim);
    const standard = standardized(data, scales);
    const objective = await this.objective(standard, options);
    const start = new Float64Array(classes * (data.features.dim + 1));
    const { x, value, iterations, converged } = await lbfgs(objective, start, options);
    return { ...unstandardized(x, scales, classes), value, iterations, converged };
  }

  /**
   * The objective on features as they are, a function of [weights | biases]: [classes, dim] and [classes].
   *
   * @throws RangeError when C is not above 0
   */
  async objective(
    { features, labels }: LabeledFeatures,
    { classes, c = 1 }: LogisticOptions,
  ): Promise<(x: Float64Array) => Promise<ValueAndGradient>> {
    if (!(c > 0 && Number.isFinite(c)))
      throw new RangeError(
        `C is ${c}: give a number above 0, such as 1; smaller ones penalize weights more.`,
      );
    const { dim } = features;
    const rows = labels.length;
    // Sizes are powers of two, so that draws of about one size share a program.
    const size = Math.min(BLOCK, 2 ** Math.ceil(Math.log2(rows)));
    const program = await this.#program(size, dim, classes);
    // Filling rows have no class: they add nothing to loss or gradient.
    const blocks = rowBlocks(features, size).map(({ start, count, values }) => {
      const target = new Float32Array(size * classes);
      for (let i = 0; i < count; i++) target[i * classes + labels[start + i]!] = 1;
      return { count, features: values, target };
    });
    const outputs = {
      losses: new Float32Array(size),
      weight: new Float32Array(classes * dim),
      bias: new Float32Array(classes),
    };
    const penalty = (classes === 2 ? 2 : 1) / (c * rows);
    return async (x) => {
      const weight = Float32Array.from(x.subarray(0, classes * dim));
      const bias = Float32Array.from(x.subarray(classes * dim));
      let value = 0;
      const gradient = new Float64Array(x.length);
      for (const { count, features: values, target } of blocks) {
        await runOnArrays(program, { features: values, target, weight, bias }, outputs);
        for (let i = 0; i < count; i++) value += outputs.losses[i]! / rows;
        for (let i = 0; i < classes * dim; i++) gradient[i]! += outputs.weight[i]! / rows;
        for (let i = 0; i < classes; i++) gradient[classes * dim + i]! += outputs.bias[i]! / rows;
      }
      for (let i = 0; i < classes * dim; i++) {
        value += (penalty / 2) * x[i]! ** 2;
        gradient[i]! += penalty * x[i]!;
      }
      return { value, gradient };
    };
  }

  #program(rows: number, dim: number, classes: number): Promise<Program> {
    const key = `${rows} x ${dim} x ${classes}`;
    const program =
      this.#programs.get(key) ?? this.#engine.load(lossGraph(rows, dim, classes), this.#options);
    this.#programs.set(key, program);
    return program;
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).dispose();
    this.#programs.clear();
  }
}

/** Losses of the rows and the gradients of their sum. */
function lossGraph(rows: number, dim: number, classes: number) {
  const weight = input('weight', [classes, dim]);
  const bias = input('bias', [classes]);
  const logits = add(gemm(input('features', [rows, dim]), weight, { transB: true }), bias);
  const losses = neg(sum(mul(logSoftmax(logits), input('target', [rows, classes])), { axes: [1] }));
  const [weightGradient, biasGradient] = gradients(sum(losses), [weight, bias]);
  return { losses, weight: weightGradient!, bias: biasGradient! };
}

export function columnScales(values: Float32Array, dim: number): ColumnScales {
  const rows = values.length / dim;
  const mean = new Float64Array(dim);
  for (let start = 0; start < values.length; start += dim)
    for (let d = 0; d < dim; d++) mean[d]! += values[start + d]!;
  for (let d = 0; d < dim; d++) mean[d]! /= rows;
  const variance = new Float64Array(dim);
  for (let start = 0; start < values.length; start += dim)
    for (let d = 0; d < dim; d++) variance[d]! += (values[start + d]! - mean[d]!) ** 2;
  for (let d = 0; d < dim; d++) variance[d]! /= rows;
  // Rounding alone gives a constant column a variance of about 1e-14 of its square.
  const deviation = variance.map((v, i) => (v > 1e-12 * mean[i]! ** 2 ? Math.sqrt(v) : 1));
  return { mean, deviation };
}

function standardized(
  { features, labels }: LabeledFeatures,
  { mean, deviation }: ColumnScales,
): LabeledFeatures {
  const { values, dim } = features;
  const scaled = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += dim)
    for (let d = 0; d < dim; d++) scaled[start + d] = (values[start + d]! - mean[d]!) / deviation[d]!;
  return { features: { values: scaled, dim }, labels };
}

/** W (x - mean) / deviation + b, as weights and biases of x itself. */
function unstandardized(x: Float64Array, { mean, deviation }: ColumnScales, classes: number): LinearWeights {
  const dim = mean.length;
  const weight = new Float32Array(classes * dim);
  const bias = new Float32Array(classes);
  for (let k = 0; k < classes; k++) {
    let shift = x[classes * dim + k]!;
    for (let d = 0; d < dim; d++) {
      const w = x[k * dim + d]! / deviation[d]!;
      weight[k * dim + d] = w;
      shift -= w * mean[d]!;
    }
    bias[k] = shift;
  }
  return { weight, bias };
}
