/** An engine that computes with so many threads unless it is told otherwise. */
import type { OnnxEngine } from './onnx-engine.ts';

export function withThreads(engine: OnnxEngine, threads: number): OnnxEngine {
  return {
    ...engine,
    load: (results, options) => engine.load(results, { threads, ...options }),
    loadOnnx: (compiled, options) => engine.loadOnnx(compiled, { threads, ...options }),
  };
}
