/**
 * Smaller versions of an exported model. Both keep float32 inputs and outputs, as transformers.js expects of its `fp16` and
 * `q8` files.
 */
import { halfBits } from '../format/half.ts';
import type { OnnxConstant, OnnxGraph, OnnxNode } from '../graph/targets/onnx/onnx-file.ts';
import type { OnnxModel } from './onnx-model.ts';

const FLOAT32 = 1;
const FLOAT16 = 10;

/**
 * Weights and arithmetic in float16; what the model marks as precise (sizes, and positions interpolated by them) stays.
 *
 * @throws Error naming a weight that float16 cannot hold
 */
export function toHalf({ graph, precise }: OnnxModel): OnnxGraph {
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant]));
  const full = new Set(graph.inputs.map(({ name }) => name));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  const halves = new Map<string, string>();
  const made: OnnxConstant[] = [];
  const half = (value: string): string => {
    const known = halves.get(value);
    if (known !== undefined) return known;
    const constant = constants.get(value);
    let name = value; // of a node that is in float16 already, or of whole numbers
    if (constant?.values instanceof Float32Array) {
      name = `${value} f16`;
      made.push({ name, shape: constant.shape, values: halfBits(constant.values, value) });
    } else if (full.has(value)) {
      name = `${value} f16`;
      nodes.push(node('Cast', [value], [name], { to: { int: FLOAT16 } }));
    }
    halves.set(value, name);
    return name;
  };
  for (const each of graph.nodes) {
    if (precise.has(each)) {
      nodes.push(each);
      for (const name of each.outputs) full.add(name);
      continue;
    }
    const named = each.outputs.map((name) => (outputs.has(name) ? `${name} f16` : name));
    nodes.push({ ...each, inputs: each.inputs.map(half), outputs: named });
    each.outputs.forEach((name, i) => {
      const [inHalf] = named.slice(i);
      if (inHalf === undefined || inHalf === name) return;
      halves.set(name, inHalf);
      nodes.push(node('Cast', [inHalf], [name], { to: { int: FLOAT32 } }));
    });
  }
  const used = new Set(nodes.flatMap((each) => each.inputs));
  return { ...graph, nodes, constants: [...graph.constants, ...made].filter(({ name }) => used.has(name)) };
}

/**
 * Linear layers in 8-bit integers: their inputs are quantized as they come (one scale and zero point for the whole tensor,
 * ONNX's `DynamicQuantizeLinear`), their weights with one scale for each output. All else stays in float32.
 */
export function toQuantized({ graph }: OnnxModel): OnnxGraph {
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant]));
  const quantized = new Map<string, readonly [string, string, string]>();
  const nodes: OnnxNode[] = [];
  let count = 0;
  const add = (opType: string, inputs: readonly string[], results = 1): string[] => {
    const outputs = Array.from({ length: results }, () => `q${count++}`);
    nodes.push(node(opType, inputs, outputs, opType === 'Cast' ? { to: { int: FLOAT32 } } : {}));
    return outputs;
  };
  const zero = 'zero point of weights';
  for (const each of graph.nodes) {
    const [x = '', weight = ''] = each.inputs;
    const stored = constants.get(weight);
    if (each.opType !== 'MatMul' || stored === undefined || !(stored.values instanceof Float32Array)) {
      nodes.push(each);
      continue;
    }
    const { bytes, scales } = quantizedColumns(stored.values, stored.shape[1] ?? 1);
    constants.delete(weight);
    constants.set(weight, { name: weight, shape: stored.shape, values: bytes });
    constants.set(`${weight} scale`, { name: `${weight} scale`, shape: [scales.length], values: scales });
    constants.set(zero, { name: zero, shape: [], values: Uint8Array.of(ZERO) });
    const known = quantized.get(x) ?? (add('DynamicQuantizeLinear', [x], 3) as [string, string, string]);
    quantized.set(x, known);
    const [values, scale, point] = known;
    const [product = ''] = add('MatMulInteger', [values, weight, point, zero]);
    const [scaled = ''] = add('Mul', [scale, `${weight} scale`]);
    nodes.push(node('Mul', [add('Cast', [product])[0] ?? '', scaled], each.outputs, {}));
  }
  return { ...graph, nodes, constants: [...constants.values()] };
}

/** What stands for 0 among the bytes. */
const ZERO = 128;

/** @param values [rows, columns] */
function quantizedColumns(
  values: Float32Array,
  columns: number,
): { readonly bytes: Uint8Array; readonly scales: Float32Array } {
  const scales = new Float32Array(columns);
  for (let i = 0, c = 0; i < values.length; i++, c = c + 1 === columns ? 0 : c + 1)
    scales[c] = Math.max(scales[c]!, Math.abs(values[i]!));
  for (let c = 0; c < columns; c++) scales[c] = scales[c]! / 127 || 1;
  const bytes = new Uint8Array(values.length);
  for (let i = 0, c = 0; i < values.length; i++, c = c + 1 === columns ? 0 : c + 1)
    bytes[i] = Math.round(values[i]! / scales[c]!) + ZERO;
  return { scales, bytes };
}

function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: OnnxNode['attributes'],
): OnnxNode {
  return { opType, domain: '', inputs, outputs, attributes };
}
