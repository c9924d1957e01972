/** What is faster on a CPU in another way than primitive by primitive, most of it by ONNX Runtime's kernels for compounds. */
import { geluOp, logSoftmaxOp, softmaxOp } from '../../ops/activation.ts';
import { attentionOp, headScale } from '../../ops/attention.ts';
import { addends, reluOp, scaleOp, shiftOp, squareOp } from '../../ops/elementwise.ts';
import { layerNormOp } from '../../ops/normalize.ts';
import { gemmOp, matmulOp } from '../../ops/product.ts';
import { sumOfSquaresOp, sumOp } from '../../ops/reduce.ts';
import type { Tensor } from '../../tensor.ts';
import { oneNode, type Rule, rule } from '../onnx/lowering.ts';
import { reduction } from '../onnx/primitives.ts';

const flag = (on: boolean) => ({ int: on ? 1 : 0 });
const fused = 'com.microsoft';

/** A bias that was added before goes into the same pass. */
const gelu = rule(geluOp, (node, to) => {
  const x = node.input(0);
  const [before, bias] = addends(x) ?? [];
  if (before !== undefined && bias?.rank === 1)
    return [to.emit('BiasGelu', [to.name(before), to.name(bias)], { domain: fused })];
  return [to.emit('Gelu', [to.name(x)])];
});

/** Column sums of a matrix are faster as a product with a row of ones: ORT's ReduceSum over axis 0 does not vectorize well. */
const columnSums = rule(sumOp, (node, to) => {
  const { axes, keep } = node.attributes;
  const x = node.input(0);
  if (x.rank !== 2 || axes.length !== 1 || axes[0] !== 0)
    return reduction(sumOp, 'ReduceSum').lower(node, to);
  const ones = to.floats(new Float32Array(x.dim(0)).fill(1), [1, x.dim(0)]);
  const row = to.emit('Gemm', [ones, to.name(x)]);
  return [keep ? row : to.emit('Reshape', [row, to.ints([x.dim(1)])])];
});

const matmul = rule(matmulOp, (node, to) => {
  const { transA, transB, rowsFirstA, rowsFirstB, alpha } = node.attributes;
  const operands = node.inputs.map((x) => to.name(x));
  const isPlain = !transA && !transB && !rowsFirstA && !rowsFirstB && alpha === 1;
  if (isPlain) return [to.emit('MatMul', operands)];
  const attributes = {
    transA: flag(transA),
    transB: flag(transB),
    transBatchA: flag(rowsFirstA),
    transBatchB: flag(rowsFirstB),
    alpha: { float: alpha },
  };
  return [to.emit('FusedMatMul', operands, { attributes, domain: fused })];
});

/**
 * Heads and images are one batch axis of the operator, which then needs no transposition. For a single query two products
 * and a softmax are faster.
 */
const attention = rule(attentionOp, (node, to) => {
  const { heads } = node.attributes;
  const [q, k, v] = [node.input(0), node.input(1), node.input(2)];
  const [m, n, b, d] = [q.dim(0), k.dim(0), q.dim(1), q.dim(2)];
  const scale = { float: headScale(node) };
  if (m === 1) {
    const byHead = (x: Tensor): string =>
      to.emit('Reshape', [to.name(x), to.ints([x.dim(0), b, heads, d / heads])]);
    const scores = to.emit('FusedMatMul', [byHead(q), byHead(k)], {
      domain: fused,
      attributes: {
        transBatchA: flag(true),
        transBatchB: flag(true),
        transB: flag(true),
        alpha: scale,
      },
    });
    const p = to.emit('Softmax', [scores], { attributes: { axis: { int: -1 } } });
    const context = to.emit('FusedMatMul', [p, byHead(v)], {
      domain: fused,
      attributes: { transBatchB: flag(true) },
    });
    return [to.emit('Reshape', [context, to.ints([m, b, d])]), p];
  }
  const wantsProbabilities = to.used(node.output(1));
  const flat = (x: Tensor): string => to.emit('Reshape', [to.name(x), to.ints([1, x.dim(0), b * d])]);
  const [y = '', , , p = ''] = to.emitMany(
    'Attention',
    [flat(q), flat(k), flat(v)],
    [true, false, false, wantsProbabilities],
    {
      attributes: {
        q_num_heads: { int: b * heads },
        kv_num_heads: { int: b * heads },
        scale,
        ...(wantsProbabilities ? { qk_matmul_output_mode: { int: 3 } } : {}),
      },
    },
  );
  return [
    to.emit('Reshape', [y, to.ints([m, b, d])]),
    wantsProbabilities ? to.emit('Reshape', [p, to.ints([b, heads, m, n])]) : '',
  ];
});

/** What ONNX itself has, of every version since 17. */
export const standardCompounds: readonly Rule[] = [
  rule(scaleOp, (node, to) => [
    to.emit('Mul', [to.name(node.input(0)), to.floats([node.attributes.factor], [])]),
  ]),
  rule(shiftOp, (node, to) => [
    to.emit('Add', [to.name(node.input(0)), to.floats([node.attributes.offset], [])]),
  ]),
  rule(squareOp, (node, to) => [to.emit('Mul', [to.name(node.input(0)), to.name(node.input(0))])]),
  oneNode(reluOp, 'Relu'),
  oneNode(gemmOp, 'Gemm', ({ attributes: { transA, transB, alpha } }) => ({
    transA: flag(transA),
    transB: flag(transB),
    alpha: { float: alpha },
  })),
  oneNode(softmaxOp, 'Softmax', () => ({ axis: { int: -1 } })),
  oneNode(logSoftmaxOp, 'LogSoftmax', () => ({ axis: { int: -1 } })),
  rule(layerNormOp, (node, to) =>
    to.emitMany(
      'LayerNormalization',
      node.inputs.map((x) => to.name(x)),
      node.outputs.map((x, i) => i === 0 || to.used(x)),
      { attributes: { axis: { int: -1 }, epsilon: { float: node.attributes.eps } } },
    ),
  ),
];

export const compounds: readonly Rule[] = [
  columnSums,
  ...standardCompounds,
  rule(sumOfSquaresOp, (node, to) => {
    const { axes, keep } = node.attributes;
    const attributes = { keepdims: flag(keep) };
    return [to.emit('ReduceSumSquare', [to.name(node.input(0)), to.ints(axes)], { attributes })];
  }),
  matmul,
  gelu,
  attention,
];
