/**
 * The CPU engine for Node: ONNX Runtime, called through its C interface.
 *
 * Typed arrays go in and out by reference, results are written into the caller's arrays; a view of a value (see
 * `CompiledGraph.inputViews`) is a part of its array. While a program runs, the JavaScript thread is free.
 */
import type { CompiledGraph, View } from '../graph/index.ts';
import {
  checkArrays,
  type Engine,
  EngineError,
  type EngineOptions,
  type Program,
  type Values,
} from './engine.ts';
import { cStrings, type OrtLibrary, openOrtLibrary, type Pointer } from './ort-library.ts';

export const ortNode: Engine = {
  name: 'ONNX Runtime, CPU',
  async load(graph, options = {}) {
    const library = openOrtLibrary();
    if (library === undefined) return (await import('./ort-binding.ts')).ortBinding.load(graph, options);
    try {
      return new OrtProgram(library, graph, createSession(library, graph.onnx, options));
    } catch (error) {
      throw new EngineError(`ONNX Runtime cannot load the program: ${message(error)}`);
    }
  },
};

/** Graph optimization `basic`: the graph is lean before it gets here. */
const OPTIMIZE_BASIC = 1;
const LOG_ERRORS = 3;

function createSession(
  library: OrtLibrary,
  onnx: Uint8Array,
  { threads, spinning = true, profilePrefix }: EngineOptions,
): Pointer {
  const options = library.create('createSessionOptions');
  try {
    if (threads !== undefined) library.call('setIntraOpNumThreads', options, threads);
    library.call('setInterOpNumThreads', options, 1);
    library.call('setSessionGraphOptimizationLevel', options, OPTIMIZE_BASIC);
    library.call('setSessionLogSeverityLevel', options, LOG_ERRORS);
    // A planned memory pattern costs a third more memory and no time less.
    library.call('disableMemPattern', options);
    library.call('addSessionConfigEntry', options, 'session.intra_op.allow_spinning', spinning ? '1' : '0');
    if (profilePrefix !== undefined) library.call('enableProfiling', options, profilePrefix);
    return library.create('createSessionFromArray', library.env, onnx, onnx.byteLength, options);
  } finally {
    library.release('sessionOptions', options);
  }
}

class OrtProgram implements Program {
  readonly graph: CompiledGraph;
  readonly #library: OrtLibrary;
  readonly #session: Pointer;
  readonly #inputs: Bindings;
  readonly #outputs: Bindings;
  #disposed = false;
  /** Ends when everything asked for so far has run: runs take turns, as they share the bindings. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(library: OrtLibrary, graph: CompiledGraph, session: Pointer) {
    this.graph = graph;
    this.#library = library;
    this.#session = session;
    this.#inputs = new Bindings(library, graph.inputViews);
    this.#outputs = new Bindings(library, graph.outputViews);
  }

  async run(
    inputs: Readonly<Record<string, Values>>,
    outputs: Readonly<Record<string, Values>>,
  ): Promise<void> {
    if (this.#disposed) throw new EngineError('The program was disposed of: load the graph again to run it.');
    checkArrays(this.graph, inputs, outputs);
    const turn = this.#last.then(async () => {
      try {
        this.#inputs.bind(inputs);
        this.#outputs.bind(outputs);
        await this.#library.run(this.#session, this.#inputs, this.#outputs);
      } catch (error) {
        throw new EngineError(`ONNX Runtime failed: ${message(error)}`);
      }
    });
    this.#last = turn.catch(() => {});
    await turn;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#last;
    this.#inputs.release();
    this.#outputs.release();
    this.#library.release('session', this.#session);
  }
}

/** ONNX Runtime's values for the views of a program's inputs or outputs, each over the memory of a caller's array. */
class Bindings {
  /** Addresses of the names. */
  readonly names: BigUint64Array;
  /** The values, 0 while there is none. */
  readonly values: BigUint64Array;
  readonly #library: OrtLibrary;
  readonly #views: readonly View[];
  /** Whose memory the values point into; held so that it stays. */
  readonly #arrays: (Values | undefined)[] = [];
  readonly #nameBytes: Uint8Array;

  constructor(library: OrtLibrary, views: readonly View[]) {
    this.#library = library;
    this.#views = views;
    const { addresses, bytes } = cStrings(views.map((view) => view.onnxName));
    this.names = addresses;
    this.#nameBytes = bytes;
    this.values = new BigUint64Array(views.length);
  }

  /** Points the values at these arrays; those that have not changed since the last time stay. */
  bind(arrays: Readonly<Record<string, Values>>): void {
    for (const [i, view] of this.#views.entries()) {
      const array = arrays[view.name];
      if (array === undefined || array === this.#arrays[i]) continue;
      this.#library.release('value', this.values[i] ?? 0n);
      this.values[i] = 0n;
      this.values[i] = this.#value(view, array);
      this.#arrays[i] = array;
    }
  }

  #value({ offset, shape }: View, array: Values): Pointer {
    const part = array.subarray(offset, offset + shape.reduce((a, b) => a * b, 1));
    const dims = BigInt64Array.from(shape, BigInt);
    const elementType = part instanceof Float32Array ? FLOAT : INT64;
    return this.#library.create(
      'createTensorWithDataAsOrtValue',
      this.#library.cpuMemory,
      part,
      part.byteLength,
      dims,
      dims.length,
      elementType,
    );
  }

  release(): void {
    for (const value of this.values) this.#library.release('value', value);
    this.values.fill(0n);
    this.#arrays.length = 0;
    this.#nameBytes.fill(0);
  }
}

/** ONNXTensorElementDataType. */
const FLOAT = 1;
const INT64 = 7;

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
