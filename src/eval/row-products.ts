/**
 * Products of many rows with a few vectors, block by block in an engine, for distances that have to be exact where it
 * matters. Distances are taken about the mean of the rows: with m the mean and d = c - m,
 *
 *     |x - c|^2 = |x - m|^2 - 2 (x . d - m . d) + |d|^2
 *
 * so that the rounding of the float32 product x . d scales with |x| |d|, and not with the mean, which features have in common.
 */
import type { Engine, EngineOptions, Program } from '../engine/engine.ts';
import { type CompiledGraph, compile, gemm, input, sub, type Tensor, topK } from '../graph/index.ts';
import type { FeatureRows } from './knn.ts';
import { type RowBlock, rowBlocks } from './row-blocks.ts';
import { squaredDistance } from './squared-distance.ts';

/** Rows of a block; the fastest of those tried. */
const BLOCK = 8192;

/** Half a unit in the last place of float32, relative. */
const ROUNDING = 2 ** -24;

/** The k largest scores of each row. */
export interface BestScores {
  /** [rows, k], largest first */
  readonly values: Float32Array;
  /** [rows, k] */
  readonly positions: BigInt64Array;
}

/** Rows, and what is needed of them again and again. */
export class RowProducts {
  readonly rows: FeatureRows;
  readonly count: number;
  /** [dim] */
  readonly mean: Float64Array;
  /** |x| of every row. */
  readonly norms: Float64Array;
  #squaredNorms: Float64Array | undefined;
  readonly #engine: Engine;
  readonly #options: EngineOptions;
  readonly #height: number;
  readonly #blocks: readonly RowBlock[];
  readonly #programs = new Map<string, Promise<Program>>();

  /** @param rows finite numbers, [count, dim], at least one row */
  constructor(engine: Engine, rows: FeatureRows, options: EngineOptions = {}, block = BLOCK) {
    const { values, dim } = rows;
    this.#engine = engine;
    this.#options = options;
    this.rows = rows;
    this.count = values.length / dim;
    this.mean = new Float64Array(dim);
    this.norms = new Float64Array(this.count);
    for (let row = 0, i = 0; row < this.count; row++) {
      let square = 0;
      for (let d = 0; d < dim; d++, i++) {
        const value = values[i]!;
        this.mean[d]! += value;
        square += value * value;
      }
      this.norms[row] = Math.sqrt(square);
    }
    for (let d = 0; d < dim; d++) this.mean[d]! /= this.count;
    this.#height = Math.min(block, this.count);
    this.#blocks = rowBlocks(rows, this.#height);
  }

  /** |x - m|^2 of every row. */
  get squaredNorms(): Float64Array {
    const { values, dim } = this.rows;
    this.#squaredNorms ??= Float64Array.from({ length: this.count }, (_, row) =>
      squaredDistance(values, row * dim, this.mean, 0, dim),
    );
    return this.#squaredNorms;
  }

  /** Mean variance of a column. */
  get variance(): number {
    const total = this.norms.reduce((sum, norm) => sum + norm ** 2, 0);
    const ofMean = this.mean.reduce((sum, value) => sum + value ** 2, 0);
    return Math.max(0, total / this.count - ofMean) / this.rows.dim;
  }

  /**
   * The `k` largest of `row . vector - offset` for every row.
   *
   * @param vectors [offsets, dim]
   */
  async best(vectors: Float32Array, offsets: Float32Array, k: number): Promise<BestScores> {
    const width = offsets.length;
    const program = await this.#program(`best ${k} of ${width}`, (rows) => {
      const product = gemm(rows, input('vectors', [width, rows.dim(1)]), { transB: true });
      return compile({ ...topK(sub(product, input('offsets', [width])), k) });
    });
    const height = this.#height;
    const found = {
      values: new Float32Array(this.count * k),
      positions: new BigInt64Array(this.count * k),
    };
    const block = { values: new Float32Array(height * k), positions: new BigInt64Array(height * k) };
    for (const { start, count, values: rows } of this.#blocks) {
      await program.run({ rows, vectors, offsets }, block);
      found.values.set(block.values.subarray(0, count * k), start * k);
      found.positions.set(block.positions.subarray(0, count * k), start * k);
    }
    return found;
  }

  /**
   * Squared distances of every row to some points, in float32 product arithmetic; what cannot be told from 0 is 0.
   *
   * @param points [points, dim]
   * @returns [points, count]
   */
  async squaredDistances(points: Float64Array): Promise<Float64Array> {
    const { dim } = this.rows;
    const width = points.length / dim;
    const program = await this.#program(`products of ${width}`, (rows) =>
      compile({ products: gemm(input('vectors', [width, rows.dim(1)]), rows, { transB: true }) }),
    );
    const { vectors, meanProducts, squares } = this.aboutMean(points);
    const height = this.#height;
    const products = new Float32Array(width * height);
    const distances = new Float64Array(width * this.count);
    const { squaredNorms } = this;
    for (const { start, count, values: rows } of this.#blocks) {
      await program.run({ rows, vectors }, { products });
      for (let point = 0; point < width; point++) {
        const [square, meanProduct] = [squares[point]!, meanProducts[point]!];
        const length = Math.sqrt(square);
        for (let i = 0; i < count; i++) {
          const row = start + i;
          const distance = squaredNorms[row]! - 2 * (products[point * height + i]! - meanProduct) + square;
          const error = 2 * productError(dim, this.norms[row]! * length);
          distances[point * this.count + row] = distance <= error ? 0 : distance;
        }
      }
    }
    return distances;
  }

  /** d = c - m of every point c, with m . d and |d|^2. */
  aboutMean(points: Float64Array): {
    readonly vectors: Float32Array;
    readonly meanProducts: Float64Array;
    readonly squares: Float64Array;
  } {
    const { dim } = this.rows;
    const vectors = new Float32Array(points.length);
    const meanProducts = new Float64Array(points.length / dim);
    const squares = new Float64Array(points.length / dim);
    for (let i = 0; i < points.length; i++) {
      const [point, d] = [Math.floor(i / dim), i % dim];
      const difference = points[i]! - this.mean[d]!;
      vectors[i] = difference;
      meanProducts[point]! += difference * this.mean[d]!;
      squares[point]! += difference ** 2;
    }
    return { vectors, meanProducts, squares };
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).dispose();
    this.#programs.clear();
  }

  #program(key: string, graph: (rows: Tensor) => CompiledGraph): Promise<Program> {
    const program =
      this.#programs.get(key) ??
      this.#engine.load(graph(input('rows', [this.#height, this.rows.dim])), this.#options);
    this.#programs.set(key, program);
    return program;
  }
}

/**
 * How far a float32 product of two vectors, one of them rounded to float32, may be from the exact one, in whatever order it
 * is summed (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
 *
 * @param lengths product of the vectors' lengths
 */
export function productError(dim: number, lengths: number): number {
  return (dim + 2) * ROUNDING * lengths;
}

/** How far a number may move when it is rounded to float32. */
export function roundingError(value: number): number {
  return ROUNDING * Math.abs(value);
}
