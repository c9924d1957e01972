/** Column means, second moments and projections of many rows: the products run in an engine, block by block. */
import { runOnArrays } from '../engine/arrays.ts';
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { add, gemm, input, sub } from '../graph/index.ts';
import type { FeatureRows } from './feature-rows.ts';
import { rowBlocks } from './row-blocks.ts';

const BLOCK = 8192;

/** @returns [dim] */
export function columnMeans({ values, dim }: FeatureRows): Float32Array {
  const sums = new Float64Array(dim);
  for (let i = 0; i < values.length; i += dim) for (let d = 0; d < dim; d++) sums[d]! += values[i + d]!;
  return Float32Array.from(sums, (sum) => sum / (values.length / dim));
}

/**
 * The mean of (x - about)(x - about)' over the rows x. About their mean it is the covariance; about 0 it is what the official
 * evaluations call so.
 *
 * @param about [dim]
 * @returns [dim, dim]
 */
export async function secondMoment(
  engine: Engine,
  rows: FeatureRows,
  about: Float32Array,
  engineOptions: EngineOptions = {},
): Promise<Float32Array> {
  const { dim } = rows;
  const count = rows.values.length / dim;
  const size = Math.min(BLOCK, count);
  const difference = sub(input('rows', [size, dim]), input('about', [dim]));
  const product = gemm(difference, difference, { transA: true, alpha: 1 / count });
  const program = await engine.load({ total: add(input('total', [dim, dim]), product) }, engineOptions);
  const total = new Float32Array(dim * dim);
  for (const block of rowBlocks(rows, size, about))
    await runOnArrays(program, { rows: block.values, about, total }, { total });
  await program.dispose();
  return total;
}

/**
 * Coordinates of the rows about a point: (x - about) projection'.
 *
 * @param about [dim]
 * @param projection [outputs, dim]
 * @returns [rows, outputs]
 */
export async function projectRows(
  engine: Engine,
  rows: FeatureRows,
  about: Float32Array,
  projection: Float32Array,
  engineOptions: EngineOptions = {},
): Promise<FeatureRows> {
  const { dim } = rows;
  const count = rows.values.length / dim;
  const size = Math.min(BLOCK, count);
  const outputs = projection.length / dim;
  const difference = sub(input('rows', [size, dim]), input('about', [dim]));
  const y = gemm(difference, input('projection', [outputs, dim]), { transB: true });
  const program = await engine.load({ y }, engineOptions);
  const projected = new Float32Array(count * outputs);
  const piece = new Float32Array(size * outputs);
  for (const block of rowBlocks(rows, size)) {
    await runOnArrays(program, { rows: block.values, about, projection }, { y: piece });
    projected.set(piece.subarray(0, block.count * outputs), block.start * outputs);
  }
  await program.dispose();
  return { values: projected, dim: outputs };
}
