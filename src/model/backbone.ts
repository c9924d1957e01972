/** The networks a method can train: one interface over their configurations. */
import type { Scope, Tensor } from '../graph/index.ts';
import type { Mode } from './batch-norm.ts';
import { type ConvNetConfig, convNet } from './convnet.ts';
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
      return convNet(scope, images, config, mode);
  }
}

/** Width of the image feature. */
export function featureDim(config: BackboneConfig): number {
  return config.kind === 'vit' ? config.dim : (config.widths.at(-1) ?? 0);
}

/** Rows of the drop-path factors that this network takes; 0 for none. */
export function dropPathInputs(config: BackboneConfig, rate: number): number {
  return config.kind === 'vit' ? dropPathRows(rate, config.depth) : 0;
}

/** True when the network normalises by batch statistics, so that images of a batch influence each other. */
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
  let pixels = (size / config.stemStride) ** 2;
  let total = 0;
  let [previous] = config.widths;
  for (const width of config.widths) {
    total += 2 * pixels * 9 * ((previous ?? width) + (2 * config.blocks - 1) * width) * width;
    pixels /= 4;
    previous = width;
  }
  return total;
}
