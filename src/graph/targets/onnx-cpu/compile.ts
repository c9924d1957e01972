/**
 * From symbolic tensors to ONNX: compounds without a rule are taken apart, what is left is simplified, then each node of the
 * graph becomes one ONNX node or a few.
 *
 * Values cross the border of a program under names. A contiguous range of rows of an input (one of the three thirds of a
 * `qkv` weight, say) is not copied by the program: it becomes an input of its own that views the same memory. Likewise a
 * result that is a concatenation of rows becomes several outputs that view one array. `views` lists them.
 */
import { GraphError } from '../../errors.ts';
import { concatOp, rangeOf } from '../../ops/layout.ts';
import { inputName, inputOp } from '../../ops/leaf.ts';
import { decompose } from '../../passes/decompose.ts';
import { simplify } from '../../passes/simplify.ts';
import {
  type DType,
  isOp,
  madeBy,
  type Node,
  type Op,
  type Shape,
  sameShape,
  type Tensor,
  type TensorType,
} from '../../tensor.ts';
import { countUses, topological } from '../../traverse.ts';
import type { Border, Results, Target } from '../target.ts';
import { compounds } from './compounds.ts';
import type { EmitOptions, Lowering, Rule } from './lowering.ts';
import { encodeOnnx, type OnnxConstant, type OnnxNode, type OnnxValue } from './onnx-file.ts';
import { primitives } from './primitives.ts';

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

/** ONNX bytes and what goes in and out of them. */
export interface OnnxProgram extends Border {
  readonly onnx: Uint8Array<ArrayBuffer>;
  readonly inputViews: readonly View[];
  readonly outputViews: readonly View[];
  /** Number of ONNX nodes. */
  readonly nodes: number;
}

/** ONNX Runtime on a CPU, with its own kernels for compounds. */
export const onnxCpu: Target<OnnxProgram> = target('onnx-cpu', [...primitives, ...compounds]);

/** Primitives alone: slow, and what every other target is tested against. */
export const onnxPrimitives: Target<OnnxProgram> = target('onnx-primitives', primitives);

function target(name: string, rules: readonly Rule[]): Target<OnnxProgram> {
  const table = new Map(rules.map((each) => [each.op, each] as const));
  return { name, compile: (results) => compile(results, table) };
}

function compile(results: Results, rules: ReadonlyMap<Op, Rule>): OnnxProgram {
  const names = Object.keys(results);
  const roots = simplify(decompose(Object.values(results), (op) => rules.has(op)));
  // A result in pieces: its parts are the roots instead.
  const pieces = roots.flatMap((root, i) => rowPieces(root, names[i] ?? ''));
  const lowering = new OnnxLowering(
    rules,
    pieces.map((piece) => piece.tensor),
  );
  const outputViews = pieces.map(({ tensor, name, offset }) => {
    // ONNX keeps one name space for inputs and results; a value updated in place has one of each.
    lowering.name(tensor); // declares an input that nothing but this result reads
    const own = lowering.inputs.has(name) ? `new ${name}` : name;
    const onnxName = lowering.result(tensor, offset === 0 ? own : `${own}@${offset}`);
    return { onnxName, name, offset, shape: tensor.shape, dtype: tensor.dtype };
  });
  const nodes = withReaders(
    lowering.nodes,
    outputViews.map((view) => view.onnxName),
  );
  const read = new Set(nodes.flatMap((node) => node.inputs));
  return {
    onnx: encodeOnnx({
      nodes,
      constants: [...lowering.constants.values()].filter(({ name }) => read.has(name)),
      inputs: lowering.inputViews.map(asValue),
      outputs: outputViews.map(asValue),
    }),
    inputs: lowering.inputs,
    outputs: new Map(roots.map((root, i) => [names[i] ?? '', { shape: root.shape, dtype: root.dtype }])),
    inputViews: lowering.inputViews,
    outputViews,
    nodes: nodes.length,
  };
}

/**
 * The nodes that results depend on. What a rule took into its own node (the sum before a GELU) may leave a node that nothing
 * reads; ONNX Runtime would run it last and hold its input in memory until then.
 */
function withReaders(nodes: readonly OnnxNode[], results: readonly string[]): OnnxNode[] {
  const wanted = new Set(results);
  const kept: OnnxNode[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    for (const name of node.inputs) wanted.add(name);
    kept.push(node);
  }
  return kept.reverse();
}

function asValue({ onnxName, dtype, shape }: View): OnnxValue {
  return { name: onnxName, dtype, shape };
}

interface Piece {
  readonly tensor: Tensor;
  readonly name: string;
  readonly offset: number;
}

function rowPieces(root: Tensor, name: string): Piece[] {
  const joined = madeBy(root, concatOp);
  if (joined?.attributes.axis !== 0) return [{ tensor: root, name, offset: 0 }];
  let offset = 0;
  return joined.inputs.map((tensor) => {
    const piece = { tensor, name, offset };
    offset += tensor.size;
    return piece;
  });
}

class OnnxLowering implements Lowering {
  readonly nodes: OnnxNode[] = [];
  readonly constants = new Map<string, OnnxConstant>();
  readonly inputs = new Map<string, TensorType>();
  readonly inputViews: View[] = [];
  readonly #rules: ReadonlyMap<Op, Rule>;
  readonly #names = new Map<Tensor, string>();
  readonly #uses: ReadonlyMap<Tensor, number>;
  readonly #results = new Set<string>();
  #count = 0;

  constructor(rules: ReadonlyMap<Op, Rule>, roots: readonly Tensor[]) {
    this.#rules = rules;
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
      this.nodes.push({ opType: 'Identity', domain: '', inputs: [made], outputs: [name], attributes: {} });
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
    });
    return names;
  }

  floats(values: ArrayLike<number>, shape: Shape): string {
    return this.#constant(Float32Array.from(values), shape);
  }

  ints(values: readonly number[]): string {
    return this.#constant(BigInt64Array.from(values, BigInt), [values.length]);
  }

  #constant(values: Float32Array | BigInt64Array, shape: Shape): string {
    const short =
      values.length <= 16 ? `${values.constructor.name}:${shape.join('x')}:${values.join(',')}` : undefined;
    const key = short ?? `constant ${this.constants.size}`;
    const known = this.constants.get(key);
    if (known !== undefined) return known.name;
    const name = `constant_${this.constants.size}`;
    this.constants.set(key, { name, shape, values });
    return name;
  }
}
