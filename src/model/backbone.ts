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
