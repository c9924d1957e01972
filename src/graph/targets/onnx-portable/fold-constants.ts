/** What a program computes of its weights alone is computed once: weights laid out as ONNX wants them, batch norm folded in. */
import { type Shape, sizeOf } from '../../tensor.ts';
import type { OnnxConstant } from '../onnx/onnx-file.ts';
import type { LoweredNode } from '../onnx/onnx-lowering.ts';

interface Floats {
  readonly shape: Shape;
  readonly values: Float32Array;
}

/** The value of a node whose operands are all known; undefined for operators that are not computed here. */
type Evaluate = (operands: readonly OnnxConstant[], node: LoweredNode) => Floats | undefined;

/**
 * @returns the nodes that are left, and all constants that they read. What was computed of a weight has its name, where it stands in
 * its place; where the weight is read too, or several of its kind are made, a number tells them apart.
 */
export function foldConstants(
  nodes: readonly LoweredNode[],
  constants: readonly OnnxConstant[],
): { readonly nodes: readonly LoweredNode[]; readonly constants: readonly OnnxConstant[] } {
  const known = new Map(constants.map((each) => [each.name, each]));
  const origins = new Map<string, string>();
  const left = nodes.filter((node) => {
    const [output = ''] = node.outputs;
    const operands = node.inputs.flatMap((name) => known.get(name) ?? []);
    if (operands.length < node.inputs.length || operands.length === 0) return true;
    const value = evaluators[node.opType]?.(operands, node);
    if (value === undefined) return true;
    const [source = ''] = node.inputs;
    known.set(output, { name: output, ...value });
    origins.set(output, origins.get(source) ?? source);
    return false;
  });
  const read = [...new Set(left.flatMap((node) => node.inputs))].flatMap((name) => known.get(name) ?? []);
  const taken = new Set(read.map(({ name }) => name));
  const names = new Map(
    read.map(({ name }) => {
      const origin = origins.get(name);
      if (origin === undefined) return [name, name];
      let free = origin;
      for (let i = 2; taken.has(free); i++) free = `${origin} ${i}`;
      taken.add(free);
      return [name, free];
    }),
  );
  return {
    nodes: left.map((node) => ({ ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) })),
    constants: read.map((each) => ({ ...each, name: names.get(each.name) ?? each.name })),
  };
}

const evaluators: Readonly<Record<string, Evaluate>> = {
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: elementwise((a, b) => a / b),
  Neg: elementwise((a) => -a),
  Sqrt: elementwise((a) => Math.sqrt(a)),
  Reshape: ([x, to]) => {
    if (!(x?.values instanceof Float32Array) || to === undefined) return undefined;
    const sizes = Array.from(to.values, Number);
    const known = sizeOf(sizes.filter((size) => size !== -1));
    return { shape: sizes.map((size) => (size === -1 ? x.values.length / known : size)), values: x.values };
  },
  Transpose: ([x], { attributes: { perm } }) =>
    x?.values instanceof Float32Array && perm !== undefined && 'ints' in perm
      ? picked(x.values, x.shape, perm.ints)
      : undefined,
  Slice: ([x, start, end, axis, step]) => {
    if (!(x?.values instanceof Float32Array) || start === undefined || end === undefined) return undefined;
    if (step !== undefined && Number(step.values[0]) !== 1) return undefined;
    const [from, to, at] = [start, end, axis].map((each) => Number(each?.values[0] ?? 0));
    return ranged(x.values, x.shape, at ?? 0, from ?? 0, to ?? 0);
  },
};

/** By broadcasting, each result rounded to float32. */
function elementwise(compute: (a: number, b: number) => number): Evaluate {
  return ([a, b]) => {
    if (!(a?.values instanceof Float32Array)) return undefined;
    const [x, y] = [a.values, b?.values ?? Float32Array.of(0)];
    if (!(y instanceof Float32Array)) return undefined;
    const shape = broadcast(a.shape, b?.shape ?? []);
    const [i, j] = [positions(a.shape, shape), positions(b?.shape ?? [], shape)];
    return { shape, values: Float32Array.from(i, (at, n) => compute(x[at] ?? 0, y[j[n] ?? 0] ?? 0)) };
  };
}

function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) =>
    Math.max(a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1),
  );
}

/** Elements to go on for one more along each axis. */
function strides(shape: Shape): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** Where each element of `to` is found in an array of a shape that broadcasts to it. */
function positions(shape: Shape, to: Shape): Int32Array {
  const missing = to.length - shape.length;
  const own = strides(shape);
  const steps = to.map((_, axis) => (shape[axis - missing] === 1 ? 0 : (own[axis - missing] ?? 0)));
  return walked(to, steps);
}

/** The position of every element of a shape, given what one step along each axis means. */
function walked(shape: Shape, steps: readonly number[]): Int32Array {
  let at = Int32Array.of(0);
  shape.forEach((size, axis) => {
    const next = new Int32Array(at.length * size);
    for (let i = 0, n = 0; i < at.length; i++)
      for (let k = 0; k < size; k++) next[n++] = (at[i] ?? 0) + k * (steps[axis] ?? 0);
    at = next;
  });
  return at;
}

function picked(values: Float32Array, shape: Shape, order: readonly number[]): Floats {
  const own = strides(shape);
  const to = order.map((axis) => shape[axis] ?? 1);
  const steps = order.map((axis) => own[axis] ?? 0);
  const [length, step] = [to.at(-1) ?? 1, steps.at(-1) ?? 0];
  const result = new Float32Array(values.length);
  let n = 0;
  for (const start of walked(to.slice(0, -1), steps.slice(0, -1)))
    for (let k = 0; k < length; k++) result[n++] = values[start + k * step]!;
  return { shape: to, values: result };
}

function ranged(values: Float32Array, shape: Shape, axis: number, from: number, to: number): Floats {
  const size = shape[axis] ?? 1;
  const inner = sizeOf(shape.slice(axis + 1));
  const end = Math.min(to, size);
  const blocks = Array.from({ length: values.length / (size * inner) }, (_, i) =>
    values.subarray((i * size + from) * inner, (i * size + end) * inner),
  );
  const result = new Float32Array(blocks.length * (end - from) * inner);
  blocks.forEach((block, i) => void result.set(block, i * block.length));
  return { shape: shape.map((n, i) => (i === axis ? end - from : n)), values: result };
}
