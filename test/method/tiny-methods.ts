/** Every registered method with networks of a few hundred numbers, for tests that hold for all of them. */
import type { FrozenNetwork } from '../../src/run/frozen-network.ts';
import { openFrozen } from '../../src/run/frozen-network-node.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { follow, startRun } from '../run/tiny-run.ts';

const small: TrainOptions = {
  globalCropsSize: 16,
  batchSizePerGpu: 4,
  steps: 6,
  warmupSteps: 2,
  lr: 0.02,
  threads: 1,
  numWorkers: 0,
  evalEvery: 0,
  saveEvery: 1000,
  seed: 3,
};

const convnet: TrainOptions = { ...small, arch: 'convnet', widths: [8, 16], blocks: [1] };
export const tinyVitOf = (patchSize: number): TrainOptions => ({
  ...small,
  ...{ arch: 'vit', patchSize, dim: 16, depth: 2, heads: 2 },
});
const prototypes = { outDim: 32, headHiddenDim: 16, headBottleneckDim: 8, freezeLastLayerSteps: 2 };
const projections = { projectionHiddenDim: 16, projectionDim: 8 };

/** What is particular about each. */
const own: Readonly<Record<string, TrainOptions>> = {
  dino: { ...convnet, ...prototypes, localCropsSize: 8, localCropsNumber: 2 },
  byol: { ...convnet, ...projections },
  simclr: { ...convnet, ...projections },
  mae: { ...tinyVitOf(4), decoderDim: 16, decoderHeads: 2 },
  dinov2: { ...tinyVitOf(4), ...prototypes, localCropsSize: 8, localCropsNumber: 2, registers: 2 },
  distill: { ...tinyVitOf(4), patchWeight: 0.5 },
};

export interface TinyMethod {
  readonly options: TrainOptions;
  readonly frozen: FrozenNetwork | undefined;
}

/**
 * Options of a method; a teacher is trained where it needs one.
 *
 * @throws Error for a method that stands in no line here: add it
 */
export async function tinyMethod(method: string): Promise<TinyMethod> {
  const options = own[method];
  if (options === undefined) throw new Error(`There are no tiny options for ${method} yet: add them.`);
  const teacher = method === 'distill' ? { teacher: await trainedTeacher() } : {};
  const all = { ...options, ...teacher, method };
  return { options: all, frozen: await openFrozen(all, (given) => Promise.resolve(given)) };
}

/** The run folder of a tiny ViT. */
export async function trainedTeacher(more: TrainOptions = {}): Promise<string> {
  const session = await startRun({ ...tinyVitOf(4), ...prototypes, localCropsNumber: 0, steps: 2, ...more });
  await follow(session);
  return session.folder.path;
}
