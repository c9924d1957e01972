/**
 * Which patches of earlier frames each patch of a video frame resembles most, and by how much: the affinity of label
 * propagation (official `eval_video_segmentation.py`, `label_propagation`, after Jabri et al. 2020). Cosines between the
 * patch and every patch of the source frames within a square neighborhood; the k largest over all source frames together.
 *
 * The official code multiplies all patches with all others, then sets those outside the neighborhood to zero. A weight of
 * zero propagates nothing, so here those are left out from the start: an engine multiplies block by block (`PatchBlocks`),
 * and while it multiplies one block, the one before is searched. Memory does not grow with the square of the patches.
 *
 * Departures: exp is taken of the selected cosines only, relative to the largest of them, so it cannot overflow; and ties at
 * the k-th are those of cosines, where the official ones are those of their float32 exponentials.
 */
import { runOnArrays } from '../../engine/arrays.ts';
import type { Engine, EngineOptions, Program } from '../../engine/engine.ts';
import { concat, gemm, input } from '../../graph/index.ts';
import { NearestPatches, type SparseAffinity } from './nearest-patches.ts';
import { type FrameGrid, type PatchBlock, PatchBlocks } from './patch-blocks.ts';

export interface AffinityOptions {
  /** How many patches away a source may be, in rows and in columns; 0 for no limit. */
  readonly neighborhood: number;
  /** How many sources a target keeps, from all source frames together. */
  readonly topk: number;
  readonly temperature: number;
  /** The most frames that will be searched at once. */
  readonly sources: number;
  readonly engineOptions?: EngineOptions;
}

/** A frame's features, ready to be searched. */
export type SourceFrame = readonly Float32Array[];

/** What multiplies the blocks of a frame with a number of source frames. */
interface Multiplier {
  readonly program: Program;
  /** Cosines of the block that is multiplied and of the one that is searched, in turn. */
  readonly cosines: readonly Float32Array[];
}

export class PatchAffinity {
  readonly #engine: Engine;
  readonly #options: AffinityOptions;
  readonly #blocks: PatchBlocks;
  readonly #multipliers = new Map<number, Promise<Multiplier>>();

  /** @throws RangeError when an option is out of its range */
  constructor(engine: Engine, grid: FrameGrid, options: AffinityOptions) {
    const { neighborhood, topk, temperature, sources } = options;
    if (!Number.isInteger(neighborhood) || neighborhood < 0)
      throw new RangeError(
        `A neighborhood of ${neighborhood} patches cannot be searched: give 0 (no limit) or more.`,
      );
    if (!Number.isInteger(topk) || topk < 1)
      throw new RangeError(`Labels cannot come from ${topk} patches: give a topk of 1 or more.`);
    if (!(temperature > 0))
      throw new RangeError(`A temperature of ${temperature} gives no weights: give a positive one.`);
    this.#engine = engine;
    this.#options = options;
    this.#blocks = new PatchBlocks(grid, neighborhood, sources);
  }

  /** @param features L2-normalized, [rows * columns, dim]; kept, not copied */
  source(features: Float32Array): SourceFrame {
    return this.#blocks.windowStrips(features);
  }

  /**
   * One search at a time.
   *
   * @param features of the target frame, L2-normalized, [rows * columns, dim]
   * @param sources `options.sources` frames at most
   */
  async find(features: Float32Array, sources: readonly SourceFrame[]): Promise<SparseAffinity> {
    const { topk, temperature } = this.#options;
    const { program, cosines } = await this.#multiplier(sources.length);
    const targets = this.#blocks.targetStrips(features);
    const nearest = new NearestPatches(this.#blocks, sources.length, topk, temperature);
    const blocks = this.#blocks.all();
    const multiply = (block: PatchBlock, into: Float32Array): Promise<void> => {
      const run = this.#multiply(program, block, targets, sources, into);
      run.catch(() => {}); // whoever awaits it reports; a run behind one that failed is awaited by nobody
      return run;
    };
    // Two runs are always asked for, so that the engine is busy while a block is searched.
    const runs = blocks.slice(0, 2).map((block, i) => multiply(block, cosines[i]!));
    for (const [i, block] of blocks.entries()) {
      const found = cosines[i % 2]!;
      await runs[i];
      nearest.search(block, found);
      const after = blocks[i + 2];
      if (after !== undefined) runs.push(multiply(after, found));
    }
    return nearest.affinity;
  }

  #multiply(
    program: Program,
    block: PatchBlock,
    targets: readonly Float32Array[],
    sources: readonly SourceFrame[],
    cosines: Float32Array,
  ): Promise<void> {
    const { rows, columns, windowRows, windowColumns, grid } = this.#blocks;
    const stretch = (strips: readonly Float32Array[], top: number, height: number, width: number) => {
      const row = width * grid.dim;
      return strips[block.strip]!.subarray(top * row, (top + height) * row);
    };
    const inputs: Record<string, Float32Array> = { targets: stretch(targets, block.top, rows, columns) };
    for (const [f, source] of sources.entries())
      inputs[`source ${f}`] = stretch(source, block.windowTop, windowRows, windowColumns);
    return runOnArrays(program, inputs, { cosines });
  }

  #multiplier(sources: number): Promise<Multiplier> {
    const known = this.#multipliers.get(sources);
    if (known !== undefined) return known;
    const multiplier = this.#makeMultiplier(sources);
    this.#multipliers.set(sources, multiplier);
    return multiplier;
  }

  async #makeMultiplier(sources: number): Promise<Multiplier> {
    const { rows, columns, windowRows, windowColumns, grid } = this.#blocks;
    const targets = input('targets', [rows * columns, grid.dim]);
    const products = Array.from({ length: sources }, (_, f) =>
      gemm(targets, input(`source ${f}`, [windowRows * windowColumns, grid.dim]), { transB: true }),
    );
    const graph = { cosines: concat(products, 0) };
    const size = sources * rows * columns * windowRows * windowColumns;
    return {
      program: await this.#engine.load(graph, this.#options.engineOptions),
      cosines: [new Float32Array(size), new Float32Array(size)],
    };
  }

  async dispose(): Promise<void> {
    for (const multiplier of this.#multipliers.values()) await (await multiplier).program.dispose();
    this.#multipliers.clear();
  }
}
