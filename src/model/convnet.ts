/**
 * A small residual convolutional network (after He et al. 2016) for budgets of minutes on a CPU: a stem that shrinks the
 * image, then stages of basic blocks, each stage but the first halving the resolution. The feature is the mean of the last map,
 * or what attention takes from the last two (`attention-pool.ts`), which also shows where the network looks: fine heads on the
 * larger map, coarse ones on the smaller. With attention it is the automatic recipe's `hybrid`.
 *
 * Names follow torchvision's ResNet (`conv1`, `bn1`, `layer1.0.conv1`, `downsample.0`); further convolutions of the stem are
 * `conv2`, `bn2` and so on, the attention of the maps is `pool.0` and `pool.1`.
 */
import { concat, mean, relu, type Scope, type Tensor, transpose, truncNormal } from '../graph/index.ts';
import { attentionPool } from './attention-pool.ts';
import type { Mode } from './batch-norm.ts';
import { blockLayers, type ConvShape, normedConv, residualBlock } from './residual.ts';

export interface ConvNetConfig {
  readonly channels: number;
  /** Channels of each stage. */
  readonly widths: readonly number[];
  /** Residual blocks of each stage; the first may have none, it is then the stem alone. */
  readonly blocks: readonly number[];
  /** How much the stem shrinks the image, a power of 2. */
  readonly stemStride: number;
  /** One 3x3 convolution of stride 2 for each factor of 2 (the default), or one linear map of patches side by side. */
  readonly stem?: 'conv' | 'patch';
  /** Heads of the attention that pools the last two maps, all of as many channels; without them the mean of the last map. */
  readonly heads?: number;
}

export interface ConvNetOutput {
  /** [B, D], D as `pooledMaps` says */
  readonly feature: Tensor;
  /** The maps that are pooled, the largest first. [B, h, w, width] each */
  readonly maps: readonly Tensor[];
  /** Where the heads of each of them look, row by row; empty where pooling is the mean. [B, heads, h * w] each */
  readonly attentions: readonly Tensor[];
}

export interface PooledMap {
  readonly width: number;
  /** 0 where it is pooled by its mean. */
  readonly heads: number;
  /** Pixels of the image, along each side, that a place stands for. */
  readonly stride: number;
}

/** Attention pools so many of the last maps. */
const ATTENDED = 2;

/** The maps that are pooled, the largest first. */
export function pooledMaps({
  widths,
  stemStride,
  heads = 0,
}: Pick<ConvNetConfig, 'widths' | 'stemStride' | 'heads'>): readonly PooledMap[] {
  const pooled = widths.slice(heads === 0 ? -1 : -ATTENDED);
  const first = widths.length - pooled.length;
  return pooled.map((width, i) => ({
    width,
    heads: (heads * width) / sum(pooled),
    stride: stemStride * 2 ** (first + i),
  }));
}

/** The numbers of heads that share the attended channels out evenly, every head's from one map; the fewest first. */
export function fittingHeads(widths: readonly number[]): readonly number[] {
  const attended = widths.slice(-ATTENDED);
  const perHead = Array.from({ length: Math.min(...attended) }, (_, i) => i + 1);
  return perHead
    .filter((channels) => attended.every((width) => width % channels === 0))
    .map((channels) => sum(attended) / channels)
    .reverse();
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** The layers of the stem: kernel, stride and output channels of each. */
export function stemLayers({
  widths,
  stemStride,
  stem = 'conv',
}: Pick<ConvNetConfig, 'widths' | 'stemStride' | 'stem'>): readonly ConvShape[] {
  const halvings = Math.log2(stemStride);
  if (!Number.isInteger(halvings) || halvings < 1)
    throw new Error(`The stem's stride is ${stemStride}: choose a power of 2, 2 or more.`);
  const [width = 0] = widths;
  if (stem === 'patch') return [{ kernel: stemStride, stride: stemStride, width }];
  return Array.from({ length: halvings }, (_, i) => ({
    kernel: 3,
    stride: 2,
    width: Math.max(8, width >> (halvings - 1 - i)),
  }));
}

/** @param images [B, C, H, W] */
export function convNet(scope: Scope, images: Tensor, config: ConvNetConfig, mode: Mode): ConvNetOutput {
  const { channels, widths, blocks, heads } = config;
  const maps: Tensor[] = [];
  let x = transpose(images, [0, 2, 3, 1]); // [B, H, W, C]
  if (x.dim(3) !== channels)
    throw new Error(`The network takes ${channels} channels, the images have ${x.dim(3)}.`);
  for (const [i, layer] of stemLayers(config).entries())
    x = relu(normedConv(scope.at(`conv${i + 1}`), scope.at(`bn${i + 1}`), x, layer, mode));
  for (const [stage, width] of widths.entries()) {
    for (let i = 0; i < (blocks[stage] ?? 0); i++) {
      const layers = blockLayers('basic', width, i === 0 && stage > 0 ? 2 : 1);
      x = residualBlock(scope.at(`layer${stage + 1}`).at(i), x, layers, mode);
    }
    maps.push(x);
  }
  if (heads === undefined) return { feature: mean(x, { axes: [1, 2] }), maps: [x], attentions: [] };
  const fitting = fittingHeads(widths);
  if (!fitting.includes(heads))
    throw new Error(
      `${heads} heads cannot share out the channels of the last stages, ${widths.join(', ')}: choose ${fitting.join(', ')}.`,
    );
  const attended = maps.slice(-ATTENDED);
  const pooled = pooledMaps(config).map(({ width, heads: own }, i) => {
    const query = scope.at('pool').at(i).param('query', [own, width], truncNormal(0.02));
    return attentionPool(attended[i] ?? x, query);
  });
  return {
    feature: concat(
      pooled.map(({ feature }) => feature),
      1,
    ),
    maps: attended,
    attentions: pooled.map(({ attention }) => attention),
  };
}
