/**
 * ONNX Runtime through the binding of `onnxruntime-node`, for platforms where its C interface cannot be called (ort-node.ts).
 * The same results; slower, as every result is copied once more.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { CompiledGraph, View } from '../graph/index.ts';
import {
  checkArrays,
  type Engine,
  EngineError,
  type EngineOptions,
  type Program,
  type Values,
} from './engine.ts';

export const ortBinding: Engine = {
  name: 'onnxruntime-node, CPU, copying',
  async load(graph, options = {}) {
    try {
      const session = await InferenceSession.create(graph.onnx, sessionOptions(options));
      return new OrtProgram(graph, session);
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
    extra: { session: { intra_op: { allow_spinning: spinning ? '1' : '0' } } },
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
}

class OrtProgram implements Program {
  readonly graph: CompiledGraph;
  readonly #session: InferenceSession;
  #disposed = false;

  constructor(graph: CompiledGraph, session: InferenceSession) {
    this.graph = graph;
    this.#session = session;
  }

  async run(
    inputs: Readonly<Record<string, Values>>,
    outputs: Readonly<Record<string, Values>>,
  ): Promise<void> {
    if (this.#disposed) throw new EngineError('The program was disposed of: load the graph again to run it.');
    checkArrays(this.graph, inputs, outputs);
    const feeds = tensors(this.graph.inputViews, inputs);
    const fetches = tensors(this.graph.outputViews, outputs);
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
  for (const { onnxName, name, offset, shape } of views) {
    const array = values[name];
    if (array === undefined) continue; // checked before
    const part = array.subarray(offset, offset + shape.reduce((a, b) => a * b, 1));
    result[onnxName] =
      part instanceof Float32Array ? new Tensor('float32', part, shape) : new Tensor('int64', part, shape);
  }
  return result;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
