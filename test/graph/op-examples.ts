/** A use of every op, for tests that compare ways of computing it. */
import * as g from '../../src/graph/index.ts';
import { topological } from '../../src/graph/traverse.ts';
import { Random } from '../../src/random/random.ts';

const x = g.input('x', [3, 4]);
const positive = g.exp(x);
export const wide = g.input('wide', [2, 3, 4]);
const [a, b] = [g.input('a', [4, 6]), g.input('b', [6, 5])];
const image = g.input('image', [2, 5, 5, 3]);
const tokens = (name: string, n: number): g.Tensor => g.input(name, [n, 2, 6]);
const perRow = g.input('per row', [4]);

/** What is differentiated in its inputs, too. */
export const smooth: Readonly<Record<string, g.Tensor>> = {
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
export const others = [
  g.cast(g.topK(wide, 2).positions, 'f32'),
  ...g.gradients(g.sum(g.gather(wide, g.indices([1, 1]), 0)), [wide]),
];

/** Noise for every input. */
export function valuesFor(
  inputs: ReadonlyMap<string, g.TensorType>,
): Record<string, Float32Array<ArrayBuffer>> {
  return Object.fromEntries(
    [...inputs].map(([name, { shape }]) => {
      const random = new Random(3, name);
      return [name, Float32Array.from({ length: g.sizeOf(shape) }, () => random.normal())];
    }),
  );
}

/** The floats that a result is computed from. */
export function inputsOf(result: g.Tensor): g.Tensor[] {
  return topological([result])
    .filter(({ op }) => op.name === 'input')
    .map((node) => node.output());
}

/** A result and its gradients in everything that it is computed from. */
export function withGradients(result: g.Tensor): g.Results {
  const weights = g.constant(
    Float32Array.from({ length: result.size }, (_, i) => Math.sin(i + 1)),
    result.shape,
  );
  const gradients = g.gradients(g.sum(g.mul(result, weights)), inputsOf(result));
  return { result, ...Object.fromEntries(gradients.map((each, i) => [`gradient ${i}`, each])) };
}
