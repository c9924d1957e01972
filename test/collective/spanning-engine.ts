/** Devices of several processes that run one program in step, as XLA's do: here each is a rank of its own, and they meet as ranks do. */
import type { Collective } from '../../src/collective/collective.ts';
import { stagedEngine } from '../../src/collective/staged-engine.ts';
import type { DeviceBuffer, Engine } from '../../src/engine/engine.ts';
import type { Values } from '../../src/engine/values.ts';
import type { DType, Shape, TensorType } from '../../src/graph/index.ts';
import { copyingEngine } from '../engine/copying-engine.ts';

class OnEach implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly each: readonly DeviceBuffer[];

  constructor({ dtype, shape }: TensorType, count: number) {
    this.dtype = dtype;
    this.shape = shape;
    this.each = Array.from({ length: count }, () => copyingEngine.allocate({ dtype, shape }));
  }

  write(values: Values, replica?: number): void {
    for (const [i, buffer] of this.each.entries())
      if (replica === undefined || replica === i) buffer.write(values);
  }

  async read(): Promise<Values> {
    return await this.each[0]!.read();
  }

  dispose(): void {
    for (const buffer of this.each) buffer.dispose();
  }
}

const ofReplica = (
  buffers: Readonly<Record<string, DeviceBuffer>>,
  replica: number,
): Record<string, DeviceBuffer> =>
  Object.fromEntries(
    Object.entries(buffers).map(([name, buffer]) => [
      name,
      buffer instanceof OnEach ? buffer.each[replica]! : buffer,
    ]),
  );

/** @param own the devices of this process, of all that `own[0].size` counts */
export function spanningEngine(own: readonly Collective[]): Engine {
  const [{ rank: first = 0, size: all = 1 } = {}] = own;
  const engines = own.map((device) => stagedEngine(copyingEngine, device));
  const engine: Engine = {
    ...{ name: 'spanning', sharesMemory: false, replicas: own.length, span: { first, all } },
    allocate: (type) => new OnEach(type, own.length),
    upload(values, type) {
      const buffer = new OnEach(type, own.length);
      buffer.write(values);
      return buffer;
    },
    async load(results, options) {
      const programs = await Promise.all(engines.map((each) => each.load(results, options)));
      const { inputs, outputs } = programs[0]!;
      return {
        ...{ engine, inputs, outputs },
        async run(reads, writes) {
          await Promise.all(
            programs.map((program, i) => program.run(ofReplica(reads, i), ofReplica(writes, i))),
          );
        },
        async dispose() {
          for (const program of programs) await program.dispose();
        },
      };
    },
  };
  return engine;
}
