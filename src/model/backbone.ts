/** The networks a method can train: one interface over their configurations. */

import type { Scope, Tensor } from '../graph/index.ts';
import { counted } from '../numbers/counted.ts';
import type { Mode } from './batch-norm.ts';
import { type ConvNetConfig, convNet, pooledMaps, stemLayers } from './convnet.ts';
import { blockRates } from './drop-path.ts';
import { blockLayers, type ConvShape } from './residual.ts';
import { type ResnetConfig, resnet, resnetBlocks, resnetStem, resnetWidth } from './resnet.ts';
import { type VitConfig, vit } from './vit.ts';
import { type XcitConfig, xcit, xcitStem } from './xcit.ts';

export type BackboneConfig =
  | ({ readonly kind: 'vit' } & VitConfig)
  | ({ readonly kind: 'convnet' } & ConvNetConfig)
  | ({ readonly kind: 'resnet' } & ResnetConfig)
  | ({ readonly kind: 'xcit' } & XcitConfig);

/** The image feature that heads and evaluations read: [B, C, H, W] -> [B, D]. */
export function imageFeature(
  scope: Scope,
  images: Tensor,
  config: BackboneConfig,
  mode: Mode,
  dropPath?: Tensor,
): Tensor {
  switch (config.kind) {
    case 'vit':
      return vit(scope, images, config, dropPath).cls;
    case 'convnet':
      return convNet(scope, images, config, mode).feature;
    case 'resnet':
      return resnet(scope, images, config, mode).feature;
    case 'xcit':
      return xcit(scope, images, config, mode, dropPath).cls;
  }
}

/** A network in a few words. */
export function describeNetwork(config: BackboneConfig): string {
  switch (config.kind) {
    case 'vit':
    case 'xcit': {
      const { dim, depth, heads, patchSize } = config;
      const family = config.kind === 'vit' ? 'ViT' : 'XCiT';
      return `${family}, width ${dim}, ${counted(depth, 'block')}, ${counted(heads, 'head')}, patches of ${patchSize}`;
    }
    case 'convnet': {
      const { widths, heads } = config;
      const pooling =
        heads === undefined ? 'the mean of the last map' : `attention of ${counted(heads, 'head')}`;
      return `convolutional net, stages of ${widths.join(', ')} channels, pooled by ${pooling}`;
    }
    case 'resnet': {
      const { block, blocks } = config;
      const layers = 2 + blocks.reduce((sum, count) => sum + count, 0) * blockLayers(block, 1, 1).length;
      return `ResNet-${layers}, stages of ${blocks.join(', ')} ${block} blocks, width ${resnetWidth(config)}`;
    }
  }
}

/** What the image feature is. */
export function featureTitle({ kind }: BackboneConfig): string {
  return kind === 'vit' || kind === 'xcit' ? 'class token' : 'pooled feature';
}

/** Whose attention is shown and scored. */
export function attentionTitle({ kind }: BackboneConfig): string {
  if (kind === 'xcit') return 'class attention of the last layer';
  return kind === 'vit' ? 'attention of the last layer' : 'attention of the pooling heads';
}

/** Width of the image feature. */
export function featureDim(config: BackboneConfig): number {
  switch (config.kind) {
    case 'vit':
    case 'xcit':
      return config.dim;
    case 'convnet':
      return pooledMaps(config).reduce((sum, { width }) => sum + width, 0);
    case 'resnet':
      return resnetWidth(config);
  }
}

/**
 * The drop probability of each row of the drop-path factors that this network takes: two branches for each block of a ViT with a
 * rate above 0, whose rates rise to the last one's; three for each block of an XCiT, all of one rate. None for other networks.
 */
export function dropPathRates(config: BackboneConfig, rate: number): readonly number[] {
  if (rate === 0) return [];
  switch (config.kind) {
    case 'vit':
      return blockRates(rate, config.depth).flatMap((each) => (each > 0 ? [each, each] : []));
    case 'xcit':
      return new Array<number>(3 * config.depth).fill(Math.fround(rate));
    case 'convnet':
    case 'resnet':
      return [];
  }
}

/** Rows of the drop-path factors that this network takes; 0 for none. */
export function dropPathInputs(config: BackboneConfig, rate: number): number {
  return dropPathRates(config, rate).length;
}

/** True when the network normalizes by batch statistics, so that images of a batch influence each other. */
export function usesBatchNorm({ kind }: BackboneConfig): boolean {
  return kind !== 'vit';
}

/**
 * Operations of one forward pass, roughly: two for each multiplication of the matrix products and convolutions.
 *
 * @param size side of the image, pixels
 */
export function forwardOperations(config: BackboneConfig, size: number): number {
  switch (config.kind) {
    case 'vit': {
      const tokens = Math.floor(size / config.patchSize) ** 2 + 1;
      const { dim, depth, mlpRatio } = config;
      return 2 * tokens * depth * ((4 + 2 * mlpRatio) * dim ** 2 + 2 * tokens * dim);
    }
    case 'convnet': {
      const { channels, widths, blocks } = config;
      const stem = convolved({ side: size, channels }, stemLayers(config));
      return widths.reduce((map, width, stage) => {
        const strides = Array.from({ length: blocks[stage] ?? 0 }, (_, i) => (i === 0 && stage > 0 ? 2 : 1));
        return strides.reduce((x, stride) => convolved(x, blockLayers('basic', width, stride)), map);
      }, stem).operations;
    }
    case 'resnet': {
      const { operations, side, channels } = convolved({ side: size, channels: config.channels }, [
        resnetStem(config),
      ]);
      return resnetBlocks(config)
        .flat()
        .reduce(withShortcut, { operations, side: side / 2, channels }).operations;
    }
    case 'xcit': {
      const { channels, dim, depth, heads, mlpRatio, classBlocks } = config;
      const layers = xcitStem(config).map((width) => ({ kernel: 3, stride: 2, width }));
      const { operations, side } = convolved({ side: size, channels }, layers);
      const channelwise = 2 * (dim / heads) * dim + 2 * 9 * dim; // attention among channels, two small kernels
      const block = side ** 2 * ((4 + 2 * mlpRatio) * dim ** 2 + channelwise);
      // The class token asks the keys and values of all patches.
      const asked = side ** 2 * (2 * dim ** 2 + 2 * dim) + (2 + 2 * mlpRatio) * dim ** 2;
      return operations + 2 * (depth * block + classBlocks * asked);
    }
  }
}

interface Convolved {
  readonly operations: number;
  readonly side: number;
  readonly channels: number;
}

/** A block, and the convolution beside it where it changes the shape. */
function withShortcut(map: Convolved, layers: readonly ConvShape[]): Convolved {
  const after = convolved(map, layers);
  const isSame = after.side === map.side && after.channels === map.channels;
  const beside = isSame ? 0 : 2 * after.side ** 2 * map.channels * after.channels;
  return { ...after, operations: after.operations + beside };
}

/** Operations of convolutions one after another, added to those before, and what map they leave. */
function convolved(
  { operations = 0, side, channels }: Omit<Convolved, 'operations'> & { readonly operations?: number },
  layers: readonly ConvShape[],
): Convolved {
  return layers.reduce<Convolved>(
    (map, { kernel, stride, width }) => {
      const after = map.side / stride;
      const own = 2 * after ** 2 * kernel ** 2 * map.channels * width;
      return { operations: map.operations + own, side: after, channels: width };
    },
    { operations, side, channels },
  );
}
