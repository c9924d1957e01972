/** An engine that computes with as many threads as were asked for. */
import type { Engine } from './engine.ts';

/** The engine with another default for its threads. */
export function withThreads(engine: Engine, threads: number): Engine {
  return { name: engine.name, load: (graph, options) => engine.load(graph, { threads, ...options }) };
}
