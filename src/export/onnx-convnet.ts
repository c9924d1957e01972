/**
 * A trained convolutional net as an ONNX model for any batch and any image size. Batch norm by running statistics is a scale
 * and a shift of every channel, which go into the convolution before it.
 */
import { type ConvNetConfig, paddingOf, pooledMaps, stemLayers } from '../model/convnet.ts';
import type { OnnxLayers } from './onnx-layers.ts';
import type { OnnxFeatures } from './onnx-vit.ts';

const EPS = 1e-5;

/** @param pixels name of the input, [batch, channels, height, width] */
export function onnxConvNet(layers: OnnxLayers, pixels: string, config: ConvNetConfig): OnnxFeatures {
  const { channels, widths, blocks, heads } = config;
  const { to } = layers;
  const conv = (x: string, at: string, norm: string, shape: ConvShape): string => {
    const { weight, bias } = folded(layers, at, norm, shape);
    const { inputs, outputs, kernel, stride } = shape;
    return layers.conv(
      x,
      to.weight(`${at}.weight`, [outputs, inputs, kernel, kernel], weight),
      to.weight(`${norm}.shift`, [outputs], bias),
      { kernel, stride, padding: paddingOf(kernel) },
    );
  };
  const relu = (x: string): string => to.op('Relu', [x]);

  const maps: string[] = [];
  let [x, inputs] = [pixels, channels];
  for (const [i, { kernel, stride, width }] of stemLayers(config).entries()) {
    x = relu(conv(x, `conv${i + 1}`, `bn${i + 1}`, { inputs, outputs: width, kernel, stride }));
    inputs = width;
  }
  for (const [stage, outputs] of widths.entries()) {
    for (let i = 0; i < (blocks[stage] ?? 0); i++) {
      const at = `layer${stage + 1}.${i}`;
      const stride = i === 0 && stage > 0 ? 2 : 1;
      const h = relu(conv(x, `${at}.conv1`, `${at}.bn1`, { inputs, outputs, kernel: 3, stride }));
      const y = conv(h, `${at}.conv2`, `${at}.bn2`, { inputs: outputs, outputs, kernel: 3, stride: 1 });
      const shortcut =
        stride === 1 && inputs === outputs
          ? x
          : conv(x, `${at}.downsample.0`, `${at}.downsample.1`, { inputs, outputs, kernel: 1, stride });
      x = relu(to.op('Add', [y, shortcut]));
      inputs = outputs;
    }
    maps.push(x);
  }
  if (heads === undefined) {
    const flat = layers.reshape(x, [0, inputs, -1]); // [B, D, places]
    const tokens = layers.transpose(flat, [0, 2, 1]);
    const pooled = to.op('ReduceMean', [flat], { axes: { ints: [2] }, keepdims: { int: 0 } });
    return { tokens, pooled, attentions: [], lastBlocks: () => [tokens] };
  }
  return attentionPooled(layers, maps, config);
}

/** As `model/attention-pool.ts` and `model/places.ts`. The attention is [B, heads, places]. */
function attentionPooled(layers: OnnxLayers, maps: readonly string[], config: ConvNetConfig): OnnxFeatures {
  const { to } = layers;
  const shapes = pooledMaps(config);
  const attended = maps.slice(-shapes.length);
  const [largest = ''] = attended;
  const places = to.op('Slice', [to.op('Shape', [largest]), to.ints([2]), to.ints([4])]);
  /** A map of `width` channels on the places of the largest one: a transposed convolution with ones repeats each place. */
  const spread = (map: string, width: number, level: number): string => {
    if (level === 0) return map;
    const ones = to.weight(`ones ${width}`, [width, 1, 2, 2], new Float32Array(4 * width).fill(1));
    const four = to.op('ConvTranspose', [map, ones], {
      group: { int: width },
      kernel_shape: { ints: [2, 2] },
      strides: { ints: [2, 2] },
    });
    return to.op('Slice', [four, to.ints([0, 0]), places, to.ints([2, 3])]);
  };
  const parts = shapes.map(({ width, heads }, i) => {
    const map = attended[i] ?? '';
    const query = layers.weight(`pool.${i}.query`, [heads, width]);
    const flat = layers.reshape(map, [0, width, -1]); // [B, width, places]
    const attention = to.op('Softmax', [to.op('MatMul', [query, flat])], { axis: { int: -1 } });
    const values = layers.reshape(map, [0, heads, width / heads, -1]);
    const weighted = to.op('MatMul', [values, layers.reshape(attention, [0, heads, -1, 1])]); // [B, heads, width / heads, 1]
    const size = to.op('Slice', [to.op('Shape', [map]), to.ints([2]), to.ints([4])]);
    const shape = to.op('Concat', [to.ints([0, heads]), size], { axis: { int: 0 } });
    const looks = layers.reshape(spread(to.op('Reshape', [attention, shape]), heads, i), [0, heads, -1]);
    return {
      pooled: layers.reshape(weighted, [0, width]),
      attention: to.op('Div', [looks, to.op('ReduceSum', [looks, to.ints([2])], { keepdims: { int: 1 } })]),
      tokens: layers.reshape(spread(map, width, i), [0, width, -1]),
    };
  });
  const join = (of: keyof (typeof parts)[number]): string =>
    to.op(
      'Concat',
      parts.map((part) => part[of]),
      { axis: { int: 1 } },
    );
  const tokens = layers.transpose(join('tokens'), [0, 2, 1]);
  return { tokens, pooled: join('pooled'), attentions: [join('attention')], lastBlocks: () => [tokens] };
}

interface ConvShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
}

/** The weight of a convolution times the scale of the norm behind it, and the shift that is left. */
function folded(
  layers: OnnxLayers,
  conv: string,
  norm: string,
  { outputs }: ConvShape,
): { readonly weight: Float32Array; readonly bias: Float32Array } {
  const [weight, scale, shift, mean, variance] = [
    `${conv}.weight`,
    ...['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${norm}.${part}`),
  ].map((name) => layers.values(name)) as [Float32Array, ...Float32Array[]];
  const factors = Float64Array.from(scale!, (value, o) => value / Math.sqrt(variance![o]! + EPS));
  const each = weight.length / outputs;
  return {
    weight: weight.map((value, i) => value * factors[Math.floor(i / each)]!),
    bias: Float32Array.from(shift!, (value, o) => value - mean![o]! * factors[o]!),
  };
}
