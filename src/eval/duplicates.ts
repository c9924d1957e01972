/** Pairs of rows that are nearly the same by cosine, all of them exactly, block by block; and the groups that they form. */
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { compile, gemm, input } from '../graph/index.ts';
import { countFiniteRows } from './finite-rows.ts';
import { type FeatureRows, l2NormalizedRows } from './knn.ts';
import { rowBlocks } from './row-blocks.ts';

export interface SimilarPair {
  readonly a: number;
  /** Larger than `a`. */
  readonly b: number;
  readonly similarity: number;
}

export interface Duplicates {
  /** The most similar first; of very many only the most similar. */
  readonly pairs: readonly SimilarPair[];
  /** How many there are, kept or not. */
  readonly count: number;
  /** Rows that are connected by pairs, all of them, ascending; the largest group first. */
  readonly groups: readonly (readonly number[])[];
}

export interface DuplicateOptions {
  /** Least cosine of a pair. */
  readonly threshold: number;
  /** Pairs that are kept. Default 100000. */
  readonly keep?: number;
  /** Rows of a block; memory is 4 bytes times its square. Default 1024. */
  readonly block?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly engineOptions?: EngineOptions;
}

/** What float32 may take from a cosine, so that equal rows pass a threshold of 1. */
const ROUNDING = 1e-6;

/**
 * Compares every row with every other.
 *
 * @throws RangeError if there are fewer than two rows, or a value is not finite
 */
export async function findDuplicates(
  engine: Engine,
  rows: FeatureRows,
  { threshold, keep = 100_000, block = 1024, onProgress, engineOptions }: DuplicateOptions,
): Promise<Duplicates> {
  const count = countFiniteRows(rows, 'the features');
  if (count < 2) throw new RangeError('one image has no duplicates: give two or more');
  const size = Math.min(block, count);
  const blocks = rowBlocks(l2NormalizedRows(rows), size);
  const sides = [input('a', [size, rows.dim]), input('b', [size, rows.dim])] as const;
  const program = await engine.load(compile({ product: gemm(...sides, { transB: true }) }), engineOptions);
  const product = new Float32Array(size * size);
  const least = threshold - ROUNDING;
  const forest = new Forest(count);
  let pairs: SimilarPair[] = [];
  let found = 0;
  for (const [i, upper] of blocks.entries()) {
    for (const lower of blocks.slice(i)) {
      await program.run({ a: upper.values, b: lower.values }, { product });
      for (let y = 0; y < upper.count; y++) {
        for (let x = upper === lower ? y + 1 : 0; x < lower.count; x++) {
          const similarity = Math.min(1, product[y * size + x]!);
          if (similarity < least) continue;
          const [a, b] = [upper.start + y, lower.start + x];
          found++;
          forest.join(a, b);
          pairs.push({ a, b, similarity });
        }
        if (pairs.length > 2 * keep) pairs = pairs.sort(moreSimilar).slice(0, keep);
      }
    }
    onProgress?.(Math.min(count, (i + 1) * size), count);
  }
  await program.dispose();
  return { pairs: pairs.sort(moreSimilar).slice(0, keep), count: found, groups: forest.groups() };
}

function moreSimilar(x: SimilarPair, y: SimilarPair): number {
  return y.similarity - x.similarity || x.a - y.a || x.b - y.b;
}

/** Connected components by union and find, with path halving. */
class Forest {
  readonly #parents: Int32Array;

  constructor(count: number) {
    this.#parents = Int32Array.from({ length: count }, (_, i) => i);
  }

  join(a: number, b: number): void {
    const [x, y] = [this.#root(a), this.#root(b)];
    this.#parents[Math.max(x, y)] = Math.min(x, y);
  }

  /** Components of two or more. */
  groups(): number[][] {
    const members = new Map<number, number[]>();
    for (let i = 0; i < this.#parents.length; i++) {
      const root = this.#root(i);
      const list = members.get(root);
      if (list === undefined) members.set(root, [i]);
      else list.push(i);
    }
    return [...members.values()]
      .filter(({ length }) => length > 1)
      .sort((x, y) => y.length - x.length || x[0]! - y[0]!);
  }

  #root(row: number): number {
    const parents = this.#parents;
    let at = row;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  }
}
