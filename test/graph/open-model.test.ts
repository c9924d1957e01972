/** One model for images of any size: equal to the programs of single sizes, or refused. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it, test } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import * as g from '../../src/graph/index.ts';
import { encodeOnnx } from '../../src/graph/targets/onnx/onnx-file.ts';
import {
  convolved,
  formulaOf,
  type ImageSize,
  PIXELS,
  TRACED,
  valueAt,
} from '../../src/graph/targets/onnx-portable/size-formula.ts';
import { Random } from '../../src/random/random.ts';

const images = { name: 'images', channels: 3 };

function noise(name: string, count: number, least = -Infinity): Float32Array {
  const random = new Random(4, name);
  return Float32Array.from({ length: count }, () => Math.max(random.normal(), least));
}

const SIZES: Readonly<Record<string, number>> = { weight: 8 * 27, deeper: 8 * 72, narrow: 4 * 8, own: 72 };
const weight = (name: string): Float32Array => {
  const isVariance = name.endsWith('variance');
  return noise(name, SIZES[name] ?? 8, isVariance ? 0.5 : undefined).map((x) => (isVariance ? x : 0.3 * x));
};

/** A convolution with batch norm by running statistics. */
function normed(x: g.Tensor, name: string, stride: number): g.Tensor {
  const channels = x.dim(3);
  const y = g.conv2d(x, g.input(name, [8, channels, 3, 3]), { stride, padding: 1 });
  const per = (what: string): g.Tensor => g.input(`${name} ${what}`, [8]);
  return g.batchNorm(y, { mean: per('mean'), variance: per('variance') }, per('scale'), per('shift'), 1e-5);
}

const residual = (x: g.Tensor): g.Tensor => {
  const first = g.relu(normed(g.transpose(x, [0, 2, 3, 1]), 'weight', 2));
  return g.relu(g.add(normed(first, 'deeper', 1), first));
};

/** Each with what a network does somewhere. */
const traces: Readonly<Record<string, (x: g.Tensor) => g.Tensor>> = {
  'a residual block': residual,
  'the mean of a map': (x) => g.mean(residual(x), { axes: [1, 2] }),
  'a layer over the places of a map': (x) => g.linear(residual(x), g.input('narrow', [4, 8])),
  'a map over a grid of twice its rows, without the last one where there is one too many': (x) => {
    const map = residual(x);
    const [b, h, w] = [map.dim(0), map.dim(1), map.dim(2)];
    const four = g.expand(g.reshape(map, [b, h, 1, w, 1, 8]), [b, h, 2, w, 2, 8]);
    return g.crop(g.crop(g.reshape(four, [b, 2 * h, 2 * w, 8]), 1, x.dim(2)), 2, x.dim(3));
  },
  'tokens first, with one more': (x) => {
    const map = g.scale(residual(x), 0.1);
    const [b, n] = [map.dim(0), map.dim(1) * map.dim(2)];
    const tokens = g.transpose(g.reshape(map, [b, n, 8]), [1, 0, 2]);
    const all = g.concat([g.expand(g.input('first', [8]), [1, b, 8]), tokens], 0);
    return g.attention(all, g.slice(all, 0, 1, n + 1), g.slice(all, 0, 0, n), 2).context;
  },
  'the largest values of windows, and a kernel for each channel': (x) => {
    const map = g.maxPool(residual(x), { kernel: 3, stride: 2, padding: 1 });
    const own = g.depthwise(map, g.input('own', [8, 1, 3, 3]), { padding: 1 });
    return g.relu(g.conv2d(g.gelu(g.add(own, g.input('bias', [8]))), g.input('deeper', [8, 8, 3, 3])));
  },
  'all pixels of all images as rows': (x) => {
    const rows = g.reshape(g.transpose(x, [0, 2, 3, 1]), [-1, 3]);
    return g.gemm(rows, g.slice(g.input('narrow', [4, 8]), 0, 0, 3), {});
  },
};

const sizes: readonly ImageSize[] = [
  { batch: 1, height: 16, width: 16 },
  { batch: 2, height: 13, width: 24 },
  { batch: 3, height: 20, width: 9 },
];

async function run(model: g.OnnxProgram['onnx'], pixels: Float32Array, shape: number[]) {
  const session = await InferenceSession.create(model, { logSeverityLevel: 3 });
  const { result } = await session.run({ images: new Tensor('float32', pixels, shape) });
  return result!;
}

describe.each(Object.entries(traces))('a model of %s', (_, trace) => {
  it('gives for images of any size what the program for that size gives', async () => {
    const model = encodeOnnx(g.openModel((x) => ({ result: trace(x) }), { images, weight }));
    for (const { batch, height, width } of sizes) {
      const shape = [batch, 3, height, width];
      const pixels = noise('pixels', batch * 3 * height * width);
      const traced = trace(g.input('images', shape));
      const program = await ortNode.load({ result: traced });
      const inputs = [...program.inputs.keys()].map((name) => [
        name,
        name === 'images' ? pixels : weight(name),
      ]);
      const { result: wanted = new Float32Array() } = await evaluate(program, Object.fromEntries(inputs));
      await program.dispose();
      const given = await run(model, pixels, shape);
      expect(given.dims).toEqual(traced.shape);
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = wanted.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - Number(given.data[i]))),
        0,
      );
      expect(worst / largest, `${batch} of ${height} x ${width}`).toBeLessThan(1e-5);
    }
  });
});

describe('a model for images of any size', () => {
  it('has batch norm in its convolutions, under the names of the weights', () => {
    const { nodes, constants } = g.openModel((x) => ({ result: residual(x) }), { images, weight });
    expect(nodes.map(({ opType }) => opType)).toEqual(['Conv', 'Relu', 'Conv', 'Add', 'Relu', 'Transpose']);
    expect(constants.map(({ name, shape }) => [name, shape])).toEqual([
      ['weight', [8, 3, 3, 3]],
      ['weight shift', [8]],
      ['deeper', [8, 8, 3, 3]],
      ['deeper shift', [8]],
    ]);
    const [folded] = constants;
    const [plain, scale, variance] = ['weight', 'weight scale', 'weight variance'].map(weight);
    const wanted = plain!.map(
      (value, i) => (value * scale![Math.floor(i / 27)]!) / Math.sqrt(variance![Math.floor(i / 27)]! + 1e-5),
    );
    wanted.forEach((value, i) => void expect(Number(folded?.values[i])).toBeCloseTo(value, 5));
  });

  it('computes each size once, and none where a shape says it', () => {
    const layer = traces['a layer over the places of a map']!;
    const { nodes, outputs } = g.openModel((x) => ({ result: layer(x) }), { images, weight });
    expect(nodes.filter(({ op }) => op === undefined)).toEqual([]);
    expect(outputs[0]?.shape.map((size, i) => (i === 0 || i === 3 ? size : typeof size))).toEqual([
      'batch',
      'string',
      'string',
      4,
    ]);
  });

  it.each([
    [
      'has other nodes',
      (x: g.Tensor) => (x.dim(2) % 2 === 0 ? g.relu(g.exp(x)) : x),
      'the program has other nodes for images of another size',
    ],
    [
      'has another node',
      (x: g.Tensor) => (x.dim(2) % 2 === 0 ? g.exp(x) : g.tanh(x)),
      '" is another for images of another size',
    ],
    [
      'reads numbers that depend on the size',
      (x: g.Tensor) => g.add(x, g.constant(new Float32Array(x.dim(3)).fill(1), [x.dim(3)])),
      '"Add" reads other numbers for images of another size',
    ],
    [
      'cuts at no formula of the size',
      (x: g.Tensor) => g.crop(x, 2, Math.floor(Math.sqrt(x.dim(2)))),
      'a number of "Slice" is no formula of the size of the images: ',
    ],
  ])('is refused where the program %s', (_, trace, message) => {
    const open = () => g.openModel((x) => ({ result: trace(x) }), { images, weight });
    expect(open).toThrow(g.GraphError);
    expect(open).toThrow(message);
  });
});

test('numbers are found to be formulas of the grid they follow', () => {
  const half = convolved(PIXELS, { kernel: 3, stride: 2, padding: 1 });
  const quarter = convolved(half, { kernel: 3, stride: 2, padding: 1 });
  expect(quarter).toEqual({ add: 3, divide: 4 });
  const grids = [PIXELS, half, quarter];
  const number = (of: (size: ImageSize) => number) => formulaOf(TRACED.map(of), grids);
  const tokens = number(
    ({ batch, height, width }) => batch * (Math.ceil(height / 4) * Math.ceil(width / 4) + 1),
  );
  expect(tokens).toEqual({ grid: quarter, coefficients: [0, 0, 0, 0, 1, 0, 0, 1] });
  expect(valueAt(tokens!, { batch: 3, height: 9, width: 5 })).toBe(3 * (3 * 2 + 1));
  // Twice the rows of the coarse grid are those of the fine one, but where these are odd.
  expect(number(({ height }) => 2 * Math.ceil(height / 4))?.grid).toBe(quarter);
  expect(number(({ height }) => Math.ceil(height / 2))?.grid).toBe(half);
  expect(number(({ height }) => Math.floor(height / 3))).toBeUndefined();
});
