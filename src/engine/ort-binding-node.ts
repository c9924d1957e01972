/**
 * ONNX Runtime through the binding of `onnxruntime-node`, for platforms where its C interface cannot be called (ort-node.ts).
 * The same results; slower, as every result is copied once more.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type DType, type OnnxProgram, onnxCpu, type TensorType, type View } from '../graph/index.ts';
import { type DeviceBuffer, type Engine, EngineError, type EngineOptions, type Program } from './engine.ts';
import { boundArrays, type OnnxEngine, onHost } from './onnx-engine.ts';
import type { Values } from './values.ts';

export const ortBinding: OnnxEngine = {
  name: 'onnxruntime-node, CPU, copying',
  ...onHost,
  load: (results, options) => ortBinding.loadOnnx(onnxCpu.compile(results), options),
  async loadOnnx(compiled, options = {}) {
    try {
      const session = await InferenceSession.create(compiled.onnx, sessionOptions(options));
      return new OrtProgram(compiled, session);
    } catch (error) {
      throw new EngineError(`ONNX Runtime cannot load the program: ${message(error)}`);
    }
  },
};

function sessionOptions({
  threads,
  spinning = true,
  profilePrefix,
}: EngineOptions): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // The graph is optimized before it gets here; a planned memory pattern costs a third more memory and no time less.
    graphOptimizationLevel: 'basic',
    enableMemPattern: false,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: spinning === true ? '1' : '0' } } },
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
}

class OrtProgram implements Program {
  readonly engine: Engine = ortBinding;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly #compiled: OnnxProgram;
  readonly #session: InferenceSession;
  #disposed = false;

  constructor(compiled: OnnxProgram, session: InferenceSession) {
    this.inputs = compiled.inputs;
    this.outputs = compiled.outputs;
    this.#compiled = compiled;
    this.#session = session;
  }

  async run(
    inputs: Readonly<Record<string, DeviceBuffer>>,
    outputs: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void> {
    if (this.#disposed)
      throw new EngineError('The program was disposed of: load the results again to run them.');
    const feeds = tensors(this.#compiled.inputViews, boundArrays('input', this.inputs, inputs));
    const fetches = tensors(this.#compiled.outputViews, boundArrays('output', this.outputs, outputs));
    try {
      await this.#session.run(feeds, fetches);
    } catch (error) {
      throw new EngineError(`ONNX Runtime failed: ${message(error)}`);
    }
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#session.release();
  }
}

function tensors(views: readonly View[], values: Readonly<Record<string, Values>>): Record<string, Tensor> {
  const result: Record<string, Tensor> = {};
  for (const { onnxName, name, offset, shape, dtype } of views) {
    const array = values[name];
    if (array === undefined) continue; // checked before
    const part = array.subarray(offset, offset + shape.reduce((a, b) => a * b, 1));
    result[onnxName] = tensorOf(part, shape, dtype);
  }
  return result;
}

function tensorOf(values: Values, shape: readonly number[], dtype: DType): Tensor {
  if (values instanceof Float32Array) return new Tensor('float32', values, shape);
  if (values instanceof BigInt64Array) return new Tensor('int64', values, shape);
  if (values instanceof Uint16Array) return new Tensor('float16', values, shape);
  return dtype === 'u8' ? new Tensor('uint8', values, shape) : new Tensor('bool', values, shape);
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
