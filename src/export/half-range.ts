/**
 * Whether float16 can hold what an exported model computes. The model runs in float32 on a few images and reports the largest
 * magnitude of all its values: an answer that does not depend on how a runtime computes in float16.
 */
import { evaluate } from '../engine/arrays.ts';
import type { OnnxEngine } from '../engine/onnx-engine.ts';
import type { OnnxProgram } from '../graph/index.ts';
import { encodeOnnx, type OnnxGraph, type OnnxNode } from '../graph/targets/onnx/onnx-file.ts';
import type { OnnxModel } from './onnx-model.ts';

/** Normalized images of one size. */
export interface ProbeImages {
  /** [images, C, side, side] */
  readonly pixels: Float32Array;
  readonly shape: readonly [number, number, number, number];
}

const LARGEST = 'largest value';

/** The largest magnitude of all values that a model in float16 would hold (those that stay in float32 do not count). */
export async function largestValue(
  engine: OnnxEngine,
  { graph, precise }: OnnxModel,
  { pixels, shape }: ProbeImages,
): Promise<number> {
  const whole = wholeNumbers(graph);
  const measured = graph.nodes
    .filter((each) => !precise.has(each))
    .flatMap(({ outputs }) => outputs)
    .filter((name) => !whole.has(name));
  const sizes = measured.flatMap((value, i): OnnxNode[] => [
    node('Abs', [value], `size ${i}`),
    // Without axes it reduces all of them.
    node('ReduceMax', [`size ${i}`], `largest ${i}`, { keepdims: { int: 0 } }),
  ]);
  const most = node(
    'Max',
    measured.map((_, i) => `largest ${i}`),
    LARGEST,
  );
  const onnx = encodeOnnx({
    ...graph,
    nodes: [...graph.nodes, ...sizes, most],
    outputs: [{ name: LARGEST, dtype: 'f32', shape: [] }],
  });
  const [input] = graph.inputs;
  const name = input?.name ?? '';
  const program = await engine.loadOnnx(programOf(onnx, name, shape));
  try {
    const { [LARGEST]: found } = await evaluate(program, { [name]: pixels });
    return found?.[0] ?? Number.NaN;
  } finally {
    await program.dispose();
  }
}

/** Values that are sizes or indices: shapes, constants of whole numbers, and what is cut and joined of them. */
function wholeNumbers({ constants, nodes }: OnnxGraph): ReadonlySet<string> {
  const whole = new Set(
    constants.flatMap(({ name, values }) => (values instanceof BigInt64Array ? [name] : [])),
  );
  for (const { opType, inputs, outputs } of nodes)
    if (opType === 'Shape' || (opType !== 'Cast' && whole.has(inputs[0] ?? '')))
      for (const name of outputs) whole.add(name);
  return whole;
}

/** A model with one input and the result as its output, for an engine. */
function programOf(onnx: OnnxProgram['onnx'], input: string, shape: ProbeImages['shape']): OnnxProgram {
  const [given, result] = [
    { name: input, onnxName: input, offset: 0, shape, dtype: 'f32' },
    { name: LARGEST, onnxName: LARGEST, offset: 0, shape: [], dtype: 'f32' },
  ] as const;
  return {
    onnx,
    inputs: new Map([[input, given]]),
    outputs: new Map([[LARGEST, result]]),
    inputViews: [given],
    outputViews: [result],
    nodes: 0,
  };
}

function node(
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: OnnxNode['attributes'] = {},
): OnnxNode {
  return { opType, domain: '', inputs, outputs: [output], attributes };
}
