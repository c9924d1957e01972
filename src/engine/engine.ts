/**
 * Engines run compiled graphs. This is all the rest of the library knows of them; implementations are in the files beside.
 */
import type { CompiledGraph, Interface } from '../graph/index.ts';

export type Values = Float32Array | BigInt64Array;

export interface EngineOptions {
  /** Threads inside one operator; the default is one for each core. */
  readonly threads?: number;
  /** Whether idle threads wait actively. Faster alone, slower when other work shares the cores. Default true. */
  readonly spinning?: boolean;
  /** Where to write a timeline of the operators (Chrome trace JSON), for benchmarks. */
  readonly profilePrefix?: string;
}

export interface Engine {
  readonly name: string;
  /** Prepares a compiled graph. @throws EngineError when the device cannot run it */
  load(graph: CompiledGraph, options?: EngineOptions): Promise<Program>;
}

export interface Program {
  readonly graph: CompiledGraph;
  /**
   * Runs once. Every input of the graph is read from `inputs`, every output is written into the array given in `outputs`;
   * an output array may be an input array too (the value is updated in place).
   *
   * @throws EngineError on a missing or unknown name, or an array of another type or length
   */
  run(inputs: Readonly<Record<string, Values>>, outputs: Readonly<Record<string, Values>>): Promise<void>;
  /** Frees the native memory. The program cannot run afterwards. */
  dispose(): Promise<void>;
}

export class EngineError extends Error {
  override name = 'EngineError';
}

/** Runs a program and returns fresh arrays: for results that are small or wanted once. */
export async function evaluate(
  program: Program,
  inputs: Readonly<Record<string, Values>>,
): Promise<Record<string, Float32Array>> {
  const outputs: Record<string, Float32Array> = {};
  for (const [name, { shape }] of program.graph.outputs)
    outputs[name] = new Float32Array(shape.reduce((a, b) => a * b, 1));
  await program.run(inputs, outputs);
  return outputs;
}

/** @throws EngineError unless every input and output of the graph has an array of its type and size, and no other is there */
export function checkArrays(
  graph: CompiledGraph,
  inputs: Readonly<Record<string, Values>>,
  outputs: Readonly<Record<string, Values>>,
): void {
  checkNames('input', graph.inputs, inputs);
  checkNames('output', graph.outputs, outputs);
}

function checkNames(
  kind: string,
  wanted: ReadonlyMap<string, Interface>,
  given: Readonly<Record<string, Values>>,
): void {
  for (const [name, { shape, dtype }] of wanted) {
    const array = given[name];
    if (array === undefined) throw new EngineError(`The program's ${kind} "${name}" was not given.`);
    const size = shape.reduce((a, b) => a * b, 1);
    const fits = dtype === 'i64' ? array instanceof BigInt64Array : array instanceof Float32Array;
    if (!fits || array.length !== size) {
      throw new EngineError(
        `The program's ${kind} "${name}" is ${dtype} [${shape.join(', ')}], ${size} elements; a ${array.constructor.name} of ${array.length} was given.`,
      );
    }
  }
  const unknown = Object.keys(given).find((name) => !wanted.has(name));
  if (unknown !== undefined) {
    throw new EngineError(
      `The program has no ${kind} "${unknown}"; its ${kind}s are ${[...wanted.keys()].join(', ')}.`,
    );
  }
}
