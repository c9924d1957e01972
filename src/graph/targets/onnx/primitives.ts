/** ONNX for every primitive. */
import * as elementwise from '../../ops/elementwise.ts';
import {
  castOp,
  concatOp,
  expandOp,
  gatherOp,
  padOp,
  reshapeOp,
  scatterAddOp,
  sliceOp,
  transposeOp,
} from '../../ops/layout.ts';
import { constantOp } from '../../ops/leaf.ts';
import { freeAxes, productOp } from '../../ops/product.ts';
import { maxOp, sumOp } from '../../ops/reduce.ts';
import { topKOp } from '../../ops/select.ts';
import { sizeOf, type Tensor } from '../../tensor.ts';
import { type Lowering, oneNode, type Rule, rule } from './lowering.ts';
import { ELEMENT_TYPE } from './onnx-file.ts';

/** A reduction whose axes are its second input. */
export const reduction = (op: typeof sumOp, opType: string): Rule =>
  rule(op, (node, to) => {
    const { axes, keep } = node.attributes;
    const attributes = { keepdims: { int: keep ? 1 : 0 } };
    return [to.emit(opType, [to.name(node.input(0)), to.ints(axes)], { attributes })];
  });

const constant = rule(constantOp, (node, to) => {
  const { values, shape } = node.attributes;
  return [values instanceof Float32Array ? to.floats(values, shape) : to.ints(Array.from(values, Number))];
});

/** As products of matrices in one batch axis: [batch, rows, inner] x [batch, inner, columns]. */
export const product = rule(productOp, (node, to) => {
  const { batchA, batchB, contractA, contractB } = node.attributes;
  const [a, b] = [node.input(0), node.input(1)];
  const sizes = (x: Tensor, axes: readonly number[]): number => sizeOf(axes.map((axis) => x.dim(axis)));
  const [freeA, freeB] = [freeAxes(a, batchA, contractA), freeAxes(b, batchB, contractB)];
  const batch = sizes(a, batchA);
  const inner = sizes(a, contractA);
  const matrices = to.emit('MatMul', [
    ordered(a, [...batchA, ...freeA, ...contractA], [batch, sizes(a, freeA), inner], to),
    ordered(b, [...batchB, ...contractB, ...freeB], [batch, inner, sizes(b, freeB)], to),
  ]);
  return [to.emit('Reshape', [matrices, to.ints(node.output().shape)])];
});

/** A tensor with its axes in an order, then reshaped. */
function ordered(x: Tensor, order: readonly number[], shape: readonly number[], to: Lowering): string {
  const isOrdered = order.every((axis, i) => axis === i);
  const moved = isOrdered
    ? to.name(x)
    : to.emit('Transpose', [to.name(x)], { attributes: { perm: { ints: order } } });
  return to.emit('Reshape', [moved, to.ints(shape)]);
}

const layout: readonly Rule[] = [
  rule(reshapeOp, (node, to) => [
    to.emit('Reshape', [to.name(node.input(0)), to.ints(node.attributes.shape)]),
  ]),
  oneNode(transposeOp, 'Transpose', (node) => ({ perm: { ints: node.attributes.order } })),
  rule(sliceOp, (node, to) => {
    const { axis, start, end, step } = node.attributes;
    return [to.emit('Slice', [to.name(node.input(0)), ...[start, end, axis, step].map((n) => to.ints([n]))])];
  }),
  rule(padOp, (node, to) => {
    const { axis, before, after, value } = node.attributes;
    const { rank } = node.input(0);
    const pads = new Array<number>(2 * rank).fill(0);
    pads[axis] = before;
    pads[axis + rank] = after;
    const fill = value === 0 ? [] : [to.floats([value], [])];
    return [to.emit('Pad', [to.name(node.input(0)), to.ints(pads), ...fill])];
  }),
  oneNode(concatOp, 'Concat', (node) => ({ axis: { int: node.attributes.axis } })),
  rule(expandOp, (node, to) => [to.emit('Expand', [to.name(node.input(0)), to.ints(node.attributes.shape)])]),
  oneNode(gatherOp, 'Gather', (node) => ({ axis: { int: node.attributes.axis } })),
  rule(scatterAddOp, (node, to) => {
    const { size, shape } = node.output();
    const empty = to.floats(new Float32Array(size), shape);
    return [
      to.emit('ScatterND', [empty, to.name(node.input(1)), to.name(node.input(0))], {
        attributes: { reduction: { text: 'add' } },
      }),
    ];
  }),
  oneNode(castOp, 'Cast', (node) => ({ to: { int: ELEMENT_TYPE[node.attributes.dtype] } })),
];

export const primitives: readonly Rule[] = [
  constant,
  oneNode(elementwise.addOp, 'Add'),
  oneNode(elementwise.subOp, 'Sub'),
  oneNode(elementwise.mulOp, 'Mul'),
  oneNode(elementwise.divOp, 'Div'),
  oneNode(elementwise.maximumOp, 'Max'),
  oneNode(elementwise.negOp, 'Neg'),
  oneNode(elementwise.expOp, 'Exp'),
  oneNode(elementwise.logOp, 'Log'),
  oneNode(elementwise.sqrtOp, 'Sqrt'),
  oneNode(elementwise.tanhOp, 'Tanh'),
  oneNode(elementwise.erfOp, 'Erf'),
  oneNode(elementwise.greaterOp, 'Greater'),
  oneNode(elementwise.equalOp, 'Equal'),
  oneNode(elementwise.whereOp, 'Where'),
  reduction(sumOp, 'ReduceSum'),
  reduction(maxOp, 'ReduceMax'),
  product,
  ...layout,
  rule(topKOp, (node, to) =>
    to.emitMany('TopK', [to.name(node.input(0)), to.ints([node.attributes.k])], [true, true]),
  ),
];
