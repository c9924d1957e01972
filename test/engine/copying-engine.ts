/** An engine with a memory of its own, as devices have it: what goes in and comes out is copied, and what was disposed of is gone. */
import { type DeviceBuffer, type Engine, EngineError } from '../../src/engine/engine.ts';
import { HostBuffer } from '../../src/engine/host-buffer.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { copyValues, type Values, zeroValues } from '../../src/engine/values.ts';
import type { DType, Shape, TensorType } from '../../src/graph/index.ts';

/** Buffers that are in use. */
export const alive = new Set<DeviceBuffer>();

class DeviceCopy implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly #memory: HostBuffer;

  constructor(type: TensorType) {
    this.dtype = type.dtype;
    this.shape = type.shape;
    this.#memory = new HostBuffer(type);
    alive.add(this);
  }

  get memory(): HostBuffer {
    if (!alive.has(this)) throw new EngineError('The buffer was disposed of.');
    return this.#memory;
  }

  write(values: Values): void {
    this.memory.write(values);
  }

  async read(): Promise<Values> {
    const values = zeroValues(this);
    copyValues(this.memory.values, values);
    return values;
  }

  dispose(): void {
    alive.delete(this);
  }
}

function memoryOf(buffers: Readonly<Record<string, DeviceBuffer>>): Record<string, DeviceBuffer> {
  return Object.fromEntries(
    Object.entries(buffers).map(([name, buffer]) => {
      if (!(buffer instanceof DeviceCopy)) throw new EngineError(`"${name}" is a buffer of another engine.`);
      return [name, buffer.memory];
    }),
  );
}

export const copyingEngine: Engine = {
  name: 'copying',
  sharesMemory: false,
  allocate: (type) => new DeviceCopy(type),
  upload: (values, type) => {
    const buffer = new DeviceCopy(type);
    buffer.write(values);
    return buffer;
  },
  async load(results, options) {
    const program = await ortNode.load(results, options);
    const { inputs, outputs } = program;
    return {
      ...{ engine: copyingEngine, inputs, outputs },
      // Results are written beside what is read, and take its place afterwards.
      run: async (reads, writes) => {
        const [from, to] = [memoryOf(reads), memoryOf(writes)];
        const made = Object.fromEntries(
          Object.entries(to).map(([name, buffer]) => [name, new HostBuffer(buffer)] as const),
        );
        await program.run(from, made);
        for (const [name, { values }] of Object.entries(made)) to[name]?.write(values);
      },
      dispose: () => program.dispose(),
    };
  },
};
