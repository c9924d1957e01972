/** What `dino quickstart` trains on when it is given no images, and how. */
import type { TrainOptions } from '../../train/config.ts';

/** Scenes to train on; the bank and the test set of the k-NN measurement are made from other seeds. */
export const SCENES = {
  train: { count: 8000, seed: 1 },
  bank: { count: 2000, seed: 2 },
  test: { count: 500, seed: 3 },
  size: 64,
};

/**
 * What suits the scenes: color tells nothing in them, so crops lose it; their textures are fine, so the stem shrinks little;
 * and many small steps are worth more than few large ones. On photos the automatic recipe decides.
 */
export const sceneOptions: TrainOptions = {
  arch: 'hybrid',
  stem: 'conv',
  stemStride: 2,
  widths: [24, 48, 96],
  blocks: [0, 1, 1],
  heads: 18,
  outDim: 128,
  headHiddenDim: 256,
  globalCropsSize: 40,
  evalSize: 56,
  globalCropsScale: [0.4, 1],
  localCropsSize: 24,
  localCropsNumber: 2,
  localCropsScale: [0.15, 0.4],
  colorJitter: [0.4, 0.4, 0.4, 0.5],
  grayscale: 0.3,
  batchSizePerGpu: 32,
  lr: 0.03,
  momentumTeacher: 0.95,
  teacherTemp: 0.01,
  warmupTeacherTemp: 0.01,
};
