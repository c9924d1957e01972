/**
 * Cosines of queries with rows of a bank, a block of each at a time in an engine: the one product that neighbors, rankings and
 * searches are made of. What is wanted of a block's cosines (all of them, the largest) is part of the same program.
 */
import { runOnArrays } from '../engine/arrays.ts';
import type { Engine, EngineOptions, Program } from '../engine/engine.ts';
import type { Values } from '../engine/values.ts';
import { gemm, input, type Tensor } from '../graph/index.ts';

export interface CosineProductOptions<Results extends Readonly<Record<string, Values>>> {
  /** Queries of a block. */
  readonly height: number;
  readonly dim: number;
  /** What is wanted of the cosines, [height, rows of the bank]. */
  readonly trace: (cosines: Tensor) => { readonly [Name in keyof Results]: Tensor };
  /** Arrays for it. */
  readonly allocate: (height: number, width: number) => Results;
  readonly engineOptions?: EngineOptions;
}

/** A program for blocks of one size, and the arrays that it writes. */
interface LoadedBlock<Results> {
  readonly program: Program;
  readonly results: Results;
}

/** Sizes of bank blocks that are kept: whole blocks, and what remains at the end. */
const SIZES = 2;

export class CosineProduct<Results extends Readonly<Record<string, Values>>> {
  readonly #engine: Engine;
  readonly #options: CosineProductOptions<Results>;
  /** By rows of the bank; the one used last comes last. */
  readonly #loaded = new Map<number, LoadedBlock<Results>>();

  constructor(engine: Engine, options: CosineProductOptions<Results>) {
    this.#engine = engine;
    this.#options = options;
  }

  /**
   * @param queries L2-normalized, [height, dim]
   * @param bank L2-normalized, [width, dim]
   * @returns what was asked for; the arrays are written over by the next call
   */
  async of(queries: Float32Array, bank: Float32Array): Promise<Results> {
    const { program, results } = await this.#block(bank.length / this.#options.dim);
    await runOnArrays(program, { queries, bank }, results);
    return results;
  }

  async #block(width: number): Promise<LoadedBlock<Results>> {
    const { height, dim, trace, allocate, engineOptions } = this.#options;
    const kept = this.#loaded.get(width);
    this.#loaded.delete(width);
    if (kept === undefined && this.#loaded.size >= SIZES) await this.#forgetOldest();
    const cosines = () =>
      gemm(input('queries', [height, dim]), input('bank', [width, dim]), { transB: true });
    const block = kept ?? {
      program: await this.#engine.load(trace(cosines()), engineOptions),
      results: allocate(height, width),
    };
    this.#loaded.set(width, block);
    return block;
  }

  async #forgetOldest(): Promise<void> {
    for (const [width, { program }] of this.#loaded) {
      this.#loaded.delete(width);
      await program.dispose();
      return;
    }
  }

  async dispose(): Promise<void> {
    for (const { program } of this.#loaded.values()) await program.dispose();
    this.#loaded.clear();
  }
}
