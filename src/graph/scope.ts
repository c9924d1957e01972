/**
 * Named parameters. A model is a function of a scope; it declares a parameter in the line that uses it, and asking for the
 * same name again gives the same tensor, so a network can be applied several times.
 *
 *     const y = add(linear(x, scope.param('weight', [out, inn], truncNormal(0.02))), scope.param('bias', [out], zero));
 */
import type { Random } from '../random/random.ts';
import { GraphError } from './errors.ts';
import { input } from './ops/leaf.ts';
import { type Shape, sameShape, sizeOf, type Tensor } from './tensor.ts';

/** Fills a new parameter. */
export type Initializer = (random: Random, shape: Shape) => Float32Array;

export interface ParameterInfo {
  readonly name: string;
  readonly shape: Shape;
  readonly init: Initializer;
  /** False for what never gets a gradient (a frozen weight). */
  readonly trainable: boolean;
}

/** Everything a network declared. */
export class ParameterSet {
  /** Goes before the names of the graph's inputs, so that two networks of one architecture can meet in one graph. */
  readonly prefix: string;
  readonly parameters = new Map<string, ParameterInfo>();
  /** State that is not learned: running statistics. */
  readonly buffers = new Map<string, ParameterInfo>();
  /** What the buffers become by this program. */
  readonly updates = new Map<string, Tensor>();
  readonly ranks: number;
  readonly #tensors = new Map<string, Tensor>();

  /** @param ranks processes that each apply the network to images of their own; batch norm looks at all of them */
  constructor(prefix = '', ranks = 1) {
    this.prefix = prefix;
    this.ranks = ranks;
  }

  get scope(): Scope {
    return new Scope(this, '');
  }

  /** The graph input that stands for a declared parameter or buffer. */
  tensor(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new GraphError(`there is no parameter "${name}"`);
    return tensor;
  }

  declare(kind: 'parameters' | 'buffers', info: ParameterInfo): Tensor {
    const known = this[kind].get(info.name);
    if (known === undefined) {
      this[kind].set(info.name, info);
      const tensor = input(this.prefix + info.name, info.shape);
      this.#tensors.set(info.name, tensor);
      return tensor;
    }
    if (!sameShape(known.shape, info.shape)) {
      throw new GraphError(
        `parameter "${info.name}" was declared as [${known.shape.join(', ')}] and is now asked for as [${info.shape.join(', ')}]`,
      );
    }
    return this.tensor(info.name);
  }
}

/** A place in a parameter set: names are relative to it. */
export class Scope {
  readonly #set: ParameterSet;
  readonly path: string;
  readonly #replaced: ReadonlyMap<Initializer, Initializer>;

  constructor(set: ParameterSet, path: string, replaced: ReadonlyMap<Initializer, Initializer> = new Map()) {
    this.#set = set;
    this.path = path;
    this.#replaced = replaced;
  }

  /** See `ParameterSet`. */
  get ranks(): number {
    return this.#set.ranks;
  }

  /** A place below this one; names join with dots. */
  at(name: string | number): Scope {
    return new Scope(this.#set, this.#full(String(name)), this.#replaced);
  }

  /** The same place, where parameters that layers would begin by `from` begin by `to`. */
  replacing(from: Initializer, to: Initializer): Scope {
    return new Scope(this.#set, this.path, new Map([...this.#replaced, [from, to]]));
  }

  /** Declares a learned parameter. */
  param(name: string, shape: Shape, init: Initializer, { trainable = true } = {}): Tensor {
    const chosen = this.#replaced.get(init) ?? init;
    return this.#set.declare('parameters', { name: this.#full(name), shape, init: chosen, trainable });
  }

  /** Declares state that the program itself updates, such as a running mean; returns its latest value. */
  buffer(name: string, shape: Shape, init: Initializer): Tensor {
    const full = this.#full(name);
    const tensor = this.#set.declare('buffers', { name: full, shape, init, trainable: false });
    return this.#set.updates.get(full) ?? tensor;
  }

  /** Sets what a buffer becomes. */
  update(name: string, value: Tensor): void {
    this.#set.updates.set(this.#full(name), value);
  }

  #full(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

export const zero: Initializer = (_, shape) => new Float32Array(sizeOf(shape));
export const one: Initializer = (_, shape) => new Float32Array(sizeOf(shape)).fill(1);

/** An array of a shape with a draw in each element. */
export function drawn(shape: Shape, draw: () => number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
}

/**
 * Normal values with a standard deviation, cut at absolute bounds. PyTorch's `trunc_normal_` cuts at -2 and 2 whatever the
 * deviation is, so with 0.02 nothing is ever cut; this follows it.
 */
export function truncNormal(std: number, { mean = 0, low = -2, high = 2 } = {}): Initializer {
  return (random, shape) =>
    drawn(shape, () => {
      let value = mean + std * random.normal();
      while (value < low || value > high) value = mean + std * random.normal();
      return value;
    });
}

/** Uniform values in +-bound. */
export function uniform(bound: number): Initializer {
  return (random, shape) => drawn(shape, () => random.between(-bound, bound));
}

/** Uniform values by the rule of Glorot and Bengio (2010) for a layer's weights, `[out, ...in]`. */
export const xavierUniform: Initializer = (random, shape) => {
  const [outputs = 1] = shape;
  const inputs = sizeOf(shape) / outputs;
  return uniform(Math.sqrt(6 / (inputs + outputs)))(random, shape);
};
