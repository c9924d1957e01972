/**
 * Engines run graphs. This is all the rest of the library knows of them; implementations are in the files beside.
 *
 * Values live in buffers, where the engine keeps them: a program reads and writes buffers by name, and the host reads what it
 * asks for. On a CPU a buffer is an array and nothing is ever copied (`host-buffer.ts`).
 */
import type { Border, Results, TensorType } from '../graph/index.ts';
import type { Values } from './values.ts';

/** A value of a program, where its engine keeps it. */
export interface DeviceBuffer extends TensorType {
  /**
   * Fills it.
   *
   * @param replica where the engine has several: the one that these values are for; all of them unless given
   * @throws EngineError for an array of another type or length
   */
  write(values: Values, replica?: number): void;
  /** Its values (of the first replica), once all runs that were asked for before have ended. They may be the buffer's own memory: copy what is to last. */
  read(): Promise<Values>;
  dispose(): void;
}

/** Buffers by name. */
export type Buffers = ReadonlyMap<string, DeviceBuffer>;

export interface EngineOptions {
  /** Threads inside one operator; the default is one for each core. */
  readonly threads?: number;
  /**
   * Whether idle threads wait actively, also between two runs unless `while running`. Faster alone, slower when other work shares the
   * cores. Default true.
   */
  readonly spinning?: boolean | 'while running';
  /** Where to write a timeline of the operators (Chrome trace JSON), for benchmarks. */
  readonly profilePrefix?: string;
}

export interface Engine {
  readonly name: string;
  /** Whether buffers are arrays of the host, in which other code may work too. */
  readonly sharesMemory: boolean;
  /**
   * Devices that run every program in step, each on its own values of a buffer; 1 unless given. What of a graph is `sumAcross`,
   * `gatherAcross` and `scatterAcross` they do together.
   */
  readonly replicas?: number;
  /**
   * Where devices of several processes do so together: the number of this process' first one among all, and how many those are.
   * Each process loads and runs the same programs, and writes to its own devices.
   */
  readonly span?: { readonly first: number; readonly all: number };
  /** A buffer of zeros. */
  allocate(type: TensorType): DeviceBuffer;
  /**
   * A buffer with these values. Where memory is shared it is the array itself, so that each sees what the other writes;
   * elsewhere it is a copy.
   *
   * @throws EngineError for an array of another type or length
   */
  upload(values: Values, type: TensorType): DeviceBuffer;
  /**
   * Compiles named results for this engine and prepares them to run. Inputs are found by walking back from the results.
   *
   * @throws GraphError when the results do not make a program; EngineError when the device cannot run it
   */
  load(results: Results, options?: EngineOptions): Promise<Program>;
}

export interface Program extends Border {
  readonly engine: Engine;
  /** Bytes that a run takes on a device, and how many the device has; undefined where the engine cannot tell. */
  readonly memory?: { readonly bytes: number; readonly limit: number | undefined } | undefined;
  /**
   * Runs once. Every input is read from `inputs`, every output is written into the buffer given in `outputs`; one buffer in
   * both is updated in place (its memory is donated where an engine cannot write to what it reads).
   *
   * @throws EngineError on a missing or unknown name, or a buffer of another type or shape
   */
  run(
    inputs: Readonly<Record<string, DeviceBuffer>>,
    outputs: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void>;
  /** Frees the memory. The program cannot run afterwards. */
  dispose(): Promise<void>;
}

export class EngineError extends Error {
  override name = 'EngineError';
}
