/** Networks that compute in milliseconds, for tests of what is around them. */
import type { BackboneConfig } from '../../src/model/backbone.ts';
import type { HeadConfig } from '../../src/model/head.ts';

/** Four patches and a class token. */
export const tinyVit = {
  kind: 'vit',
  imageSize: 16,
  patchSize: 8,
  channels: 3,
  dim: 16,
  depth: 2,
  heads: 2,
  mlpRatio: 2,
} as const satisfies BackboneConfig;

/** Sixteen patches; no size is a multiple of a vector's four floats by chance alone. */
export const gridVit = {
  kind: 'vit',
  imageSize: 16,
  patchSize: 4,
  channels: 3,
  dim: 12,
  depth: 2,
  heads: 2,
  mlpRatio: 4,
} as const satisfies BackboneConfig;

export const tinyHybrid = {
  kind: 'convnet',
  channels: 3,
  stem: 'conv',
  stemStride: 2,
  widths: [8, 16],
  blocks: [0, 1],
  heads: 3,
} as const satisfies BackboneConfig;

export const tinyResnet = {
  kind: 'resnet',
  channels: 3,
  block: 'bottleneck',
  blocks: [2, 1],
  width: 4,
} as const satisfies BackboneConfig;

/** Images of 16 pixels are 4 patches. */
export const tinyXcit = {
  kind: 'xcit',
  channels: 3,
  patchSize: 8,
  dim: 16,
  depth: 2,
  heads: 2,
  mlpRatio: 2,
  classBlocks: 2,
  tokensNorm: true,
  eta: 1,
} as const satisfies BackboneConfig;

export const tinyHead = {
  outDim: 8,
  hiddenDim: 8,
  bottleneckDim: 4,
  layers: 3,
  useBn: false,
  normLastLayer: false,
} as const satisfies HeadConfig;
