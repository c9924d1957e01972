/**
 * An ONNX model written node by node, for sizes that are known only when it runs. Training programs are compiled
 * (`src/graph`), with static shapes; a model that others use takes batches and images of any size. Operators are those of
 * opset 17, none of an extension, so that every runtime of the last years reads it, in browsers too.
 */
import type {
  OnnxAttribute,
  OnnxConstant,
  OnnxGraph,
  OnnxNode,
  OnnxOpenValue,
} from '../graph/targets/onnx-cpu/onnx-file.ts';

const OPSET = 17;

export interface OnnxModel {
  readonly graph: OnnxGraph;
  /** Nodes that must stay in float32 in a model of lower precision. */
  readonly precise: ReadonlySet<OnnxNode>;
}

type Attributes = Readonly<Record<string, OnnxAttribute>>;

export class OnnxWriter {
  readonly #nodes: OnnxNode[] = [];
  readonly #constants = new Map<string, OnnxConstant>();
  readonly #inputs: OnnxOpenValue[] = [];
  readonly #outputs: OnnxOpenValue[] = [];
  readonly #precise = new Set<OnnxNode>();
  #isPrecise = false;
  #count = 0;

  /** A float32 input; sizes that are open have names. */
  input(name: string, shape: readonly (number | string)[]): string {
    this.#inputs.push({ name, dtype: 'f32', shape });
    return name;
  }

  /** Makes a value a float32 output of the model. */
  output(name: string, value: string, shape: readonly (number | string)[]): void {
    this.#nodes.push({ opType: 'Identity', domain: '', inputs: [value], outputs: [name], attributes: {} });
    this.#outputs.push({ name, dtype: 'f32', shape });
  }

  /** Adds a node with one result. @returns the result's name */
  op(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const [name = ''] = this.ops(opType, inputs, 1, attributes);
    return name;
  }

  /** Adds a node with several results. */
  ops(opType: string, inputs: readonly string[], results: number, attributes: Attributes = {}): string[] {
    const outputs = Array.from({ length: results }, () => `v${this.#count++}`);
    const node = { opType, domain: '', inputs, outputs, attributes } as const;
    this.#nodes.push(node);
    if (this.#isPrecise) this.#precise.add(node);
    return outputs;
  }

  /** What is built here stays in float32 in a model of lower precision. */
  precisely<T>(build: () => T): T {
    this.#isPrecise = true;
    try {
      return build();
    } finally {
      this.#isPrecise = false;
    }
  }

  /** Numbers that belong to the model, under a name of their own. */
  weight(name: string, shape: readonly number[], values: OnnxConstant['values']): string {
    this.#constants.set(name, { name, shape, values });
    return name;
  }

  /** A float32 number, or a row of them. */
  floats(values: number | readonly number[]): string {
    const list = typeof values === 'number' ? [values] : values;
    const shape = typeof values === 'number' ? [] : [list.length];
    return this.weight(`f32 ${shape} ${list.join(' ')}`, shape, Float32Array.from(list));
  }

  /** A row of whole numbers: a shape, or indices. */
  ints(values: readonly number[]): string {
    return this.weight(`i64 ${values.join(' ')}`, [values.length], BigInt64Array.from(values, BigInt));
  }

  get model(): OnnxModel {
    const graph = {
      nodes: this.#nodes,
      constants: [...this.#constants.values()],
      inputs: this.#inputs,
      outputs: this.#outputs,
      opset: OPSET,
    };
    return { graph, precise: this.#precise };
  }
}
