/**
 * ResNet (He et al. 2016) as torchvision has it and DINO trains it: names, layouts and numerics are torchvision's, without its
 * last layer `fc`. The feature is the mean of the last map.
 */
import { maxPool, mean, relu, type Scope, type Tensor, transpose } from '../graph/index.ts';
import type { Mode } from './batch-norm.ts';
import { type BlockKind, blockLayers, EXPANSION, normedConv, residualBlock } from './residual.ts';

export interface ResnetConfig {
  readonly channels: number;
  readonly block: BlockKind;
  /** Blocks of each stage. */
  readonly blocks: readonly number[];
  /** Channels inside the blocks of the first stage; every stage doubles them. Published networks have 64. */
  readonly width: number;
}

const published = {
  resnet18: { block: 'basic', blocks: [2, 2, 2, 2], width: 64 },
  resnet50: { block: 'bottleneck', blocks: [3, 4, 6, 3], width: 64 },
} as const;

export type ResnetName = keyof typeof published;

/** A published network by its name. */
export function resnetConfig(name: ResnetName, channels = 3): { readonly kind: 'resnet' } & ResnetConfig {
  return { kind: 'resnet', channels, ...published[name] };
}

/** The convolution that an image goes through first; a pooling of stride 2 comes behind it. */
export const resnetStem = ({ width }: ResnetConfig) => ({ kernel: 7, stride: 2, width });

/** The convolutions of each block, stage by stage; every stage but the first halves the resolution. */
export function resnetBlocks({ block, blocks, width }: ResnetConfig) {
  return blocks.map((count, stage) =>
    Array.from({ length: count }, (_, i) =>
      blockLayers(block, width * 2 ** stage, i === 0 && stage > 0 ? 2 : 1),
    ),
  );
}

/** Channels of the last map, or of that of another stage. */
export function resnetWidth({ block, blocks, width }: ResnetConfig, stage = blocks.length - 1): number {
  return EXPANSION[block] * width * 2 ** stage;
}

/** Pixels of the image, along each side, that a place of the last map stands for. */
export function resnetStride({ blocks }: ResnetConfig): number {
  return 4 * 2 ** (blocks.length - 1);
}

export interface ResnetOutput {
  /** [B, D] */
  readonly feature: Tensor;
  /** Behind the pooling of the stem and behind each stage. [B, h, w, C] each */
  readonly maps: readonly Tensor[];
}

/** @param images [B, C, H, W], of any size */
export function resnet(scope: Scope, images: Tensor, config: ResnetConfig, mode: Mode): ResnetOutput {
  let x = transpose(images, [0, 2, 3, 1]); // [B, H, W, C]
  if (x.dim(3) !== config.channels)
    throw new Error(`The network takes ${config.channels} channels, the images have ${x.dim(3)}.`);
  x = relu(normedConv(scope.at('conv1'), scope.at('bn1'), x, resnetStem(config), mode));
  x = maxPool(x, { kernel: 3, stride: 2, padding: 1 });
  const maps = [x];
  for (const [stage, blocks] of resnetBlocks(config).entries()) {
    for (const [i, layers] of blocks.entries())
      x = residualBlock(scope.at(`layer${stage + 1}`).at(i), x, layers, mode);
    maps.push(x);
  }
  return { feature: mean(x, { axes: [1, 2] }), maps };
}
