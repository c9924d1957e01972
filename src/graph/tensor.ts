/**
 * Symbolic tensors. A graph is made of nodes; a node applies an op to input tensors and yields output tensors. Nothing
 * is computed here: shapes and types are checked when a node is made, values only exist once a program runs.
 *
 * Nodes are immutable and know their inputs only, so a graph is whatever can be reached from the tensors one holds,
 * and every transformation (gradients, passes) builds new nodes beside the old ones.
 */
import { GraphError } from './errors.ts';

/** u8: bytes, such as pixels; they are cast to floats before anything is computed from them. */
export type DType = 'f32' | 'f16' | 'i64' | 'bool' | 'u8';

/** Sizes of the axes, all known: graphs are static. `[]` is a scalar. */
export type Shape = readonly number[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export type Attribute = number | boolean | string | readonly number[] | Float32Array | BigInt64Array;
export type Attributes = Readonly<Record<string, Attribute>>;

/** A contiguous range of one axis. */
export interface SliceRange {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

/**
 * What the compiler knows of an operation: everything about an op stands in one object.
 * (Members are methods, so that an op with narrower attributes is still an `Op`.)
 */
export interface Op<A extends Attributes = Attributes> {
  readonly name: string;
  /** The shape rule: types of the outputs. Throws a `GraphError` when the inputs do not fit. */
  infer(inputs: readonly TensorType[], attributes: A): readonly TensorType[];
  /**
   * Reverse-mode rule: gradients of the inputs from gradients of the outputs, as new symbolic tensors;
   * `undefined` stands for a gradient that is zero. An op without the rule cannot be differentiated.
   */
  gradient?(node: Node<A>, gradients: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[];
  /**
   * How a slice of output 0 is computed from slices of the inputs: the op is row-wise along that axis.
   * Returns undefined where it is not.
   */
  slice?(
    node: Node<A>,
    range: SliceRange,
    slice: (x: Tensor, range: SliceRange) => Tensor,
  ): Tensor | undefined;
  /**
   * The outputs in simpler ops, for targets that have nothing better; in the end in primitives, the ops without this rule.
   * It is what the op means: every target is tested against it.
   */
  decompose?(node: Node<A>): readonly Tensor[];
}

export class Node<A extends Attributes = Attributes> {
  readonly op: Op<A>;
  readonly inputs: readonly Tensor[];
  readonly attributes: A;
  readonly outputs: readonly Tensor[];

  constructor(op: Op<A>, inputs: readonly Tensor[], attributes: A) {
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    let types: readonly TensorType[];
    try {
      types = op.infer(inputs, attributes);
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      throw new GraphError(`${op.name}${place(inputs)}: ${error.message}`);
    }
    this.outputs = types.map((type, index) => new Tensor(this, index, type));
  }

  /** The i-th input; ops use it where their shape rule has checked the count. */
  input(i: number): Tensor {
    const tensor = this.inputs[i];
    if (tensor === undefined) throw new GraphError(`${this.op.name}: has no input ${i}`);
    return tensor;
  }

  output(i = 0): Tensor {
    const tensor = this.outputs[i];
    if (tensor === undefined) throw new GraphError(`${this.op.name}: has no output ${i}`);
    return tensor;
  }
}

export class Tensor implements TensorType {
  readonly node: Node;
  readonly index: number;
  readonly dtype: DType;
  readonly shape: Shape;

  constructor(node: Node, index: number, type: TensorType) {
    this.node = node;
    this.index = index;
    this.dtype = type.dtype;
    this.shape = type.shape;
  }

  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Size of an axis; negative counts from the end. */
  dim(axis: number): number {
    const size = this.shape[axis < 0 ? axis + this.rank : axis];
    if (size === undefined)
      throw new GraphError(`axis ${axis} of a tensor of shape [${this.shape.join(', ')}]`);
    return size;
  }
}

/** The nodes of an op. */
export type NodeOf<O> = O extends Op<infer A> ? Node<A> : never;

/** Whether a node applies an op; its attributes are the op's then. */
export function isOp<A extends Attributes>(node: Node, op: Op<A>): node is Node<A> {
  const applied: Op = node.op;
  const asked: Op = op;
  return applied === asked;
}

/** The node that makes a tensor, where it applies an op. */
export function madeBy<A extends Attributes>(tensor: Tensor, op: Op<A>): Node<A> | undefined {
  const { node } = tensor;
  return isOp(node, op) ? node : undefined;
}

/** Applies an op that has one output. */
export function apply<A extends Attributes>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  return new Node<A>(op, inputs, attributes).output(0);
}

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** Turns a negative axis into a positive one and checks it. */
export function axisOf(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    throw new GraphError(`axis ${axis} does not exist in a tensor of ${rank} axes`);
  }
  return positive;
}

/** The named leaf nearest to a node's inputs, so that an error can say where in a model it happened. */
function place(inputs: readonly Tensor[]): string {
  let level: readonly Tensor[] = inputs;
  for (let depth = 0; depth < 12 && level.length > 0; depth++) {
    for (const tensor of level) {
      const name = tensor.node.attributes.name;
      if (tensor.node.inputs.length === 0 && typeof name === 'string') return ` near "${name}"`;
    }
    level = level.flatMap((tensor) => tensor.node.inputs).slice(0, 64);
  }
  return '';
}
