/** Writes what computes one element of a tensor, and whatever lies between it and what is stored. */
import { GraphError } from '../../errors.ts';
import { concatOp, gatherOp, padOp, reshapeOp } from '../../ops/layout.ts';
import { constantOp } from '../../ops/leaf.ts';
import { type DType, isOp, type Node, type Shape, type Tensor } from '../../tensor.ts';
import { pointwise, WGSL_TYPE } from './pointwise.ts';
import { contiguous, mergedAxes, type Strided, stretched } from './views.ts';

/** Where a stored value begins. */
export interface Location {
  /** Number of its place in the program. */
  readonly place: number;
  /** -1 where it has the place for itself. */
  readonly word: number;
}

/** What a kernel's text is written from. */
export interface EmitterContext {
  readonly locate: (tensor: Tensor) => Location;
  readonly view: (tensor: Tensor) => Strided;
  readonly isInline: (tensor: Tensor) => boolean;
}

/** A word of the uniform that is the bits of positive infinity: WGSL has no literal for it. */
const INFINITY_BITS = 0x7f800000;

export class Emitter {
  readonly #context: EmitterContext;
  readonly #members: ReadonlySet<Node>;
  readonly #lines: string[] = [];
  /** Names by what they stand for, of each block that is open. */
  readonly #known: Map<string, string>[] = [new Map()];
  readonly #numbers = new Map<Tensor, number>();
  readonly #bindings: { place: number; writes: boolean }[];
  readonly #words: number[];
  readonly #wordNames: Map<string, string>;
  readonly #counts: Map<string, number>;
  readonly #fixed = new Map<Tensor, string>();
  #names = 0;

  /**
   * @param members what the kernel computes itself
   * @param whole of whose kernel it writes a part
   */
  constructor(context: EmitterContext, members: readonly Node[], whole?: Emitter) {
    this.#context = context;
    this.#members = new Set(members);
    this.#bindings = whole === undefined ? [] : whole.#bindings;
    this.#words = whole === undefined ? [] : whole.#words;
    this.#wordNames = whole === undefined ? new Map() : whole.#wordNames;
    this.#counts = whole === undefined ? new Map() : whole.#counts;
  }

  /** Writes a function of the same kernel, which computes the same members unless others are given. */
  part(members: Iterable<Node> = this.#members): Emitter {
    return new Emitter(this.#context, [...members], this);
  }

  /** A name that nothing else of the kernel has. */
  unique(name: string): string {
    const count = this.#counts.get(name) ?? 0;
    this.#counts.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  }

  get isInline(): (tensor: Tensor) => boolean {
    return this.#context.isInline;
  }

  get view(): (tensor: Tensor) => Strided {
    return this.#context.view;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  get bindings(): readonly { readonly place: number; readonly writes: boolean }[] {
    return this.#bindings;
  }

  get words(): readonly number[] {
    return this.#words;
  }

  line(text: string): void {
    this.#lines.push(`${'  '.repeat(this.#known.length)}${text}`);
  }

  /** A block of its own: names of it are not known outside. */
  block(head: string, inside: () => void, tail = '}'): void {
    this.line(`${head} {`);
    this.#known.push(new Map());
    inside();
    this.#known.pop();
    this.line(tail);
  }

  /** A name for an expression; one that is known already is not computed again. */
  bind(expression: string): string {
    if (/^[\w.]+$/.test(expression)) return expression;
    const known = this.#find(expression);
    if (known !== undefined) return known;
    const name = this.fresh();
    this.line(`let ${name} = ${expression};`);
    this.#known.at(-1)?.set(expression, name);
    return name;
  }

  fresh(): string {
    return `v${this.#names++}`;
  }

  /** Says under which name a member of the kernel is known, whatever element of it is asked for. */
  fix(tensor: Tensor, name: string): void {
    this.#fixed.set(tensor, name);
  }

  /** The value of an element, counted row by row, as a name or a literal. */
  value(tensor: Tensor, at: string): string {
    const fixed = this.#fixed.get(tensor);
    if (fixed !== undefined) return fixed;
    const { node } = tensor;
    if (isOp(node, constantOp)) {
      const text = this.#uniform(node.attributes.values);
      if (text !== undefined) return text;
    }
    const number = this.#numbers.get(tensor) ?? this.#numbers.size;
    this.#numbers.set(tensor, number);
    const key = `${number} at ${at}`;
    const known = this.#find(key);
    if (known !== undefined) return known;
    const value = this.#compute(tensor, at);
    this.#known.at(-1)?.set(key, value);
    return value;
  }

  /** Element `at` of what an operand is when it is broadcast to a shape. */
  operand(x: Tensor, shape: Shape, at: string): string {
    const { source, strides, offset } = this.#context.view(x);
    return this.value(source, this.index(shape, stretched(x.shape, strides, shape), offset, at));
  }

  /** The element of a source that strides say for element `at` of a shape. */
  index(shape: Shape, strides: readonly number[], offset: number, at: string): string {
    const parts: string[] = [];
    let inner = 1;
    for (const { size, stride } of mergedAxes(shape, strides).reverse()) {
      if (stride !== 0) {
        const isOutermost = inner * size === shape.reduce((a, b) => a * b, 1);
        const shifted = inner === 1 ? at : this.bind(`${at} / ${inner}u`);
        const position = isOutermost ? shifted : this.bind(`${shifted} % ${size}u`);
        parts.push(stride === 1 ? position : `${position} * ${stride}u`);
      }
      inner *= size;
    }
    if (offset !== 0) parts.push(`${offset}u`);
    return parts.length === 0 ? '0u' : this.bind(parts.reverse().join(' + '));
  }

  /** Stores an element of a member. */
  store(tensor: Tensor, at: string, value: string): void {
    const { place, word } = this.#context.locate(tensor);
    const bits =
      tensor.dtype === 'bool'
        ? `select(0u, 1u, ${value})`
        : tensor.dtype === 'u8'
          ? value
          : `bitcast<u32>(${value})`;
    this.line(`m${this.#binding(place, true)}[${this.#address(place, word, at)}] = ${bits};`);
  }

  /** Reads a stored element. */
  load(tensor: Tensor, at: string): string {
    const { place, word } = this.#context.locate(tensor);
    const memory = `m${this.#binding(place, false)}`;
    if (tensor.dtype === 'u8') return this.bind(`(${memory}[${at} / 4u] >> (${at} % 4u * 8u)) & 0xffu`);
    const element = `${memory}[${this.#address(place, word, at)}]`;
    return this.bind(fromBits(element, tensor.dtype));
  }

  /** A name in the uniform for a word that differs between kernels of one text. */
  word(value: number, key: string): string {
    const known = this.#wordNames.get(key);
    if (known !== undefined) return known;
    const name = `words[${Math.floor(this.#words.length / 4)}].${'xyzw'[this.#words.length % 4]}`;
    this.#words.push(value);
    this.#wordNames.set(key, name);
    return name;
  }

  #address(place: number, word: number, at: string): string {
    return word < 0 ? at : `${this.word(word, `${place} ${word}`)} + ${at}`;
  }

  #binding(place: number, writes: boolean): number {
    const known = this.#bindings.findIndex((each) => each.place === place);
    const binding = this.#bindings[known];
    if (binding === undefined) return this.#bindings.push({ place, writes });
    binding.writes ||= writes;
    return known + 1;
  }

  #find(key: string): string | undefined {
    for (let i = this.#known.length - 1; i >= 0; i--) {
      const name = this.#known[i]?.get(key);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  #compute(tensor: Tensor, at: string): string {
    const { node } = tensor;
    if (!this.#members.has(node) && !this.#context.isInline(tensor)) return this.load(tensor, at);
    const rule = pointwise.get(node.op);
    if (rule !== undefined) {
      const operands = node.inputs.map((x) => this.operand(x, node.output().shape, at));
      return this.bind(rule.write(operands, node));
    }
    if (isOp(node, padOp)) return this.#pad(node, node.attributes, at);
    if (isOp(node, concatOp)) return this.#concat(node, node.attributes.axis, at);
    if (isOp(node, gatherOp)) return this.#gather(node, node.attributes.axis, at);
    if (isOp(node, reshapeOp)) return this.operand(node.input(0), node.input(0).shape, at);
    const view = this.#context.view(tensor);
    if (view.source !== tensor)
      return this.value(view.source, this.index(tensor.shape, view.strides, view.offset, at));
    // A member that is a change of layout, stored because it is dear or a result.
    return this.#layout(tensor, at);
  }

  #layout(tensor: Tensor, at: string): string {
    const { strides, offset } = layoutOf(tensor);
    const x = tensor.node.input(0);
    return this.operand(x, x.shape, this.index(tensor.shape, strides, offset, at));
  }

  /** [outer, axis, inner] of an element. */
  #split(shape: Shape, axis: number, at: string): { outer: string; along: string; inner: number } {
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const size = shape[axis] ?? 1;
    const shifted = inner === 1 ? at : this.bind(`${at} / ${inner}u`);
    const isFirst = shape.slice(0, axis).every((n) => n === 1);
    return {
      outer: isFirst ? '0u' : this.bind(`${shifted} / ${size}u`),
      along: isFirst ? shifted : this.bind(`${shifted} % ${size}u`),
      inner,
    };
  }

  /** The element of a tensor with these positions. */
  #join(outer: string, size: number, along: string, inner: number, at: string): string {
    const rest = inner === 1 ? '' : ` + ${this.bind(`${at} % ${inner}u`)}`;
    const row = outer === '0u' ? along : this.bind(`${outer} * ${size}u + ${along}`);
    return this.bind(inner === 1 ? row : `${row} * ${inner}u${rest}`);
  }

  #pad(
    node: Node,
    { axis, before, value }: { axis: number; before: number; value: number },
    at: string,
  ): string {
    const x = node.input(0);
    const { outer, along, inner } = this.#split(node.output().shape, axis, at);
    const name = this.fresh();
    this.line(`var ${name} = ${this.literal(value, x.dtype)};`);
    // Positions before the beginning wrap to large ones.
    const from = before === 0 ? along : this.bind(`${along} - ${before}u`);
    this.block(`if (${from} < ${x.dim(axis)}u)`, () => {
      const inside = this.#join(outer, x.dim(axis), from, inner, at);
      this.line(`${name} = ${this.operand(x, x.shape, inside)};`);
    });
    return name;
  }

  #concat(node: Node, axis: number, at: string): string {
    const { outer, along, inner } = this.#split(node.output().shape, axis, at);
    const name = this.fresh();
    this.line(`var ${name}: ${WGSL_TYPE[node.output().dtype]};`);
    let start = 0;
    const parts = node.inputs.map((x) => {
      const from = start;
      start += x.dim(axis);
      return { x, from };
    });
    const choose = (some: typeof parts): void => {
      const [first] = some;
      const middle = some[some.length >> 1];
      if (first === undefined || middle === undefined) return;
      if (some.length > 1) {
        this.block(
          `if (${along} < ${middle.from}u)`,
          () => choose(some.slice(0, some.length >> 1)),
          '} else {',
        );
        this.#known.push(new Map());
        choose(some.slice(some.length >> 1));
        this.#known.pop();
        this.line('}');
        return;
      }
      const { x, from } = first;
      const position = from === 0 ? along : this.bind(`${along} - ${from}u`);
      const inside = this.#join(outer, x.dim(axis), position, inner, at);
      this.line(`${name} = ${this.operand(x, x.shape, inside)};`);
    };
    choose(parts);
    return name;
  }

  #gather(node: Node, axis: number, at: string): string {
    const [x, index] = [node.input(0), node.input(1)];
    const shape = [...x.shape.slice(0, axis), index.size, ...x.shape.slice(axis + 1)];
    const { outer, along, inner } = this.#split(shape, axis, at);
    const position = this.bind(`u32(${this.operand(index, index.shape, along)})`);
    return this.operand(x, x.shape, this.#join(outer, x.dim(axis), position, inner, at));
  }

  /** A literal for a constant that is the same everywhere. */
  #uniform(values: Float32Array | BigInt64Array): string | undefined {
    const [first] = values;
    if (first === undefined || !values.every((value: number | bigint) => Object.is(value, first)))
      return undefined;
    return this.literal(Number(first), values instanceof Float32Array ? 'f32' : 'i64');
  }

  literal(value: number, dtype: DType): string {
    if (dtype === 'i64') return `${value}i`;
    if (dtype === 'bool') return value === 0 ? 'false' : 'true';
    if (dtype === 'u8') return `${value}u`;
    if (Number.isNaN(value)) throw new GraphError('compile: a constant is not a number');
    if (!Number.isFinite(value)) {
      const infinity = `bitcast<f32>(${this.word(INFINITY_BITS, 'infinity')})`;
      return this.bind(value > 0 ? infinity : `-${infinity}`);
    }
    const text = String(Math.fround(value));
    return `${/^-?\d+$/.test(text) ? `${text}.0` : text}f`.replace(/^-(.*)$/, '(-$1)');
  }
}

function fromBits(bits: string, dtype: DType): string {
  if (dtype === 'f32') return `bitcast<f32>(${bits})`;
  return dtype === 'i64' ? `bitcast<i32>(${bits})` : `${bits} != 0u`;
}

/** Strides of one change of layout over its operand. */
function layoutOf(tensor: Tensor): Pick<Strided, 'strides' | 'offset'> {
  const { node } = tensor;
  const x = node.input(0);
  const { order, axis, start, step } = node.attributes;
  const own = contiguous(x.shape);
  if (Array.isArray(order)) return { strides: order.map((i: number) => own[i] ?? 0), offset: 0 };
  if (typeof axis === 'number' && typeof start === 'number' && typeof step === 'number')
    return {
      strides: own.map((stride, i) => (i === axis ? stride * step : stride)),
      offset: start * (own[axis] ?? 0),
    };
  return { strides: stretched(x.shape, own, tensor.shape), offset: 0 };
}
