/** Programs for any ONNX runtime: with the sizes that a graph has, or models with weights inside for batches and images of any size. */
import { GraphError } from '../../errors.ts';
import { input } from '../../ops/leaf.ts';
import { sizeOf, type Tensor } from '../../tensor.ts';
import { type OnnxProgram, onnxTarget, ruleTable, withReaders } from '../onnx/compile.ts';
import type { Rule } from '../onnx/lowering.ts';
import type { OnnxConstant, OnnxGraph } from '../onnx/onnx-file.ts';
import { type LoweredNode, OnnxLowering, type View } from '../onnx/onnx-lowering.ts';
import type { Results, Target } from '../target.ts';
import { foldConstants } from './fold-constants.ts';
import { portableForm } from './form.ts';
import { openSizes, type SizedProgram } from './open-sizes.ts';
import { type PortableOpset, portableRules } from './rules.ts';
import { BATCH, type Formula, PIXELS, TRACED } from './size-formula.ts';
import type { Size } from './size-nodes.ts';

/** ONNX of opset 17 without extensions. */
export const onnxPortable: Target<OnnxProgram> = onnxTarget({
  name: 'onnx-portable',
  rules: portableRules(17),
  form: portableForm,
  opset: 17,
});

export interface OpenModelOptions {
  /** Name and channels of the input with the images, [batch, channels, height, width]. */
  readonly images: { readonly name: string; readonly channels: number };
  /** Values of all other inputs, by name. */
  weight(name: string): Float32Array;
  readonly opset?: PortableOpset;
  /** For ops that are the network's own. */
  readonly rules?: readonly Rule[];
}

/** An ONNX graph whose nodes know the op that they were written for; those that compute sizes have none. */
export interface OpenModel extends OnnxGraph {
  readonly nodes: readonly LoweredNode[];
}

/**
 * @param trace the network for images of one size; it is called for several
 * @returns a model for images of any size; open sizes of results are called `batch`, or by their formula
 * @throws GraphError when the network is another for images of another size
 */
export function openModel(trace: (images: Tensor) => Results, options: OpenModelOptions): OpenModel {
  const { images, opset = 17 } = options;
  const rules = ruleTable([...portableRules(opset), ...(options.rules ?? [])]);
  const traced = TRACED.map(({ batch, height, width }) =>
    lowered(trace(input(images.name, [batch, images.channels, height, width])), rules),
  );
  const [first] = traced;
  if (first === undefined) throw new GraphError('nothing was traced');
  const { nodes, constants, shapeOf } = openSizes(traced, images.name);
  const weights = first.inputs
    .filter(({ name }) => name !== images.name)
    .map((view) => weightOf(view, options.weight(view.name)));
  return {
    ...foldConstants(nodes, [...constants, ...weights]),
    inputs: [{ name: images.name, dtype: 'f32', shape: ['batch', images.channels, 'height', 'width'] }],
    outputs: first.results.map(({ name, tensor }) => ({
      name,
      dtype: tensor.dtype,
      shape: shapeOf(name).map(sizeName),
    })),
    opset,
  };
}

interface Lowered extends SizedProgram {
  readonly inputs: readonly View[];
  readonly results: readonly { readonly name: string; readonly tensor: Tensor }[];
}

function lowered(results: Results, rules: ReturnType<typeof ruleTable>): Lowered {
  const names = Object.keys(results);
  const roots = portableForm(Object.values(results), (op) => rules.has(op));
  const lowering = new OnnxLowering(rules, roots, false);
  roots.forEach((root, i) => void lowering.result(root, names[i] ?? ''));
  const shapes = new Map(lowering.shapes);
  roots.forEach((root, i) => void shapes.set(names[i] ?? '', root.shape));
  return {
    nodes: withReaders(lowering.nodes, names),
    constants: lowering.constants.all,
    shapes,
    inputs: lowering.inputViews,
    results: roots.map((tensor, i) => ({ name: names[i] ?? '', tensor })),
  };
}

/** A view of a weight: rows of it, or all. */
function weightOf({ onnxName, offset, shape }: View, values: Float32Array): OnnxConstant {
  return { name: onnxName, shape, values: values.subarray(offset, offset + sizeOf(shape)) };
}

function sizeName(size: Size): number | string {
  if (typeof size === 'number') return size;
  return isBatch(size) ? 'batch' : JSON.stringify(size);
}

function isBatch({ grid, coefficients }: Formula): boolean {
  return grid === PIXELS && coefficients.every((each, i) => each === (i === BATCH ? 1 : 0));
}
