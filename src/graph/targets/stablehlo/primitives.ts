/** StableHLO for every primitive. */
import { gatherAcrossOp, scatterAcrossOp, sumAcrossOp } from '../../ops/across.ts';
import * as elementwise from '../../ops/elementwise.ts';
import * as layout from '../../ops/layout.ts';
import { constantOp } from '../../ops/leaf.ts';
import { productOp } from '../../ops/product.ts';
import { maxOp, sumOp } from '../../ops/reduce.ts';
import { topKOp } from '../../ops/select.ts';
import type { Attributes, Op } from '../../tensor.ts';
import { type Precision, rule, type StableHloRule } from './rule.ts';
import { listText, typeText, type Value } from './text.ts';

type None = Record<never, never>;

const unary = (op: Op<None>, operation: string): StableHloRule =>
  rule(op, (_, at, { to }) => [to.alike(`stablehlo.${operation}`, at(0))]);

const binary = (op: Op<None>, operation: string): StableHloRule =>
  rule(op, (node, at, { to }) => {
    const { shape } = node.output();
    return [to.alike(`stablehlo.${operation}`, to.broadcast(at(0), shape), to.broadcast(at(1), shape))];
  });

const comparison = (op: Op<None>, direction: string): StableHloRule =>
  rule(op, (node, at, { to }) => {
    const type = node.output();
    const [left, right] = [to.broadcast(at(0), type.shape), to.broadcast(at(1), type.shape)];
    const types = `(${typeText(left)}, ${typeText(right)}) -> ${typeText(type)}`;
    return [to.make(`stablehlo.compare ${direction}, ${left.name}, ${right.name} : ${types}`, type)];
  });

const reduction = (op: typeof sumOp, operation: string, start: number): StableHloRule =>
  rule(op, (node, at, { to }) => {
    const x = at(0);
    const { axes } = node.attributes;
    const reduced = { dtype: x.dtype, shape: x.shape.filter((_, axis) => !axes.includes(axis)) };
    const initial = to.scalar(start, x.dtype);
    const made = to.make(
      `stablehlo.reduce(${x.name} init: ${initial.name}) applies stablehlo.${operation} across dimensions = ${listText(axes)} : (${typeText(x)}, ${typeText(initial)}) -> ${typeText(reduced)}`,
      reduced,
    );
    return [node.attributes.keep ? to.reshape(made, node.output().shape) : made];
  });

/** How products of float32 are asked for: DEFAULT lets a device take its fast units (TF32), HIGHEST does not. */
const PRODUCT_PRECISION: Readonly<Record<Precision, string>> = {
  f32: 'HIGHEST',
  tf32: 'DEFAULT',
  bf16: 'DEFAULT',
};

const product = rule(productOp, (node, at, { to, precision, emulates }) => {
  const { batchA, batchB, contractA, contractB } = node.attributes;
  const type = node.output();
  const operand = (x: Value): { name: string; type: string } => {
    if (precision !== 'bf16' || x.dtype !== 'f32') return { name: x.name, type: typeText(x) };
    if (emulates) {
      const { name } = to.make(`stablehlo.reduce_precision ${x.name}, format = e8m7 : ${typeText(x)}`, x);
      return { name, type: typeText(x) };
    }
    const rounded = typeText(x, 'bf16');
    const made = to.make(`stablehlo.convert ${x.name} : (${typeText(x)}) -> ${rounded}`, x);
    return { name: made.name, type: rounded };
  };
  const [left, right] = [operand(at(0)), operand(at(1))];
  const batching = batchA.length === 0 ? '' : `batching_dims = ${listText(batchA)} x ${listText(batchB)}, `;
  const how = PRODUCT_PRECISION[precision];
  return [
    to.make(
      `stablehlo.dot_general ${left.name}, ${right.name}, ${batching}contracting_dims = ${listText(contractA)} x ${listText(contractB)}, precision = [${how}, ${how}] : (${left.type}, ${right.type}) -> ${typeText(type)}`,
      type,
    ),
  ];
});

const axesFrom = (start: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => start + i);

const gather = rule(layout.gatherOp, (node, at, { to }) => {
  const [x, index] = [at(0), at(1)];
  const { axis } = node.attributes;
  const type = node.output();
  const [rank, indexRank] = [x.shape.length, index.shape.length];
  const offsets = [...axesFrom(0, axis), ...axesFrom(axis + indexRank, rank - axis - 1)];
  const sizes = x.shape.map((size, i) => (i === axis ? 1 : size)).join(', ');
  const numbers = `offset_dims = ${listText(offsets)}, collapsed_slice_dims = [${axis}], start_index_map = [${axis}], index_vector_dim = ${indexRank}`;
  return [
    to.make(
      `"stablehlo.gather"(${x.name}, ${index.name}) <{dimension_numbers = #stablehlo.gather<${numbers}>, slice_sizes = array<i64: ${sizes}>, indices_are_sorted = false}> : (${typeText(x)}, ${typeText(index)}) -> ${typeText(type)}`,
      type,
    ),
  ];
});

const scatterAdd = rule(layout.scatterAddOp, (node, at, { to }) => {
  const [x, index] = [at(0), at(1)];
  const type = node.output();
  const empty = to.zeros(type);
  const numbers =
    'update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1';
  return [
    to.make(
      `"stablehlo.scatter"(${empty.name}, ${index.name}, ${x.name}) <{scatter_dimension_numbers = #stablehlo.scatter<${numbers}>, indices_are_sorted = false, unique_indices = false}> (${sumRegion(x)}) : (${typeText(empty)}, ${typeText(index)}, ${typeText(x)}) -> ${typeText(type)}`,
      type,
    ),
  ];
});

/** The body of an operation that adds up. */
export function sumRegion({ dtype }: Value): string {
  const scalar = typeText({ dtype, shape: [] });
  return `{ ^bb0(%p: ${scalar}, %q: ${scalar}): %s = stablehlo.add %p, %q : ${scalar} stablehlo.return %s : ${scalar} }`;
}

const pad = rule(layout.padOp, (node, at, { to }) => {
  const x = at(0);
  const { axis, before, after, value } = node.attributes;
  const type = node.output();
  const fill = to.scalar(value, x.dtype);
  const only = (size: number): string => listText(x.shape.map((_, i) => (i === axis ? size : 0)));
  return [
    to.make(
      `stablehlo.pad ${x.name}, ${fill.name}, low = ${only(before)}, high = ${only(after)}, interior = ${only(0)} : (${typeText(x)}, ${typeText(fill)}) -> ${typeText(type)}`,
      type,
    ),
  ];
});

const slice = rule(layout.sliceOp, (node, at, { to }) => {
  const x = at(0);
  const { axis, start, end, step } = node.attributes;
  const type = node.output();
  const ranges = x.shape.map((size, i) => (i === axis ? `${start}:${end}:${step}` : `0:${size}`));
  return [
    to.make(`stablehlo.slice ${x.name} [${ranges.join(', ')}] : (${typeText(x)}) -> ${typeText(type)}`, type),
  ];
});

const concat = rule(layout.concatOp, (node, at, { to }) => {
  const type = node.output();
  const parts = node.inputs.map((_, i) => at(i));
  const names = parts.map(({ name }) => name).join(', ');
  const types = parts.map((part) => typeText(part)).join(', ');
  const text = `stablehlo.concatenate ${names}, dim = ${node.attributes.axis}`;
  return [to.make(`${text} : (${types}) -> ${typeText(type)}`, type)];
});

/** Positions come as i32. */
const topK = rule(topKOp, (node, at, { to }) => {
  const x = at(0);
  const [values, positions] = [node.output(0), node.output(1)];
  const [first, second] = [to.fresh(), to.fresh()];
  const narrow = typeText(positions, 'i32');
  to.line(
    `${first}, ${second} = chlo.top_k(${x.name}, k = ${node.attributes.k}) : ${typeText(x)} -> (${typeText(values)}, ${narrow})`,
  );
  return [
    { name: first, dtype: values.dtype, shape: values.shape },
    to.make(`stablehlo.convert ${second} : (${narrow}) -> ${typeText(positions)}`, positions),
  ];
});

/** All replicas, as one group. */
const groups = (replicas: number): string =>
  `replica_groups = dense<[${listText(axesFrom(0, replicas))}]> : tensor<1x${replicas}xi64>`;

/** What replicas do together. */
const collectives: readonly StableHloRule[] = [
  rule(sumAcrossOp, (node, at, { to, replicas }) => {
    const [x, type] = [at(0), node.output()];
    const text = `"stablehlo.all_reduce"(${x.name}) <{${groups(replicas)}}> (${sumRegion(x)})`;
    return [to.make(`${text} : (${typeText(x)}) -> ${typeText(type)}`, type)];
  }),
  rule(gatherAcrossOp, (node, at, { to, replicas }) => {
    const [x, type] = [at(0), node.output()];
    const text = `"stablehlo.all_gather"(${x.name}) <{all_gather_dim = 0 : i64, ${groups(replicas)}}>`;
    return [to.make(`${text} : (${typeText(x)}) -> ${typeText(type)}`, type)];
  }),
  rule(scatterAcrossOp, (node, at, { to, replicas }) => {
    const [x, type] = [at(0), node.output()];
    const text = `"stablehlo.reduce_scatter"(${x.name}) <{scatter_dimension = 0 : i64, ${groups(replicas)}}> (${sumRegion(x)})`;
    return [to.make(`${text} : (${typeText(x)}) -> ${typeText(type)}`, type)];
  }),
];

const rules: readonly StableHloRule[] = [
  rule(constantOp, (node, _at, { to }) => [to.constant(node.attributes.values, node.attributes.shape)]),
  binary(elementwise.addOp, 'add'),
  binary(elementwise.subOp, 'subtract'),
  binary(elementwise.mulOp, 'multiply'),
  binary(elementwise.divOp, 'divide'),
  binary(elementwise.maximumOp, 'maximum'),
  unary(elementwise.negOp, 'negate'),
  unary(elementwise.expOp, 'exponential'),
  unary(elementwise.logOp, 'log'),
  unary(elementwise.sqrtOp, 'sqrt'),
  unary(elementwise.tanhOp, 'tanh'),
  // StableHLO has no erf of its own; its client dialect does, and every compiler takes it apart.
  rule(elementwise.erfOp, (_, at, { to }) => {
    const x = at(0);
    return [to.make(`chlo.erf ${x.name} : ${typeText(x)} -> ${typeText(x)}`, x)];
  }),
  comparison(elementwise.greaterOp, 'GT'),
  comparison(elementwise.equalOp, 'EQ'),
  rule(elementwise.whereOp, (node, at, { to }) => {
    const type = node.output();
    const names = [at(0), at(1), at(2)].map((x) => to.broadcast(x, type.shape).name).join(', ');
    return [
      to.make(
        `stablehlo.select ${names} : ${typeText({ dtype: 'bool', shape: type.shape })}, ${typeText(type)}`,
        type,
      ),
    ];
  }),
  reduction(sumOp, 'add', 0),
  reduction(maxOp, 'maximum', Number.NEGATIVE_INFINITY),
  product,
  rule(layout.reshapeOp, (node, at, { to }) => [to.reshape(at(0), node.output().shape)]),
  rule(layout.transposeOp, (node, at, { to }) => {
    const x = at(0);
    const type = node.output();
    const order = listText(node.attributes.order);
    return [
      to.make(`stablehlo.transpose ${x.name}, dims = ${order} : (${typeText(x)}) -> ${typeText(type)}`, type),
    ];
  }),
  slice,
  pad,
  concat,
  rule(layout.expandOp, (node, at, { to }) => [to.broadcast(at(0), node.output().shape)]),
  gather,
  scatterAdd,
  rule(layout.castOp, (node, at, { to }) => [to.convert(at(0), node.output().dtype)]),
  topK,
  ...collectives,
];

export const primitives: ReadonlyMap<Op, StableHloRule> = new Map<Op<Attributes>, StableHloRule>(
  rules.map((each) => [each.op, each]),
);
