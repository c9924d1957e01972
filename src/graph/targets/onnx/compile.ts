/**
 * From symbolic tensors to ONNX, by the rules of a target: compounds without a rule are taken apart, the graph is brought into the
 * form that suits the target, then each of its nodes becomes one ONNX node or a few.
 *
 * Values cross the border of a program under names. A contiguous range of rows of an input (one of the three thirds of a
 * `qkv` weight, say) is not copied by the program: it becomes an input of its own that views the same memory. Likewise a
 * result that is a concatenation of rows becomes several outputs that view one array. `inputViews` and `outputViews` list
 * them.
 */
import { concatOp } from '../../ops/layout.ts';
import { decompose } from '../../passes/decompose.ts';
import { shareSubexpressions } from '../../passes/share.ts';
import { madeBy, type Op, type Tensor } from '../../tensor.ts';
import type { Border, Results, Target } from '../target.ts';
import type { Rule } from './lowering.ts';
import { encodeOnnx, type OnnxNode, type OnnxValue } from './onnx-file.ts';
import { OnnxLowering, type View } from './onnx-lowering.ts';
import { primitives } from './primitives.ts';

/** ONNX bytes and what goes in and out of them. */
export interface OnnxProgram extends Border {
  readonly onnx: Uint8Array<ArrayBuffer>;
  readonly inputViews: readonly View[];
  readonly outputViews: readonly View[];
  /** Number of ONNX nodes. */
  readonly nodes: number;
}

/** How a target writes ONNX. */
export interface OnnxTarget {
  readonly name: string;
  /** Of two rules for an op the later one holds. */
  readonly rules: readonly Rule[];
  /** Takes the graph apart as far as there are no rules, and brings it into the form that suits. */
  form(roots: readonly Tensor[], keeps: (op: Op) => boolean): Tensor[];
  /** Version of ONNX's operators, where it is not the newest that is known here. */
  readonly opset?: number;
}

/** Primitives alone: slow, and what every other target is tested against. */
export const onnxPrimitives: Target<OnnxProgram> = onnxTarget({
  name: 'onnx-primitives',
  rules: primitives,
  form: (roots, keeps) => shareSubexpressions(decompose(roots, keeps)),
});

/** A target whose programs have fixed sizes. */
export function onnxTarget(target: OnnxTarget): Target<OnnxProgram> {
  const rules = ruleTable(target.rules);
  return { name: target.name, compile: (results) => compile(results, rules, target) };
}

export function ruleTable(rules: readonly Rule[]): ReadonlyMap<Op, Rule> {
  return new Map(rules.map((each) => [each.op, each]));
}

function compile(results: Results, rules: ReadonlyMap<Op, Rule>, { form, opset }: OnnxTarget): OnnxProgram {
  const names = Object.keys(results);
  const roots = form(Object.values(results), (op) => rules.has(op));
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
      constants: lowering.constants.all.filter(({ name }) => read.has(name)),
      inputs: lowering.inputViews.map(asValue),
      outputs: outputViews.map(asValue),
      ...(opset === undefined ? {} : { opset }),
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
export function withReaders<N extends OnnxNode>(nodes: readonly N[], results: readonly string[]): N[] {
  const wanted = new Set(results);
  const kept: N[] = [];
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
