/**
 * What the compiler asks of a target. A target turns results into a program for one kind of engine: it takes compounds apart
 * that it has nothing better for (`passes/decompose.ts`), runs the passes that pay there, and writes the primitives down.
 */
import type { Tensor, TensorType } from '../tensor.ts';

/** Tensors by the names under which a program gives them. */
export type Results = Readonly<Record<string, Tensor>>;

/** What goes in and out of a program, whatever it is compiled for. */
export interface Border {
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
}

export interface Target<Compiled extends Border> {
  readonly name: string;
  /**
   * Compiles named results. Inputs are found by walking back from them.
   *
   * @throws GraphError when two inputs of one name differ in shape
   */
  compile(results: Results): Compiled;
}
