/** The networks a method can train: one interface over their configurations. */
import { counted } from '../format/counted.ts';
import type { Scope, Tensor } from '../graph/index.ts';
import type { Mode } from './batch-norm.ts';
import { type ConvNetConfig, convNet, pooledMaps, stemLayers } from './convnet.ts';
import { dropPathRows } from './drop-path.ts';
import { type VitConfig, vit } from './vit.ts';

export type BackboneConfig =
  | ({ readonly kind: 'vit' } & VitConfig)
  | ({ readonly kind: 'convnet' } & ConvNetConfig);

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
  }
}

/** A network in a few words. */
export function describeNetwork(config: BackboneConfig): string {
  if (config.kind === 'vit') {
    const { dim, depth, heads, patchSize } = config;
    return `ViT, width ${dim}, ${counted(depth, 'block')}, ${counted(heads, 'head')}, patches of ${patchSize}`;
  }
  const { widths, heads } = config;
  const pooling = heads === undefined ? 'the mean of the last map' : `attention of ${counted(heads, 'head')}`;
  return `convolutional net, stages of ${widths.join(', ')} channels, pooled by ${pooling}`;
}

/** What the image feature is. */
export function featureTitle(config: BackboneConfig): string {
  return config.kind === 'vit' ? 'class token' : 'pooled feature';
}

/** Whose attention is shown and scored. */
export function attentionTitle(config: BackboneConfig): string {
  return config.kind === 'vit' ? 'attention of the last layer' : 'attention of the pooling heads';
}

/** Width of the image feature. */
export function featureDim(config: BackboneConfig): number {
  if (config.kind === 'vit') return config.dim;
  return pooledMaps(config).reduce((sum, { width }) => sum + width, 0);
}

/** Rows of the drop-path factors that this network takes; 0 for none. */
export function dropPathInputs(config: BackboneConfig, rate: number): number {
  return config.kind === 'vit' ? dropPathRows(rate, config.depth) : 0;
}

/** True when the network normalizes by batch statistics, so that images of a batch influence each other. */
export function usesBatchNorm(config: BackboneConfig): boolean {
  return config.kind === 'convnet';
}

/**
 * Operations of one forward pass, roughly: two for each multiplication of the matrix products and convolutions.
 *
 * @param size side of the image, pixels
 */
export function forwardOperations(config: BackboneConfig, size: number): number {
  if (config.kind === 'vit') {
    const tokens = Math.floor(size / config.patchSize) ** 2 + 1;
    const { dim, depth, mlpRatio } = config;
    return 2 * tokens * depth * ((4 + 2 * mlpRatio) * dim ** 2 + 2 * tokens * dim);
  }
  let side = size;
  let total = 0;
  let inputs = config.channels;
  for (const { kernel, stride, width } of stemLayers(config)) {
    side /= stride;
    total += 2 * side ** 2 * kernel ** 2 * inputs * width;
    inputs = width;
  }
  for (const [stage, width] of config.widths.entries()) {
    const blocks = config.blocks[stage] ?? 0;
    if (blocks === 0) continue;
    if (stage > 0) side /= 2;
    total += 2 * side ** 2 * 9 * (inputs + (2 * blocks - 1) * width) * width;
    inputs = width;
  }
  return total;
}
