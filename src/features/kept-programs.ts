/**
 * Programs for images of many sizes, within the memory that is free: those that were used longest ago go when another needs room,
 * and one that would not fit at all is refused before it is built.
 */
import type { Engine, EngineOptions, Program } from '../engine/engine.ts';
import type { Tensor } from '../graph/index.ts';
import { availableMemory, ImageMemoryError } from './memory-limit.ts';
import { peakBytes } from './program-memory.ts';

/** Images as a program takes them. */
export interface BatchShape {
  readonly count: number;
  readonly height: number;
  readonly width: number;
}

/** Programs that are kept: each holds buffers of its own, and a folder may hold images of many sizes. */
const PROGRAMS = 12;
/** The share of the memory that is free which programs may take, all together. */
const MEMORY_SHARE = 0.5;

/** What ONNX Runtime's arena takes for each byte of results, measured with ViTs (2.2) and the hybrid (1.6 to 2). */
const ARENA = 2.2;

type Results = Readonly<Record<string, Tensor>>;

/** A program, and the bytes that it is expected to hold. */
interface KeptProgram {
  readonly program: Promise<Program>;
  readonly bytes: number;
}

export class KeptPrograms {
  readonly #engine: Engine;
  readonly #options: EngineOptions;
  /** The one used last comes last. */
  readonly #programs = new Map<string, KeptProgram>();

  constructor(engine: Engine, options: EngineOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** @throws ImageMemoryError when it needs more memory than there is */
  async get(name: string, shape: BatchShape, trace: () => Results): Promise<Program> {
    const kept = this.#programs.get(name);
    if (kept !== undefined) {
      this.#programs.delete(name);
      this.#programs.set(name, kept);
      return kept.program;
    }
    const results = trace();
    const bytes = this.requireMemory(results, shape);
    await this.#makeRoom(bytes);
    const program = this.#engine.load(results, this.#options);
    this.#programs.set(name, { program, bytes });
    return program;
  }

  /**
   * @returns the bytes that the program will hold
   * @throws ImageMemoryError when that is more than may be used
   */
  requireMemory(results: Results, { count, height, width }: BatchShape): number {
    const bytes = ARENA * peakBytes(results);
    const limit = this.#memoryLimit();
    if (bytes <= limit) return bytes;
    const what = `of ${height} x ${width} pixels for the network`;
    throw new ImageMemoryError(
      count === 1 ? `An image ${what}` : `A batch of ${count} images ${what}`,
      bytes,
      limit,
    );
  }

  /** What is held is free again when it is disposed of. */
  #memoryLimit(): number {
    return MEMORY_SHARE * (availableMemory() + this.#heldBytes());
  }

  #heldBytes(): number {
    return [...this.#programs.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Disposes of the programs that were used longest ago, as many as have to go. */
  async #makeRoom(bytes: number): Promise<void> {
    const limit = this.#memoryLimit();
    for (const [name, { program }] of [...this.#programs]) {
      if (this.#programs.size < PROGRAMS && this.#heldBytes() + bytes <= limit) return;
      this.#programs.delete(name);
      await (await program).dispose();
    }
  }

  async dispose(): Promise<void> {
    for (const { program } of this.#programs.values()) await (await program).dispose();
    this.#programs.clear();
  }
}
