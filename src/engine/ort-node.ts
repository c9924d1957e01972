/**
 * The CPU engine for Node: ONNX Runtime, called through its C interface.
 *
 * Buffers are arrays: they go in and out by reference; a view of a value (see `OnnxProgram.inputViews`) is a part of its array.
 * While a program runs, the JavaScript thread is free.
 */
import { type OnnxProgram, onnxCpu, type TensorType, type View } from '../graph/index.ts';
import { ELEMENT_TYPE } from '../graph/targets/onnx/onnx-file.ts';
import { type DeviceBuffer, type Engine, EngineError, type EngineOptions, type Program } from './engine.ts';
import { boundArrays, type OnnxEngine, onHost } from './onnx-engine.ts';
import { cStrings, type OrtLibrary, openOrtLibrary, type Pointer } from './ort-library-node.ts';
import type { Values } from './values.ts';

export const ortNode: OnnxEngine = {
  name: 'ONNX Runtime, CPU',
  ...onHost,
  load: (results, options) => ortNode.loadOnnx(onnxCpu.compile(results), options),
  async loadOnnx(compiled, options = {}) {
    const library = openOrtLibrary();
    if (library === undefined)
      return (await import('./ort-binding-node.ts')).ortBinding.loadOnnx(compiled, options);
    try {
      return new OrtProgram(library, compiled, createSession(library, compiled.onnx, options));
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
    const entries = {
      'session.intra_op.allow_spinning': spinning === false ? '0' : '1',
      ...(spinning === 'while running' ? { 'session.force_spinning_stop': '1' } : {}),
    };
    for (const [key, value] of Object.entries(entries))
      library.call('addSessionConfigEntry', options, key, value);
    if (profilePrefix !== undefined) library.call('enableProfiling', options, profilePrefix);
    return library.create('createSessionFromArray', library.env, onnx, onnx.byteLength, options);
  } finally {
    library.release('sessionOptions', options);
  }
}

class OrtProgram implements Program {
  readonly engine: Engine = ortNode;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly #library: OrtLibrary;
  readonly #session: Pointer;
  readonly #reads: Bindings;
  readonly #writes: Bindings;
  #disposed = false;
  /** Ends when everything asked for so far has run: runs take turns, as they share the bindings. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(library: OrtLibrary, compiled: OnnxProgram, session: Pointer) {
    this.inputs = compiled.inputs;
    this.outputs = compiled.outputs;
    this.#library = library;
    this.#session = session;
    this.#reads = new Bindings(library, compiled.inputViews);
    this.#writes = new Bindings(library, compiled.outputViews);
  }

  async run(
    inputs: Readonly<Record<string, DeviceBuffer>>,
    outputs: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void> {
    if (this.#disposed)
      throw new EngineError('The program was disposed of: load the results again to run them.');
    const reads = boundArrays('input', this.inputs, inputs);
    const writes = boundArrays('output', this.outputs, outputs);
    const turn = this.#last.then(async () => {
      try {
        this.#reads.bind(reads);
        this.#writes.bind(writes);
        await this.#library.run(this.#session, this.#reads, this.#writes);
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
    this.#reads.release();
    this.#writes.release();
    this.#library.release('session', this.#session);
  }
}

/**
 * ONNX Runtime's values for the views of a program's inputs or outputs, each over the memory of a caller's array. Of each view the
 * value before is kept too: buffers that change places after every step are bound without making values anew.
 */
class Bindings {
  /** Addresses of the names. */
  readonly names: BigUint64Array;
  /** The values, 0 while there is none. */
  readonly values: BigUint64Array;
  readonly #library: OrtLibrary;
  readonly #views: readonly View[];
  /** Whose memory the values point into; held so that it stays. */
  readonly #arrays: (Values | undefined)[] = [];
  /** The values before, and their arrays. */
  readonly #spare: BigUint64Array;
  readonly #spareArrays: (Values | undefined)[] = [];
  readonly #nameBytes: Uint8Array;

  constructor(library: OrtLibrary, views: readonly View[]) {
    this.#library = library;
    this.#views = views;
    const { addresses, bytes } = cStrings(views.map((view) => view.onnxName));
    this.names = addresses;
    this.#nameBytes = bytes;
    this.values = new BigUint64Array(views.length);
    this.#spare = new BigUint64Array(views.length);
  }

  /** Points the values at these arrays; those that have not changed since the last time stay. */
  bind(arrays: Readonly<Record<string, Values>>): void {
    for (const [i, view] of this.#views.entries()) {
      const array = arrays[view.name];
      if (array === undefined || array === this.#arrays[i]) continue;
      const before = this.values[i] ?? 0n;
      if (array === this.#spareArrays[i]) this.values[i] = this.#spare[i] ?? 0n;
      else {
        this.#library.release('value', this.#spare[i] ?? 0n);
        this.#spare[i] = 0n;
        this.#spareArrays[i] = undefined;
        this.values[i] = this.#value(view, array);
      }
      [this.#spare[i], this.#spareArrays[i]] = [before, this.#arrays[i]];
      this.#arrays[i] = array;
    }
  }

  #value({ offset, shape, dtype }: View, array: Values): Pointer {
    const part = array.subarray(offset, offset + shape.reduce((a, b) => a * b, 1));
    const dims = BigInt64Array.from(shape, BigInt);
    return this.#library.create(
      'createTensorWithDataAsOrtValue',
      this.#library.cpuMemory,
      part,
      part.byteLength,
      dims,
      dims.length,
      ELEMENT_TYPE[dtype],
    );
  }

  release(): void {
    for (const value of [...this.values, ...this.#spare]) this.#library.release('value', value);
    this.values.fill(0n);
    this.#spare.fill(0n);
    this.#arrays.length = 0;
    this.#spareArrays.length = 0;
    this.#nameBytes.fill(0);
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
