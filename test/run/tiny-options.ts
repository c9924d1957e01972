/** Options of runs of a second. This file needs no test runner, so that other processes can use it. */
import type { TrainOptions } from '../../src/train/config.ts';

export const small: TrainOptions = {
  outDim: 32,
  headHiddenDim: 32,
  headBottleneckDim: 16,
  globalCropsSize: 16,
  localCropsSize: 8,
  localCropsNumber: 2,
  batchSizePerGpu: 4,
  steps: 12,
  warmupSteps: 3,
  freezeLastLayerSteps: 2,
  lr: 0.02,
  threads: 1,
  numWorkers: 0,
  evalEvery: 0,
  saveEvery: 1000,
  seed: 3,
};

export const tinyVit: TrainOptions = {
  ...small,
  arch: 'vit',
  stem: 'patch',
  patchSize: 8,
  dim: 32,
  depth: 2,
  heads: 2,
  dropPathRate: 0,
  useBnInHead: false,
};
export const tinyConvnet: TrainOptions = { ...small, arch: 'convnet', widths: [8, 16], blocks: [1] };

export const tinyHybrid: TrainOptions = {
  ...small,
  arch: 'hybrid',
  stem: 'conv',
  stemStride: 2,
  widths: [8, 16],
  blocks: [0, 1],
  heads: 3,
};
