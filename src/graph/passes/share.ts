/** Common subexpressions: nodes with the same op, attributes and inputs become one. */
import { type Attribute, Node, type Tensor } from '../tensor.ts';
import { rewrite } from '../traverse.ts';

/** @returns the same tensors, each distinct value computed once */
export function shareSubexpressions(roots: readonly Tensor[]): Tensor[] {
  const numbers = new Map<Tensor, number>();
  const number = (x: Tensor): number => {
    const known = numbers.get(x);
    if (known !== undefined) return known;
    numbers.set(x, numbers.size);
    return numbers.size - 1;
  };
  const known = new Map<string, Node>();
  return rewrite(roots, (node, inputs) => {
    const attributes = Object.entries(node.attributes).map(([key, value]) => `${key}=${attributeKey(value)}`);
    const key = `${node.op.name}(${inputs.map(number).join(',')}){${attributes.join(';')}}`;
    const same = known.get(key);
    if (same !== undefined && same !== node) return same.outputs;
    const rebuilt = inputs.every((x, i) => x === node.inputs[i])
      ? node
      : new Node(node.op, inputs, node.attributes);
    known.set(key, rebuilt);
    return rebuilt.outputs;
  });
}

const arrays = new WeakMap<object, string>();

/** Text that is equal for equal attribute values; long arrays by length and a 64-bit hash over their bits. */
function attributeKey(value: Attribute): string {
  if (!ArrayBuffer.isView(value)) return String(value);
  const cached = arrays.get(value);
  if (cached !== undefined) return cached;
  const words = new Uint32Array(value.buffer, value.byteOffset, value.byteLength / 4);
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (const word of words) {
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul(b ^ (word >>> 7) ^ (word << 25), 0x5bd1e995);
  }
  const key = `${value.constructor.name}:${value.length}:${a >>> 0}:${b >>> 0}`;
  arrays.set(value, key);
  return key;
}
