/**
 * A trained convolutional net as an ONNX model for any batch and any image size. Batch norm by running statistics is a scale
 * and a shift of every channel, which go into the convolution before it.
 */
import { type ConvNetConfig, stemLayers } from '../model/convnet.ts';
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
      { kernel, stride, padding: kernel % 2 === 0 ? 0 : (kernel - 1) / 2 },
    );
  };
  const relu = (x: string): string => to.op('Relu', [x]);

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
  }
  const flat = layers.reshape(x, [0, inputs, -1]); // [B, D, places]
  const tokens = layers.transpose(flat, [0, 2, 1]);
  const { pooled, attentions } =
    heads === undefined
      ? { pooled: to.op('ReduceMean', [flat], { axes: { ints: [2] }, keepdims: { int: 0 } }), attentions: [] }
      : attentionPooled(layers, flat, inputs, heads);
  return { tokens, pooled, attentions, lastBlocks: () => [tokens] };
}

/** As `model/attention-pool.ts`; `flat` is [B, D, places]. The attention is [B, heads, places]. */
function attentionPooled(
  layers: OnnxLayers,
  flat: string,
  dim: number,
  heads: number,
): { readonly pooled: string; readonly attentions: readonly string[] } {
  const { to } = layers;
  const scores = to.op('MatMul', [layers.weight('pool.query', [heads, dim]), flat]); // [B, heads, places]
  const attention = to.op('Softmax', [scores], { axis: { int: -1 } });
  const values = layers.reshape(flat, [0, heads, dim / heads, -1]); // [B, heads, D / heads, places]
  const weights = layers.reshape(attention, [0, heads, -1, 1]);
  const weighted = to.op('MatMul', [values, weights]); // [B, heads, D / heads, 1]
  return { pooled: layers.reshape(weighted, [0, dim]), attentions: [attention] };
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
