/** From a config to what it describes: the method with its networks, and the crops to cut. */
import { type CropRecipe, dinoAugmentation, viewSizes } from '../image/augment.ts';
import { statisticsFor } from '../image/normalize.ts';
import type { Method } from '../method/method.ts';
import { OptionError } from '../method/option-error.ts';
import { methodNamed } from '../method/registry.ts';
import type { BackboneConfig } from '../model/backbone.ts';
import { fittingHeads } from '../model/convnet.ts';
import { gatedWidth } from '../model/dinov2.ts';
import { nearestWhole } from '../model/places.ts';
import { resnetConfig } from '../model/resnet.ts';
import { xcitConfig } from '../model/xcit-sizes.ts';
import { isConvolutional, isResnet, isXcit } from './architectures.ts';
import { evalSizeOf, type TrainConfig } from './config.ts';
import { isForeign } from './contradictions.ts';
import type { TrainerOptions } from './trainer.ts';

/** @throws OptionError when sizes contradict each other */
export function backboneOf(config: TrainConfig): BackboneConfig {
  return methodNamed(config.method).network(config, describedBackbone(config));
}

/** The network that the options describe. */
function describedBackbone(config: TrainConfig): BackboneConfig {
  const { arch } = config;
  if (isResnet(arch)) return resnetConfig(arch, config.channels);
  if (isXcit(arch)) {
    const network = xcitConfig(arch, config.channels);
    checkWholePatches(config, network.patchSize, `the patches of ${arch}, ${network.patchSize}`);
    return network;
  }
  if (isConvolutional(arch)) {
    const { channels, widths, stemStride, stem, heads } = config;
    const net = { kind: 'convnet', channels, widths, blocks: blocksOf(config), stemStride } as const;
    if (arch === 'convnet') return net;
    const fitting = fittingHeads(widths);
    if (!fitting.includes(heads))
      throw new OptionError(
        `--heads ${heads} cannot share out the channels of the last two --widths ${widths.join(' ')} evenly: choose ${fitting.join(', ')}.`,
      );
    return { ...net, stem, heads };
  }
  const { patchSize, dim, depth, heads, registers, layerScale, ffn } = config;
  checkWholePatches(config, patchSize, `--patch_size ${patchSize}`);
  if (dim % heads !== 0)
    throw new OptionError(`--heads ${heads} does not divide --dim ${dim}: choose a divisor.`);
  return {
    kind: 'vit',
    imageSize: config.globalCropsSize,
    patchSize,
    channels: config.channels,
    dim,
    depth,
    heads,
    stem: config.stem,
    mlpRatio: ffn === 'swiglu' ? gatedWidth(4 * dim) / dim : 4,
    ...(ffn === 'swiglu' ? { swiglu: true } : {}),
    ...(registers > 0 ? { registers } : {}),
    ...(layerScale > 0 ? { layerScale: true, layerScaleInit: layerScale } : {}),
  };
}

/** @throws OptionError for a size that patches do not fill */
function checkWholePatches(config: TrainConfig, patch: number, what: string): void {
  for (const [name, size] of [
    ['global_crops_size', config.globalCropsSize],
    ['local_crops_size', config.localCropsSize],
    ['eval_size', evalSizeOf(config)],
  ] as const) {
    if (size % patch === 0) continue;
    throw new OptionError(`--${name} ${size} is not a multiple of ${what}; ${nearestWhole(size, patch)} is.`);
  }
}

/** Residual blocks of each stage: one number stands for all. */
function blocksOf({ arch, widths, blocks }: TrainConfig): readonly number[] {
  const each = blocks.length === 1 ? widths.map(() => blocks[0] ?? 1) : blocks;
  if (each.length !== widths.length)
    throw new OptionError(
      `--blocks ${blocks.join(' ')} has ${blocks.length} numbers for the ${widths.length} stages of --widths: give one for each stage, or one for all.`,
    );
  if (each.some((count, stage) => count === 0 && (stage > 0 || arch === 'convnet')))
    throw new OptionError(
      `--blocks ${blocks.join(' ')} leaves a stage without blocks: only the first stage of --arch hybrid may have none.`,
    );
  return each;
}

export function cropRecipeOf(config: TrainConfig): CropRecipe {
  const [brightness, contrast, saturation, hue] = config.colorJitter;
  const usual: CropRecipe = {
    ...dinoAugmentation,
    channels: config.channels,
    globalSize: config.globalCropsSize,
    globalScale: config.globalCropsScale,
    localCrops: config.localCropsNumber,
    localSize: config.localCropsSize,
    localScale: config.localCropsScale,
    jitter: { ...dinoAugmentation.jitter, brightness, contrast, saturation, hue },
    grayscale: config.grayscale,
    blur: { ...dinoAugmentation.blur, radius: [dinoAugmentation.blur.radius[0], config.blurRadius] },
  };
  return { ...usual, ...methodNamed(config.method).crops(config, usual) };
}

export function methodOf(config: TrainConfig): Method {
  return methodNamed(config.method).make(config, {
    backbone: backboneOf(config),
    viewSizes: viewSizes(cropRecipeOf(config)),
    dropPathRate: isForeign('dropPathRate', config) ? 0 : config.dropPathRate,
    batch: config.batchSizePerGpu,
  });
}

/**
 * What a trainer is told by the config of a run.
 *
 * @param replicas devices of this process that each take --batch_size_per_gpu images
 */
export function trainerOptionsOf(config: TrainConfig, replicas = 1): Omit<TrainerOptions, 'engine'> {
  const { channels, batchSizePerGpu, microBatch, optimizer, seed, threads } = config;
  return {
    method: methodOf(config),
    channels,
    batchSize: batchSizePerGpu * replicas,
    ...(microBatch === undefined ? {} : { microBatch: microBatch * replicas }),
    optimizer: methodNamed(config.method).rule?.(optimizer) ?? optimizer,
    seed,
    byteCrops: statisticsFor(channels),
    engineOptions: { threads },
  };
}
