/**
 * A trained convolutional net as an ONNX model for any batch and any image size. Batch norm by running statistics is a scale
 * and a shift of every channel, which go into the convolution before it.
 */
import type { ConvNetConfig } from '../model/convnet.ts';
import type { OnnxLayers } from './onnx-layers.ts';
import type { OnnxFeatures } from './onnx-vit.ts';

const EPS = 1e-5;

/** @param pixels name of the input, [batch, channels, height, width] */
export function onnxConvNet(
  layers: OnnxLayers,
  pixels: string,
  { channels, widths, blocks, stemStride }: ConvNetConfig,
): OnnxFeatures {
  const { to } = layers;
  const conv = (x: string, at: string, norm: string, shape: ConvShape): string => {
    const { weight, bias } = folded(layers, at, norm, shape);
    const { inputs, outputs, kernel, stride } = shape;
    return layers.conv(
      x,
      to.weight(`${at}.weight`, [outputs, inputs, kernel, kernel], weight),
      to.weight(`${norm}.shift`, [outputs], bias),
      { kernel, stride, padding: (kernel - 1) / 2 },
    );
  };
  const relu = (x: string): string => to.op('Relu', [x]);

  let [x, inputs] = [pixels, channels];
  const halvings = Math.log2(stemStride);
  for (let i = 1; i <= halvings; i++) {
    const outputs = Math.max(8, (widths[0] ?? 0) >> (halvings - i));
    x = relu(conv(x, `conv${i}`, `bn${i}`, { inputs, outputs, kernel: 3, stride: 2 }));
    inputs = outputs;
  }
  for (const [stage, outputs] of widths.entries()) {
    for (let i = 0; i < blocks; i++) {
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
  return {
    tokens,
    pooled: to.op('ReduceMean', [flat], { axes: { ints: [2] }, keepdims: { int: 0 } }),
    attentions: [],
    lastBlocks: () => [tokens],
  };
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
