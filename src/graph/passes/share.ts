/** Common subexpressions: nodes with the same op, attributes and inputs become one. */
import { type Attribute, Node, type Op, type Tensor } from '../tensor.ts';
import { rewrite } from '../traverse.ts';

/** @returns the same tensors, each distinct value computed once */
export function shareSubexpressions(roots: readonly Tensor[]): Tensor[] {
  const tensors = new Numbers<Tensor>();
  const ops = new Numbers<Op>();
  const arrays = new Arrays();
  const text = (value: Attribute): string => (ArrayBuffer.isView(value) ? arrays.key(value) : String(value));
  const known = new Map<string, Node>();
  return rewrite(roots, (node, inputs) => {
    const attributes = Object.entries(node.attributes).map(([key, value]) => `${key}=${text(value)}`);
    const operands = inputs.map((x) => tensors.of(x));
    const key = `${ops.of(node.op)}(${operands.join(',')}){${attributes.join(';')}}`;
    const same = known.get(key);
    if (same !== undefined && same !== node) return same.outputs;
    const rebuilt = inputs.every((x, i) => x === node.inputs[i])
      ? node
      : new Node(node.op, inputs, node.attributes);
    known.set(key, rebuilt);
    return rebuilt.outputs;
  });
}

/** Numbers things in the order in which they are asked for. */
class Numbers<Thing> {
  readonly #numbers = new Map<Thing, number>();

  of(thing: Thing): number {
    const known = this.#numbers.get(thing);
    if (known !== undefined) return known;
    this.#numbers.set(thing, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

/** Names arrays, equal ones alike. A hash says which may be equal, their values decide. */
class Arrays {
  readonly #byHash = new Map<string, Values[]>();

  key(array: Values): string {
    const hash = hashOf(array);
    const candidates = this.#byHash.get(hash) ?? [];
    let at = candidates.findIndex((other) => sameBits(array, other));
    if (at < 0) {
      at = candidates.length;
      this.#byHash.set(hash, [...candidates, array]);
    }
    return `${hash}:${at}`;
  }
}

type Values = Float32Array | BigInt64Array;

const hashes = new WeakMap<Values, string>();

function wordsOf(values: Values): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.byteLength / 4);
}

function hashOf(values: Values): string {
  const cached = hashes.get(values);
  if (cached !== undefined) return cached;
  let hash = 0x811c9dc5;
  for (const word of wordsOf(values)) hash = Math.imul(hash ^ word, 0x01000193);
  const key = `${values.constructor.name}:${values.length}:${hash >>> 0}`;
  hashes.set(values, key);
  return key;
}

function sameBits(a: Values, b: Values): boolean {
  if (a === b) return true;
  const [x, y] = [wordsOf(a), wordsOf(b)];
  return x.length === y.length && x.every((word, i) => word === y[i]);
}
