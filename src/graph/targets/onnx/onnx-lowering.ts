/** Writes the nodes of a graph down as ONNX nodes, by the rules of a target. */
import { GraphError } from '../../errors.ts';
import { rangeOf } from '../../ops/layout.ts';
import { inputName, inputOp } from '../../ops/leaf.ts';
import {
  type DType,
  isOp,
  type Node,
  type Op,
  type Shape,
  sameShape,
  type Tensor,
  type TensorType,
} from '../../tensor.ts';
import { countUses, topological } from '../../traverse.ts';
import type { EmitOptions, Lowering, Rule } from './lowering.ts';
import type { OnnxConstant, OnnxNode } from './onnx-file.ts';

/** One value that crosses the border: an ONNX input or output, and the elements of the named value that it is. */
export interface View {
  /** Name in the ONNX file. */
  readonly onnxName: string;
  /** Name the caller knows. */
  readonly name: string;
  /** First element. */
  readonly offset: number;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** An ONNX node, and the op whose rule wrote it. */
export interface LoweredNode extends OnnxNode {
  readonly op: Op | undefined;
}

export class OnnxLowering implements Lowering {
  readonly nodes: LoweredNode[] = [];
  readonly constants: OnnxConstants;
  readonly inputs = new Map<string, TensorType>();
  readonly inputViews: View[] = [];
  readonly #rules: ReadonlyMap<Op, Rule>;
  readonly #names = new Map<Tensor, string>();
  readonly #uses: ReadonlyMap<Tensor, number>;
  readonly #results = new Set<string>();
  #count = 0;
  #op: Op | undefined;

  /** @param sharesConstants whether equal constants become one */
  constructor(rules: ReadonlyMap<Op, Rule>, roots: readonly Tensor[], sharesConstants = true) {
    this.#rules = rules;
    this.constants = new OnnxConstants(sharesConstants);
    const order = topological(roots);
    this.#uses = countUses(roots, order);
    for (const node of order) this.#lower(node);
  }

  #lower(node: Node): void {
    if (isOp(node, inputOp)) return; // declared when it is read, whole or in rows
    const view = this.#rowsOfInput(node);
    if (view !== undefined) {
      this.#names.set(node.output(), view);
      return;
    }
    this.#op = node.op;
    const names = this.#rules.get(node.op)?.lower(node, this);
    if (names === undefined) throw new GraphError(`compile: there is no ONNX for "${node.op.name}"`);
    node.outputs.forEach((x, i) => {
      const name = names[i];
      if (name !== undefined && name !== '') this.#names.set(x, name);
    });
  }

  /** A slice of leading rows of an input, as a view of the input's memory. */
  #rowsOfInput(node: Node): string | undefined {
    const [x] = node.inputs;
    const range = node.outputs[0] === undefined ? undefined : rangeOf(node.outputs[0]);
    const name = x === undefined ? undefined : inputName(x);
    if (x === undefined || name === undefined || range?.axis !== 0) return undefined;
    const offset = range.start * (x.size / x.dim(0));
    return this.#declare(name, x, offset, node.output().shape);
  }

  #declare(name: string, whole: Tensor, offset: number, shape: Shape): string {
    const known = this.inputs.get(name);
    if (known !== undefined && (!sameShape(known.shape, whole.shape) || known.dtype !== whole.dtype)) {
      throw new GraphError(
        `compile: input "${name}" is used with shapes [${known.shape.join(', ')}] and [${whole.shape.join(', ')}]`,
      );
    }
    this.inputs.set(name, { shape: whole.shape, dtype: whole.dtype });
    const onnxName = sameShape(shape, whole.shape) ? name : `${name}[${offset}:${shape.join('x')}]`;
    if (!this.inputViews.some((view) => view.onnxName === onnxName)) {
      this.inputViews.push({ onnxName, name, offset, shape, dtype: whole.dtype });
    }
    return onnxName;
  }

  name(tensor: Tensor): string {
    const known = this.#names.get(tensor);
    if (known !== undefined) return known;
    const name = inputName(tensor);
    if (name === undefined)
      throw new GraphError(`compile: "${tensor.node.op.name}" did not produce output ${tensor.index}`);
    const declared = this.#declare(name, tensor, 0, tensor.shape);
    this.#names.set(tensor, declared);
    return declared;
  }

  used(tensor: Tensor): boolean {
    return (this.#uses.get(tensor) ?? 0) > 0;
  }

  /**
   * Gives a tensor the name of a result: the node that makes it writes there. What no node makes (an input, a constant) or
   * has a result's name already is copied.
   */
  result(tensor: Tensor, name: string): string {
    const made = this.name(tensor);
    if (!this.#results.has(made) && this.nodes.some((node) => node.outputs.includes(made))) {
      const renamed = (names: readonly string[]): string[] => names.map((x) => (x === made ? name : x));
      this.nodes.forEach((node, i) => {
        this.nodes[i] = { ...node, inputs: renamed(node.inputs), outputs: renamed(node.outputs) };
      });
      for (const [x, known] of this.#names) if (known === made) this.#names.set(x, name);
    } else {
      this.nodes.push({
        opType: 'Identity',
        domain: '',
        inputs: [made],
        outputs: [name],
        attributes: {},
        op: undefined,
      });
    }
    this.#results.add(name);
    return name;
  }

  emit(opType: string, inputs: readonly string[], options: EmitOptions = {}): string {
    return this.emitMany(opType, inputs, [true], options)[0] ?? '';
  }

  emitMany(
    opType: string,
    inputs: readonly string[],
    outputs: readonly boolean[],
    options: EmitOptions = {},
  ): string[] {
    const names = outputs.map((wanted) => (wanted ? `${opType}_${++this.#count}` : ''));
    const last = names.findLastIndex((name) => name !== '');
    this.nodes.push({
      opType,
      domain: options.domain ?? '',
      inputs,
      outputs: names.slice(0, last + 1),
      attributes: options.attributes ?? {},
      op: this.#op,
    });
    return names;
  }

  floats(values: ArrayLike<number>, shape: Shape): string {
    return this.constants.floats(values, shape);
  }

  ints(values: readonly number[]): string {
    return this.constants.ints(values);
  }

  /** Shapes of the values that are tensors of the graph, by name. */
  get shapes(): ReadonlyMap<string, Shape> {
    return new Map([...this.#names].map(([tensor, name]) => [name, tensor.shape]));
  }
}

/** Constants under names of their own. */
export class OnnxConstants {
  readonly #shares: boolean;
  readonly #byKey = new Map<string, OnnxConstant>();

  /** @param shares whether equal ones become one */
  constructor(shares = true) {
    this.#shares = shares;
  }

  get all(): readonly OnnxConstant[] {
    return [...this.#byKey.values()];
  }

  floats(values: ArrayLike<number>, shape: Shape): string {
    return this.#add(Float32Array.from(values), shape);
  }

  ints(values: readonly number[]): string {
    return this.#add(BigInt64Array.from(values, BigInt), [values.length]);
  }

  #add(values: Float32Array | BigInt64Array, shape: Shape): string {
    const isShared = this.#shares && values.length <= 16;
    const key = isShared
      ? `${values.constructor.name}:${shape.join('x')}:${values.join(',')}`
      : `constant ${this.#byKey.size}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known.name;
    const name = `constant_${this.#byKey.size}`;
    this.#byKey.set(key, { name, shape, values });
    return name;
  }
}
