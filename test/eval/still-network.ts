/** A small ViT whose attention is known: queries and keys are nothing, so that every patch gets as much as every other. */
import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights, type Weights } from '../../src/features/network-weights.ts';
import type { Image } from '../../src/image/image.ts';
import { Random } from '../../src/random/random.ts';

export function stillNetwork(
  imageSize = 16,
  patchSize = 4,
): { readonly backbone: FrozenBackbone; readonly weights: Weights } {
  const config = {
    kind: 'vit',
    imageSize,
    patchSize,
    channels: 3,
    dim: 8,
    depth: 1,
    heads: 2,
    mlpRatio: 2,
  } as const;
  const weights = new Map(
    [...untrainedWeights(config, imageSize, 0)].map(([name, values]) => [
      name,
      name.includes('qkv') ? new Float32Array(values.length) : values,
    ]),
  );
  return { backbone: new FrozenBackbone(config, imageSize, ortNode, { threads: 1 }), weights };
}

/** An image in which no two patches are alike. */
export function noiseImage(height: number, width: number, seed = 0): Image {
  const random = new Random(seed, 'noise image');
  const data = Uint8Array.from({ length: height * width * 3 }, () => random.integer(256));
  return { height, width, channels: 3, data };
}
