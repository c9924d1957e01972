/**
 * From symbolic tensors to StableHLO, the language of XLA's compilers: compounds are taken apart and every primitive becomes an
 * operation of the text. What goes together into one kernel is XLA's work.
 *
 * An input and a result of one name and type are one value that the program updates in place: the result takes the input's memory
 * (`tf.aliasing_output`), unless the caller says otherwise when it runs.
 */
import { GraphError } from '../../errors.ts';
import { inputName, inputOp } from '../../ops/leaf.ts';
import { decompose } from '../../passes/decompose.ts';
import { shareSubexpressions } from '../../passes/share.ts';
import { isOp, sameShape, type Tensor, type TensorType } from '../../tensor.ts';
import { topological } from '../../traverse.ts';
import type { Border, Results, Target } from '../target.ts';
import { primitives } from './primitives.ts';
import type { Precision, RuleContext } from './rule.ts';
import { StableHloText, typeText, type Value } from './text.ts';

export interface StableHloProgram extends Border {
  /** The module; its arguments and results stand in the order of `inputs` and `outputs`. */
  readonly text: string;
  /** Inputs whose memory a result of the same name takes. */
  readonly inPlace: ReadonlySet<string>;
  readonly replicas: number;
  /** Number of StableHLO operations. */
  readonly operations: number;
}

export interface StableHloOptions {
  readonly precision?: Precision;
  readonly replicas?: number;
  /** For compilers that have no products of bf16 with sums in float32: float32 products of rounded operands, which give the same. */
  readonly emulates?: boolean;
}

/** A target for XLA. */
export function stableHlo(options: StableHloOptions = {}): Target<StableHloProgram> {
  const { precision = 'f32', replicas = 1, emulates = false } = options;
  return { name: 'stablehlo', compile: (results) => compile(results, { precision, replicas, emulates }) };
}

function compile(results: Results, context: Omit<RuleContext, 'to'>): StableHloProgram {
  const { replicas } = context;
  const names = Object.keys(results);
  const roots = shareSubexpressions(decompose(Object.values(results), () => false));
  const to = new StableHloText();
  const values = new Map<Tensor, Value>();
  const inputs = new Map<string, Value>();
  const of = (tensor: Tensor): Value => {
    const known = values.get(tensor);
    if (known !== undefined) return known;
    const name = inputName(tensor);
    if (name === undefined)
      throw new GraphError(`compile: "${tensor.node.op.name}" did not produce output ${tensor.index}`);
    const value = inputs.get(name) ?? {
      name: `%arg${inputs.size}`,
      dtype: tensor.dtype,
      shape: tensor.shape,
    };
    if (!sameType(value, tensor))
      throw new GraphError(
        `compile: input "${name}" is used with shapes [${value.shape.join(', ')}] and [${tensor.shape.join(', ')}]`,
      );
    inputs.set(name, value);
    values.set(tensor, value);
    return value;
  };
  for (const node of topological(roots)) {
    if (isOp(node, inputOp)) continue;
    const rule = primitives.get(node.op);
    if (rule === undefined) throw new GraphError(`compile: there is no StableHLO for "${node.op.name}"`);
    const { ranks = replicas } = node.attributes;
    if (ranks !== replicas)
      throw new GraphError(
        `compile: "${node.op.name}" is among ${ranks} ranks, and the program is for ${replicas} replicas`,
      );
    const made = rule.write(node, (i) => of(node.input(i)), { to, ...context });
    for (const [i, output] of node.outputs.entries()) {
      const value = made[i];
      if (value !== undefined) values.set(output, value);
    }
  }
  const outputs = new Map(roots.map((root, i) => [names[i] ?? '', of(root)] as const));
  const inPlace = new Set(
    [...inputs].flatMap(([name, value]) => {
      const result = outputs.get(name);
      return result !== undefined && sameType(result, value) ? [name] : [];
    }),
  );
  return {
    text: moduleText(to.body, inputs, outputs, inPlace, replicas),
    inputs: typesOf(inputs),
    outputs: typesOf(outputs),
    inPlace,
    replicas,
    operations: to.operations,
  };
}

function moduleText(
  body: string,
  inputs: ReadonlyMap<string, Value>,
  outputs: ReadonlyMap<string, Value>,
  inPlace: ReadonlySet<string>,
  replicas: number,
): string {
  const order = [...outputs.keys()];
  const argument = ([name, value]: readonly [string, Value]): string =>
    `${value.name}: ${typeText(value)}${inPlace.has(name) ? ` {tf.aliasing_output = ${order.indexOf(name)} : i32}` : ''}`;
  const results = [...outputs.values()];
  const types = results.map((value) => typeText(value)).join(', ');
  const lines = [
    `module @program attributes {mhlo.num_replicas = ${replicas} : i32, mhlo.num_partitions = 1 : i32} {`,
    `func.func public @main(${[...inputs].map(argument).join(', ')}) -> (${types}) {`,
    body,
    `return ${results.map(({ name }) => name).join(', ')} : ${types}`,
    '}',
    '}',
  ];
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}

function typesOf(values: ReadonlyMap<string, Value>): ReadonlyMap<string, TensorType> {
  return new Map([...values].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
}

function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}
