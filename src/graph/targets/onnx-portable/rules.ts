/** ONNX that every runtime of the last years reads: operators of opset 17, none of an extension. */
import { geluOp } from '../../ops/activation.ts';
import { matmulOp, productOp } from '../../ops/product.ts';
import { maxOp, sumOp } from '../../ops/reduce.ts';
import { cropOp } from '../../ops/select.ts';
import type { Tensor } from '../../tensor.ts';
import { type Lowering, oneNode, type Rule, rule } from '../onnx/lowering.ts';
import { product as anyProduct, primitives, reduction } from '../onnx/primitives.ts';
import { standardCompounds } from '../onnx-cpu/compounds.ts';
import { convOp, largestOp } from './channels-first.ts';
import { meanOp } from './form.ts';

/** Versions of the operators that models are written in: the usual one, and the first with an antialiased `Resize`. */
export type PortableOpset = 17 | 18;

/** Before opset 18 most reductions have their axes as an attribute. */
const olderReduction = (op: typeof sumOp, opType: string): Rule =>
  oneNode(op, opType, ({ attributes: { axes, keep } }) => ({
    axes: { ints: axes },
    keepdims: { int: keep ? 1 : 0 },
  }));

/** A linear layer is one product with the transposed weight, which is a constant in the end. */
const product = rule(productOp, (node, to) => {
  const { batchA, contractA, contractB } = node.attributes;
  const [x, weight] = [node.input(0), node.input(1)];
  const isLinear =
    batchA.length === 0 && weight.rank === 2 && contractA.length === 1 && contractA[0] === x.rank - 1;
  if (!isLinear) return anyProduct.lower(node, to);
  const columns = contractB[0] === 0 ? to.name(weight) : transposed(to.name(weight), [1, 0], to);
  return [to.emit('MatMul', [to.name(x), columns])];
});

const matmul = rule(matmulOp, (node, to) => {
  const { transA, transB, rowsFirstA, rowsFirstB, alpha } = node.attributes;
  const a = operand(node.input(0), rowsFirstA, transA, to);
  const scaled = alpha === 1 ? a : to.emit('Mul', [a, to.floats([alpha], [])]);
  return [to.emit('MatMul', [scaled, operand(node.input(1), rowsFirstB, transB, to)])];
});

/** An operand as [...batch, rows, columns]. */
function operand(x: Tensor, rowsFirst: boolean, isTransposed: boolean, to: Lowering): string {
  const all = Array.from(x.shape.keys());
  const plain = rowsFirst ? [...all.slice(1, -1), 0, x.rank - 1] : all;
  const order = isTransposed ? [...plain.slice(0, -2), ...plain.slice(-2).reverse()] : plain;
  return order.every((axis, i) => axis === i) ? to.name(x) : transposed(to.name(x), order, to);
}

function transposed(x: string, order: readonly number[], to: Lowering): string {
  return to.emit('Transpose', [x], { attributes: { perm: { ints: order } } });
}

/** x / 2 (1 + erf(x / sqrt 2)), the way of writing it that runtimes know and fuse. */
const gelu = rule(geluOp, (node, to) => {
  const x = to.name(node.input(0));
  const erf = to.emit('Erf', [to.emit('Div', [x, to.floats([Math.SQRT2], [])])]);
  const gate = to.emit('Add', [erf, to.floats([1], [])]);
  return [to.emit('Mul', [to.emit('Mul', [x, gate]), to.floats([0.5], [])])];
});

const conv = oneNode(convOp, 'Conv', (node) => {
  const { groups, ...window } = node.attributes;
  const kernel = node.input(1).dim(2);
  return { ...windowAttributes({ kernel, ...window }), ...(groups > 1 ? { group: { int: groups } } : {}) };
});

const largest = oneNode(largestOp, 'MaxPool', ({ attributes }) => windowAttributes(attributes));

const windowAttributes = ({ kernel, stride, padding }: Record<'kernel' | 'stride' | 'padding', number>) => ({
  kernel_shape: { ints: [kernel, kernel] },
  strides: { ints: [stride, stride] },
  pads: { ints: [padding, padding, padding, padding] },
});

const crop = rule(cropOp, (node, to) => {
  const { axis, size } = node.attributes;
  return [to.emit('Slice', [to.name(node.input(0)), to.ints([0]), to.ints([size]), to.ints([axis])])];
});

export function portableRules(opset: PortableOpset): readonly Rule[] {
  const reduce = opset < 18 ? olderReduction : reduction;
  return [
    ...primitives,
    ...standardCompounds,
    reduction(sumOp, 'ReduceSum'),
    reduce(maxOp, 'ReduceMax'),
    reduce(meanOp, 'ReduceMean'),
    product,
    matmul,
    gelu,
    conv,
    largest,
    crop,
  ];
}
