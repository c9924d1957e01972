import { describe, expect, test } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import * as g from '../../src/graph/index.ts';
import { expectGradients, type Operand } from './central-differences.ts';

const x: Operand = { shape: [3, 4] };
const positive: Operand = { shape: [3, 4], low: 0.5, high: 2 };

describe('gradients agree with central differences', () => {
  const binary: [string, (a: g.Tensor, b: g.Tensor) => g.Tensor][] = [
    ['add', g.add],
    ['sub', g.sub],
    ['mul', g.mul],
    ['div', g.div],
  ];
  const shapes: [g.Shape, g.Shape][] = [
    [
      [3, 4],
      [3, 4],
    ],
    [[3, 4], [4]],
    [
      [2, 1, 4],
      [3, 1],
    ],
    [[], [2, 3]],
    [
      [5, 1],
      [1, 4],
    ],
  ];
  for (const [name, op] of binary) {
    for (const [a, b] of shapes) {
      test(`${name} of [${a}] and [${b}]`, () =>
        expectGradients([{ shape: a }, { shape: b, low: 0.5, high: 2 }], op));
    }
  }
  test('maximum, away from ties', () =>
    expectGradients(
      [
        { shape: [3, 4], low: 0, high: 1 },
        { shape: [4], low: 1.1, high: 2 },
      ],
      g.maximum,
    ));

  const unary: [string, (a: g.Tensor) => g.Tensor, Operand][] = [
    ['neg', g.neg, x],
    ['exp', g.exp, x],
    ['log', g.log, positive],
    ['sqrt', g.sqrt, positive],
    ['square', g.square, x],
    ['tanh', g.tanh, x],
    ['erf', g.erf, x],
    ['gelu', g.gelu, { shape: [4, 5], low: -3, high: 3 }],
    ['relu of positive values', g.relu, positive],
    ['relu of negative values', g.relu, { shape: [3, 4], low: -2, high: -0.5 }],
    ['scale', (a) => g.scale(a, -2.5), x],
    ['shift', (a) => g.shift(a, 3), x],
    ['softmax', g.softmax, x],
    ['softmax of three axes', g.softmax, { shape: [2, 3, 4] }],
    ['logSoftmax', g.logSoftmax, x],
    ['sum over all', (a) => g.sum(a), x],
    ['sum over axis 0', (a) => g.sum(a, { axes: [0] }), x],
    ['sum over axes 0 and 2, kept', (a) => g.sum(a, { axes: [0, 2], keep: true }), { shape: [2, 3, 4] }],
    ['sumOfSquares over all', (a) => g.sumOfSquares(a), x],
    ['sumOfSquares over axis 1', (a) => g.sumOfSquares(a, { axes: [1] }), { shape: [2, 3, 4] }],
    [
      'sumOfSquares over axes 0 and 2, kept',
      (a) => g.sumOfSquares(a, { axes: [0, 2], keep: true }),
      { shape: [2, 3, 4] },
    ],
    ['mean over the last axis', (a) => g.mean(a, { axes: [-1] }), x],
    ['max over axis 1', (a) => g.max(a, { axes: [1] }), x],
    ['reshape', (a) => g.reshape(a, [2, -1]), x],
    ['transpose', (a) => g.transpose(a, [2, 0, 1]), { shape: [2, 3, 4] }],
    ['slice', (a) => g.slice(a, 1, 1, 3), x],
    ['slice with a stride that divides', (a) => g.slice(a, 1, 0, 4, 2), x],
    ['slice with a stride that does not divide', (a) => g.slice(a, 0, 1, 5, 3), { shape: [5, 2] }],
    ['pad', (a) => g.pad(a, 0, 1, 2), x],
    ['crop', (a) => g.crop(a, 1, 3), x],
    ['expand', (a) => g.expand(a, [2, 3, 4]), { shape: [3, 1] }],
    ['gather along axis 0, with repeats', (a) => g.gather(a, g.indices([2, 0, 2, 1]), 0), x],
    ['gather along axis 1', (a) => g.gather(a, g.indices([3, 3, 0]), 1), { shape: [2, 4, 3] }],
    [
      'scatterAdd along axis 1, with repeats',
      (a) => g.scatterAdd(a, g.indices([3, 0, 3]), 5, 1),
      { shape: [2, 3, 4] },
    ],
    ['l2Normalize', (a) => g.l2Normalize(a), x],
    [
      'windows with overlap',
      (a) => g.unfold(a, { kernel: 3, stride: 2, padding: 1 }),
      { shape: [2, 5, 4, 2] },
    ],
    ['windows side by side', (a) => g.unfold(a, { kernel: 2, stride: 2 }), { shape: [1, 4, 6, 3] }],
    ['meanPool', (a) => g.meanPool(a, { kernel: 2, stride: 2 }), { shape: [2, 4, 4, 2] }],
    [
      'a sum of slices that tile',
      (a) => g.concat([g.slice(a, 0, 2, 3), g.square(g.slice(a, 0, 0, 2))], 0),
      x,
    ],
  ];
  for (const [name, op, operand] of unary) test(name, () => expectGradients([operand], op));
  // A smaller step: it must not change which element is the largest.
  test('maxPool', () =>
    expectGradients([{ shape: [1, 4, 4, 2] }], (a) => g.maxPool(a, { kernel: 3, stride: 2, padding: 1 }), {
      step: 1e-3,
      tolerance: 5e-3,
    }));
  test('maxPool of windows side by side, with a row that none reaches', () =>
    expectGradients([{ shape: [2, 5, 4, 3] }], (a) => g.maxPool(a, { kernel: 2, stride: 2 }), {
      step: 1e-3,
      tolerance: 5e-3,
    }));
  test('maxPool: the largest values of a window share its gradient equally', async () => {
    const x = g.input('x', [1, 2, 3, 1]);
    const y = g.maxPool(x, { kernel: 2 }); // two windows, which overlap in the middle column
    const [gradient] = g.gradients(g.sum(g.mul(y, g.constant([1, 10], y.shape))), [x]);
    const program = await ortNode.load({ gradient: gradient! }, { threads: 1 });
    const { gradient: got } = await evaluate(program, { x: Float32Array.of(3, 3, 1, 0, 3, 2) });
    expect([...got!].map((value) => Math.round(value * 6))).toEqual([2, 2 + 30, 0, 0, 2 + 30, 0]);
    await program.dispose();
  });

  const conditions = g.greater(g.constant([1, -1, 1, -1], [4]), g.scalar(0));
  test('where', () => expectGradients([x, { shape: [4] }], (a, b) => g.where(conditions, a, b)));
  test('concat', () => expectGradients([x, { shape: [3, 2] }], (a, b) => g.concat([a, b, a], 1)));

  for (const transA of [false, true]) {
    for (const transB of [false, true]) {
      test(`gemm, transA ${transA}, transB ${transB}`, () =>
        expectGradients([{ shape: transA ? [4, 3] : [3, 4] }, { shape: transB ? [5, 4] : [4, 5] }], (a, b) =>
          g.gemm(a, b, { transA, transB, alpha: 0.7 }),
        ));
      for (const rowsFirst of [false, true]) {
        test(`matmul, transA ${transA}, transB ${transB}, rows first ${rowsFirst}`, () => {
          const layout = (rows: number, columns: number): Operand => ({
            shape: rowsFirst ? [rows, 2, 3, columns] : [2, 3, rows, columns],
          });
          return expectGradients(
            [transA ? layout(4, 2) : layout(2, 4), transB ? layout(3, 4) : layout(4, 3)],
            (a, b) =>
              g.matmul(a, b, { transA, transB, rowsFirstA: rowsFirst, rowsFirstB: rowsFirst, alpha: 1.3 }),
          );
        });
      }
    }
  }
  test('matmul with broadcast batches', () =>
    expectGradients([{ shape: [2, 1, 3, 4] }, { shape: [5, 4, 2] }], (a, b) => g.matmul(a, b)));
  test('gemm with an addend', () =>
    expectGradients([{ shape: [3, 4] }, { shape: [4, 2] }, { shape: [3, 2] }], (a, b, c) =>
      g.gemm(a, b, { plus: c }),
    ));
  test('linear', () => expectGradients([{ shape: [2, 3, 4] }, { shape: [5, 4] }], g.linear));
  test('layerNorm', () =>
    expectGradients([{ shape: [2, 3, 6] }, { shape: [6] }, { shape: [6] }], (a, w, b) =>
      g.layerNorm(a, w, b, 1e-3),
    ));
  test('batchNormTrain', () =>
    expectGradients(
      [{ shape: [5, 3] }, { shape: [3] }, { shape: [3] }],
      (a, w, b) => g.batchNormTrain(a, w, b, 1e-3).y,
    ));
  test('batchNorm by given statistics', () =>
    expectGradients(
      [{ shape: [2, 2, 3] }, { shape: [3] }, { shape: [3], low: 0.5, high: 2 }, { shape: [3] }],
      (a, m, v, w) => g.batchNorm(a, { mean: m, variance: v }, w, w, 1e-3),
    ));
  test('weightNormLinear', () =>
    expectGradients(
      [{ shape: [3, 4] }, { shape: [5, 4] }, { shape: [5, 1], low: 0.5, high: 2 }],
      g.weightNormLinear,
    ));
  const convolutions: [number, number, number, number][] = [
    // side, kernel, stride, padding
    [5, 3, 1, 1],
    [5, 3, 2, 1],
    [6, 3, 2, 1],
    [6, 3, 2, 0],
    [5, 3, 1, 0],
    [5, 1, 2, 0],
    [4, 1, 1, 0],
    [4, 2, 2, 0],
    [7, 5, 3, 2],
  ];
  for (const [side, kernel, stride, padding] of convolutions) {
    test(`conv2d of ${side} x ${side} pixels, kernel ${kernel}, stride ${stride}, padding ${padding}`, () =>
      expectGradients([{ shape: [2, side, side, 2] }, { shape: [3, 2, kernel, kernel] }], (a, w) =>
        g.conv2d(a, w, { stride, padding }),
      ));
  }
  // The one pixel that it sees is the first: the pixels that it skips do not count.
  test('conv2d that skips pixels', () =>
    expectGradients([{ shape: [2, 2, 2, 4] }, { shape: [3, 4, 1, 1] }], (a, w) =>
      g.conv2d(a, w, { stride: 2 }),
    ));
  for (const [kernel, padding] of [
    [3, 1],
    [2, 0],
    [3, 2],
  ] as const) {
    test(`depthwise, kernel ${kernel}, padding ${padding}`, () =>
      expectGradients([{ shape: [2, 4, 3, 2] }, { shape: [2, 1, kernel, kernel] }], (a, w) =>
        g.depthwise(a, w, { padding }),
      ));
  }
  test('patchProjection, with pixels left over', () =>
    expectGradients([{ shape: [2, 3, 5, 4] }, { shape: [4, 3, 2, 2] }, { shape: [4] }], g.patchProjection));
  // The weight's gradient is a product of another order with many results.
  test('conv2d with more than 32 results', () =>
    expectGradients([{ shape: [2, 4, 4, 2] }, { shape: [33, 2, 3, 3] }], (a, w) =>
      g.conv2d(a, w, { stride: 2, padding: 1 }),
    ));
  test('crossEntropy against a fixed distribution', () =>
    expectGradients([{ shape: [3, 4] }], (a) => g.crossEntropy(a, g.constant([0.1, 0.2, 0.3, 0.4], [4]), 1)));
  for (const queries of [1, 3]) {
    test(`attention of ${queries} queries to 4 tokens`, () =>
      expectGradients(
        [{ shape: [queries, 2, 6] }, { shape: [4, 2, 6] }, { shape: [4, 2, 6] }],
        (q, k, v) => g.attention(q, k, v, 2).context,
      ));
  }
  test('attention through the probabilities', () =>
    expectGradients([{ shape: [2, 2, 6] }, { shape: [3, 2, 6] }, { shape: [3, 2, 6] }], (q, k, v) => {
      const { context, probabilities } = g.attention(q, k, v, 3);
      return g.add(g.sum(g.square(context)), g.sum(g.square(probabilities)));
    }));
});
