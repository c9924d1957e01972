/**
 * Every op means the same taken apart into primitives, as ONNX Runtime's own kernels compute it and as any runtime does: values
 * and gradients.
 * The primitives alone are what other targets are tested against.
 */
import { describe, expect, test } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import * as g from '../../src/graph/index.ts';
import * as activation from '../../src/graph/ops/activation.ts';
import * as attention from '../../src/graph/ops/attention.ts';
import * as convolution from '../../src/graph/ops/convolution.ts';
import * as depthwise from '../../src/graph/ops/depthwise.ts';
import * as elementwise from '../../src/graph/ops/elementwise.ts';
import * as layout from '../../src/graph/ops/layout.ts';
import * as leaf from '../../src/graph/ops/leaf.ts';
import * as normalize from '../../src/graph/ops/normalize.ts';
import * as patches from '../../src/graph/ops/patches.ts';
import * as pooling from '../../src/graph/ops/pooling.ts';
import * as product from '../../src/graph/ops/product.ts';
import * as reduce from '../../src/graph/ops/reduce.ts';
import * as select from '../../src/graph/ops/select.ts';
import { decompose } from '../../src/graph/passes/decompose.ts';
import { topological } from '../../src/graph/traverse.ts';
import { classifier } from '../../src/method/classifier.ts';
import { dino } from '../../src/method/dino.ts';
import { Random } from '../../src/random/random.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { gridVit, tinyHead, tinyHybrid, tinyResnet, tinyXcit } from '../model/tiny-networks.ts';

const x = g.input('x', [3, 4]);
const positive = g.exp(x);
const wide = g.input('wide', [2, 3, 4]);
const [a, b] = [g.input('a', [4, 6]), g.input('b', [6, 5])];
const image = g.input('image', [2, 5, 5, 3]);
const tokens = (name: string, n: number): g.Tensor => g.input(name, [n, 2, 6]);
const perRow = g.input('per row', [4]);

/** What is differentiated in its inputs, too. */
const smooth: Readonly<Record<string, g.Tensor>> = {
  add: g.add(x, perRow),
  sub: g.sub(x, perRow),
  mul: g.mul(x, perRow),
  div: g.div(x, g.exp(perRow)),
  maximum: g.maximum(x, perRow),
  where: g.where(g.greater(x, perRow), x, g.neg(x)),
  equal: g.where(g.equal(x, x), x, g.scale(x, 2)),
  'neg, exp, log, sqrt': g.neg(g.log(g.sqrt(positive))),
  'tanh, erf': g.tanh(g.erf(x)),
  'relu, square, scale, shift': g.shift(g.scale(g.square(g.relu(x)), 3), -1),
  stopGradient: g.mul(x, g.stopGradient(g.exp(x))),
  gelu: g.gelu(x),
  'gelu of a sum with a bias': g.gelu(g.add(x, perRow)),
  softmax: g.softmax(wide),
  logSoftmax: g.logSoftmax(wide),
  crossEntropy: g.crossEntropy(wide, g.softmax(g.stopGradient(g.neg(wide)))),
  'sum, mean': g.add(g.sum(x, { axes: [0] }), g.mean(wide, { axes: [0, 1] })),
  max: g.max(wide, { axes: [1], keep: true }),
  sumOfSquares: g.sumOfSquares(wide, { axes: [0, 2], keep: true }),
  gemm: g.gemm(a, b, { alpha: 0.5 }),
  'gemm, transposed and added to': g.gemm(b, a, { transA: true, transB: true, plus: g.input('c', [5, 4]) }),
  'matmul of batches': g.matmul(wide, g.input('m', [2, 4, 5]), { alpha: 2 }),
  'matmul, transposed': g.matmul(wide, g.input('n', [2, 3, 5]), { transA: true }),
  'matmul, rows first and broadcast': g.matmul(g.input('r', [3, 2, 4]), g.input('s', [1, 5, 4]), {
    rowsFirstA: true,
    transB: true,
  }),
  'matmul of rows first and a batch they lack': g.matmul(g.input('t', [3, 4]), g.input('u', [3, 4, 5]), {
    rowsFirstA: true,
  }),
  product: g.product(g.input('p', [2, 3, 4, 5]), g.input('q', [4, 2, 6, 3]), {
    batch: [[0], [1]],
    contract: [
      [2, 1],
      [0, 3],
    ],
  }),
  'attention of several queries': g.attention(tokens('q3', 3), tokens('k5', 5), tokens('v5', 5), 2).context,
  'attention of one query': g.attention(tokens('q1', 1), tokens('k5', 5), tokens('v5', 5), 3).context,
  'probabilities of attention': g.attention(tokens('q3', 3), tokens('k5', 5), tokens('v5', 5), 2)
    .probabilities,
  layerNorm: g.layerNorm(wide, perRow, g.neg(perRow), 1e-6),
  batchNorm: g.batchNormTrain(image, g.input('w3', [3]), g.input('b3', [3]), 1e-5).y,
  l2Normalize: g.l2Normalize(x),
  weightNormLinear: g.weightNormLinear(x, g.input('v', [5, 4]), g.input('lengths', [5, 1])),
  conv2d: g.conv2d(image, g.input('kernel', [4, 3, 3, 3]), { stride: 2, padding: 1 }),
  depthwise: g.depthwise(image, g.input('own kernels', [3, 1, 3, 3]), { padding: 1 }),
  patchProjection: g.patchProjection(image, g.input('patches', [4, 5, 2, 2]), perRow),
  crop: g.crop(wide, 1, 2),
  maxPool: g.maxPool(image, { kernel: 3, stride: 2, padding: 1 }),
  meanPool: g.meanPool(image, { kernel: 2 }),
  'reshape, transpose': g.transpose(g.reshape(wide, [6, 4])),
  'slice, pad, concat': g.concat(
    [g.pad(g.slice(wide, 2, 1, 3), 1, 1, 0, 0.5), g.pad(g.slice(wide, 2, 0, 4, 2), 1, 0, 1)],
    2,
  ),
  expand: g.expand(g.reshape(perRow, [4, 1]), [2, 4, 3]),
  gather: g.gather(wide, g.indices([2, 0, 2, 1]), 1),
};

/** What has no gradient of its own, or comes up in gradients only. */
const others = [
  g.cast(g.topK(wide, 2).positions, 'f32'),
  ...g.gradients(g.sum(g.gather(wide, g.indices([1, 1]), 0)), [wide]),
];

function valuesFor(inputs: ReadonlyMap<string, g.TensorType>): Record<string, Float32Array> {
  return Object.fromEntries(
    [...inputs].map(([name, { shape }]) => {
      const random = new Random(3, name);
      return [name, Float32Array.from({ length: g.sizeOf(shape) }, () => random.normal())];
    }),
  );
}

async function run(target: typeof g.onnxCpu, results: g.Results): Promise<Record<string, Float32Array>> {
  const program = await ortNode.loadOnnx(target.compile(results), { threads: 1 });
  try {
    return await evaluate(program, valuesFor(program.inputs));
  } finally {
    await program.dispose();
  }
}

async function expectSame(results: g.Results, tolerance = 1e-5): Promise<void> {
  const apart = await run(g.onnxPrimitives, results);
  for (const target of [g.onnxCpu, g.onnxPortable]) {
    const own = await run(target, results);
    for (const [name, values] of Object.entries(apart)) {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
      const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - own[name]![i]!)), 0);
      expect(worst / largest, `${name}, ${target.name}`).toBeLessThan(tolerance);
      expect(values.every(Number.isFinite), name).toBe(true);
    }
  }
}

/** The floats that a result is computed from. */
function inputsOf(result: g.Tensor): g.Tensor[] {
  return topological([result])
    .filter(({ op }) => op.name === 'input')
    .map((node) => node.output());
}

describe('taken apart into primitives and by kernels for compounds', () => {
  test.each(Object.entries(smooth))('%s has the same values and gradients', async (_, result) => {
    const weights = g.constant(
      Float32Array.from({ length: result.size }, (_, i) => Math.sin(i + 1)),
      result.shape,
    );
    const inputs = inputsOf(result);
    const gradients = g.gradients(g.sum(g.mul(result, weights)), inputs);
    await expectSame({ result, ...Object.fromEntries(gradients.map((each, i) => [`gradient ${i}`, each])) });
  });

  test('the largest elements and their positions', async () => {
    const { values, positions } = g.topK(wide, 2);
    await expectSame({ values, positions: g.cast(positions, 'f32') });
  });

  test.each(Object.entries(smooth))(
    '%s has the slices of its values, however they are computed',
    async (_, y) => {
      const slices = y.shape.flatMap((size, axis) => (size > 1 ? [g.slice(y, axis, 1, size)] : []));
      for (const slice of slices) {
        const [moved = slice] = g.hoistSlices([slice]);
        const { wanted, got } = await run(g.onnxCpu, {
          wanted: g.scale(slice, 1.5),
          got: g.scale(moved, 1.5),
        });
        const largest = wanted!.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
        for (const [i, value] of wanted!.entries())
          expect(Math.abs(value - got![i]!) / largest, `${slice.shape} ${i}`).toBeLessThan(1e-5);
      }
    },
  );

  test('every op is here', () => {
    const modules = [
      activation,
      attention,
      convolution,
      depthwise,
      elementwise,
      layout,
      leaf,
      normalize,
      patches,
      pooling,
      product,
      reduce,
      select,
    ];
    const all = modules.flatMap((module) =>
      Object.entries(module).flatMap(([name, op]) => (/^[a-zA-Z]+Op$/.test(name) ? [op] : [])),
    );
    const seen = new Set<unknown>(topological([...Object.values(smooth), ...others]).map(({ op }) => op));
    expect(all.length).toBeGreaterThan(40);
    expect(all.filter((op) => !seen.has(op)).map((op) => (typeof op === 'object' ? op.name : op))).toEqual(
      [],
    );
  });

  const settings = { viewSizes: [16, 16, 8], studentTemp: 0.1, centerMomentum: 0.9, dropPathRate: 0 };
  const methods = {
    'DINO on a ViT': dino({ backbone: gridVit, head: tinyHead, ...settings }),
    'DINO on a hybrid with Sinkhorn centering': dino({
      ...{ backbone: tinyHybrid, head: tinyHead, ...settings },
      centering: 'sinkhorn',
    }),
    'DINO on a ResNet': dino({ backbone: tinyResnet, head: tinyHead, ...settings }),
    'DINO on an XCiT with drop path': dino({
      ...{ backbone: { ...tinyXcit, patchSize: 4 }, head: tinyHead, ...settings },
      dropPathRate: 0.1,
    }),
    'a classifier': classifier({
      backbone: gridVit,
      classes: 3,
      size: 16,
      labelSmoothing: 0.1,
      dropPathRate: 0.1,
      label: (i) => i % 3,
    }),
  };
  test.each(Object.entries(methods))('a whole step of %s is the same', async (_, method) => {
    const { results } = traceStep({ method, channels: 3, batchSize: 2 });
    await expectSame(results, 2e-4);
  });
});

test('what is left after taking apart is a short list of primitives', () => {
  const { results } = traceStep({
    method: dino({
      backbone: {
        kind: 'vit',
        imageSize: 8,
        patchSize: 4,
        channels: 3,
        dim: 4,
        depth: 1,
        heads: 1,
        mlpRatio: 2,
      },
      head: { outDim: 4, hiddenDim: 4, bottleneckDim: 4, layers: 2, useBn: true, normLastLayer: true },
      ...{ viewSizes: [8, 8], studentTemp: 0.1, centerMomentum: 0.9, dropPathRate: 0.1 },
    }),
    channels: 3,
    batchSize: 2,
  });
  const all = decompose([...Object.values(smooth), ...Object.values(results), ...others], () => false);
  expect([...new Set(topological(all).map(({ op }) => op.name))].sort()).toEqual([
    ...['add', 'cast', 'concat', 'constant', 'div', 'equal', 'erf', 'exp', 'expand', 'gather', 'greater'],
    ...['input', 'log', 'max', 'maximum', 'mul', 'neg', 'pad', 'product', 'reshape', 'scatterAdd', 'slice'],
    ...['sqrt', 'sub', 'sum', 'tanh', 'topK', 'transpose', 'where'],
  ]);
});
