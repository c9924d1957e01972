/**
 * Products of many rows with a few vectors, block by block in an engine, for distances that have to be exact where it
 * matters. Distances are taken about the mean of the rows: with m the mean and d = c - m,
 *
 *     |x - c|^2 = |x - m|^2 - 2 (x . d - m . d) + |d|^2
 *
 * so that the rounding of the float32 product x . d scales with |x| |d|, and not with the mean, which features have in common.
 */
import { runOnArrays } from '../engine/arrays.ts';
import type { Engine, EngineOptions, Program } from '../engine/engine.ts';
import type { Values } from '../engine/values.ts';
import {
  add,
  cast,
  constant,
  gemm,
  greater,
  input,
  max,
  mul,
  type Results,
  slice,
  sub,
  type Tensor,
  topK,
} from '../graph/index.ts';
import type { FeatureRows } from './feature-rows.ts';
import { type RowBlock, rowBlocks } from './row-blocks.ts';
import { squaredDistance } from './squared-distance.ts';

/** Rows of a block; the fastest of those tried. */
const BLOCK = 2048;

/** Half a unit in the last place of float32, relative. */
const ROUNDING = 2 ** -24;

/** What an engine found for a block of rows; the arrays are overwritten once the next block is asked for. */
export type BlockResult<Results> = Results & {
  /** The block's first row, and how many follow from there. */
  readonly start: number;
  readonly count: number;
};

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
    // The caller works on one block while the engine works on the next: nobody should wait actively.
    this.#options = { spinning: false, ...options };
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
   * The `k` largest of `row . vector - offset` for every row: `values` (float32) and `positions` (int64), both [rows of the
   * block, k], the largest first.
   *
   * @param vectors [offsets, dim]
   */
  best(
    vectors: Float32Array,
    offsets: Float32Array,
    k: number,
  ): AsyncGenerator<BlockResult<{ readonly values: Float32Array; readonly positions: BigInt64Array }>> {
    const width = offsets.length;
    const size = this.#height * k;
    return this.#blockwise(
      `best ${k} of ${width}`,
      (rows) => topK(scoresOf(rows, width), k),
      (block) => ({ rows: block.values, vectors, offsets }),
      () => ({ values: new Float32Array(size), positions: new BigInt64Array(size) }),
    );
  }

  /**
   * Which scores `row . vector - offset` of a row may be its largest, when each may be wrong by some distance: `scores`
   * [rows of the block, vectors], and `rivals` [2, rows of the block]: how many scores are within `perLength` times the row's
   * length plus `fixed` of its largest, and where that one is if there is only one. Faster than `best`.
   *
   * @param vectors [offsets, dim]
   */
  largest(
    vectors: Float32Array,
    offsets: Float32Array,
    slack: { readonly perLength: number; readonly fixed: number },
  ): AsyncGenerator<BlockResult<{ readonly scores: Float32Array; readonly rivals: Float32Array }>> {
    const width = offsets.length;
    const height = this.#height;
    const lengths = new Float32Array(this.#blocks.length * height); // filled up to whole blocks
    lengths.set(this.norms);
    const terms = Float32Array.of(slack.perLength, slack.fixed);
    return this.#blockwise(
      `largest of ${width}`,
      (rows) => {
        const scores = scoresOf(rows, width);
        const terms = input('terms', [2]);
        const margin = add(mul(input('lengths', [height, 1]), slice(terms, 0, 0, 1)), slice(terms, 0, 1, 2));
        const threshold = sub(max(scores, { axes: [1], keep: true }), margin);
        const near = cast(greater(scores, threshold), 'f32'); // [rows, width]
        const positions = Float32Array.from({ length: 2 * width }, (_, i) => (i < width ? 1 : i - width));
        return { scores, rivals: gemm(constant(positions, [2, width]), near, { transB: true }) };
      },
      ({ start, values }) => ({
        ...{ rows: values, vectors, offsets, terms },
        lengths: lengths.subarray(start, start + height),
      }),
      () => ({ scores: new Float32Array(height * width), rivals: new Float32Array(2 * height) }),
    );
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
    const program = await this.#program(`products of ${width}`, (rows) => ({
      products: gemm(input('vectors', [width, rows.dim(1)]), rows, { transB: true }),
    }));
    const { vectors, meanProducts, squares } = this.aboutMean(points);
    const height = this.#height;
    const products = new Float32Array(width * height);
    const distances = new Float64Array(width * this.count);
    const { squaredNorms } = this;
    for (const { start, count, values: rows } of this.#blocks) {
      await runOnArrays(program, { rows, vectors }, { products });
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

  /** Runs block after block; the results of one are the caller's while the engine works on the next. */
  async *#blockwise<Results extends Readonly<Record<string, Values>>>(
    key: string,
    graph: (rows: Tensor) => Readonly<Record<string, Tensor>>,
    inputs: (block: RowBlock) => Readonly<Record<string, Float32Array>>,
    allocate: () => Results,
  ): AsyncGenerator<BlockResult<Results>> {
    const program = await this.#program(key, (rows) => graph(rows));
    const results = [allocate(), allocate()] as const;
    const begin = async (i: number): Promise<Results> => {
      const [block, into] = [this.#blocks[i], results[i % 2 === 0 ? 0 : 1]];
      if (block !== undefined) await runOnArrays(program, inputs(block), into);
      return into;
    };
    let running = begin(0);
    for (const [i, { start, count }] of this.#blocks.entries()) {
      const found = await running;
      running = begin(i + 1);
      yield { ...found, start, count };
    }
  }

  #program(key: string, graph: (rows: Tensor) => Results): Promise<Program> {
    const program =
      this.#programs.get(key) ??
      this.#engine.load(graph(input('rows', [this.#height, this.rows.dim])), this.#options);
    this.#programs.set(key, program);
    return program;
  }
}

function scoresOf(rows: Tensor, vectors: number): Tensor {
  const product = gemm(rows, input('vectors', [vectors, rows.dim(1)]), { transB: true });
  return sub(product, input('offsets', [vectors]));
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
