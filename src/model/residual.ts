/**
 * Residual blocks (He et al. 2016) under torchvision's names (`conv1`, `bn1`, `downsample.0`). Maps are channels last. Where a
 * block halves the resolution it does so in its 3x3 convolution, as torchvision's.
 */
import { add, conv2d, drawn, type Initializer, relu, type Scope, type Tensor } from '../graph/index.ts';
import { batchNormLayer, type Mode } from './batch-norm.ts';

/** He normal over the fan-out, torchvision's choice for convolutions before a ReLU. */
const convInit: Initializer = (random, shape) => {
  const fanOut = (shape[0] ?? 1) * (shape[2] ?? 1) * (shape[3] ?? 1);
  const std = Math.sqrt(2 / fanOut);
  return drawn(shape, () => std * random.normal());
};

/** Pixels around a map before a convolution of this kernel: patches, whose kernels are even, lie side by side. */
const paddingOf = (kernel: number): number => (kernel % 2 === 0 ? 0 : (kernel - 1) / 2);

/** What a convolution is besides its input. */
export interface ConvShape {
  readonly kernel: number;
  readonly stride: number;
  readonly width: number;
}

/** A convolution without bias and batch norm behind it, under two names: [B, h, w, C] -> [B, h', w', width] */
export function normedConv(
  conv: Scope,
  bn: Scope,
  x: Tensor,
  { kernel, stride, width }: ConvShape,
  mode: Mode,
  init = convInit,
): Tensor {
  const weight = conv.param('weight', [width, x.dim(3), kernel, kernel], init);
  return batchNormLayer(bn, conv2d(x, weight, { stride, padding: paddingOf(kernel) }), mode);
}

export type BlockKind = 'basic' | 'bottleneck';

/** Channels that a block gives for each that it has inside. */
export const EXPANSION: Readonly<Record<BlockKind, number>> = { basic: 1, bottleneck: 4 };

/** The convolutions of a block of this width. */
export function blockLayers(kind: BlockKind, width: number, stride: number): readonly ConvShape[] {
  const pixels = { kernel: 1, stride: 1 };
  return kind === 'basic'
    ? [
        { kernel: 3, stride, width },
        { kernel: 3, stride: 1, width },
      ]
    : [
        { ...pixels, width },
        { kernel: 3, stride, width },
        { ...pixels, width: EXPANSION[kind] * width },
      ];
}

/**
 * A residual block: `conv1`, `bn1` and so on, and where it changes the shape a `downsample` beside them.
 *
 * @param layers its convolutions, in order
 */
export function residualBlock(scope: Scope, x: Tensor, layers: readonly ConvShape[], mode: Mode): Tensor {
  let y = x;
  for (const [i, layer] of layers.entries()) {
    y = normedConv(scope.at(`conv${i + 1}`), scope.at(`bn${i + 1}`), y, layer, mode);
    if (i < layers.length - 1) y = relu(y);
  }
  const [width, stride] = [y.dim(3), layers.reduce((product, layer) => product * layer.stride, 1)];
  if (stride === 1 && x.dim(3) === width) return relu(add(y, x));
  const down = scope.at('downsample');
  return relu(add(y, normedConv(down.at(0), down.at(1), x, { kernel: 1, stride, width }, mode)));
}
