/**
 * The paper's recipe: what main_dino.py takes for everything that is not a method's own, ViT-S/16 unless another architecture is
 * asked for. A method has its own part, and says where its paper differs.
 */
import { official, type Suggestions } from '../method/definition.ts';
import { methodNamed } from '../method/registry.ts';
import type { TrainOptions } from './config.ts';
import { machine, type RunFacts, vitShape } from './recipe-parts.ts';

export function paper(
  options: TrainOptions,
  { images, ranks = 1, channels, cores, steps, evaluations, begins }: RunFacts,
  method: string,
): Suggestions {
  const arch = options.arch ?? 'vit_small';
  const each = options.batchSizePerGpu ?? 64;
  const batch = each * ranks;
  const own = methodNamed(method).suggest({
    ...{ recipe: 'paper', network: 'vit', images, batch, steps: steps ?? options.steps ?? 1000, begins },
    local: options.localCropsSize ?? 96,
    wholeBatch: (options.microBatch ?? each) === each,
    warmup: options.warmupSteps ?? 0,
  });
  const [asked, reason = official] = own.batchSizePerGpu ?? [];
  return {
    method: [method, official],
    ...vitShape(arch, options.patchSize ?? 16, official),
    seed: [0, official],
    arch: ['vit_small', official],
    widths: [[32, 64, 128], 'not used by a ViT'],
    blocks: [[1], 'not used by a ViT'],
    stemStride: [2, 'not used by a ViT'],
    stem: ['patch', official],
    registers: [0, official],
    layerScale: [0, official],
    ffn: ['mlp', official],
    freezeBackboneSteps: [0, official],
    dropPathRate: [0.1, official],
    channels: [channels, 'as the images are'],
    loadSize: [0, official],
    globalCropsSize: [224, official],
    localCropsSize: [96, official],
    localCropsNumber: [8, official],
    globalCropsScale: [[0.4, 1], official],
    localCropsScale: [[0.05, 0.4], official],
    colorJitter: [[0.4, 0.4, 0.2, 0.1], official],
    grayscale: [0.2, official],
    blurRadius: [2, official],
    batchSizePerGpu: [64, official],
    epochs: [100, official],
    optimizer: ['adamw', official],
    lr: [0.0005, official],
    minLr: [1e-6, official],
    warmupEpochs: [10, official],
    weightDecay: [0.04, official],
    weightDecayEnd: [0.4, official],
    clipGrad: [3, official],
    ...machine(cores, steps, evaluations),
    ...own,
    // Papers count all images of a step.
    ...(asked === undefined ? {} : { batchSizePerGpu: [Math.ceil(Number(asked) / ranks), reason] }),
  };
}
