/** What fine-tuning takes and gives, and its defaults. */
import type { SkippedImage } from '../../data/skipped-images.ts';
import type { Source } from '../../data/source.ts';
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import type { FrozenBackbone } from '../../features/frozen-backbone.ts';
import type { BackboneConfig } from '../../model/backbone.ts';
import type { ClassificationScores } from '../classify/classification-scores.ts';

/** Images of a source and what they show. */
export interface ImageSet {
  readonly source: Source;
  /** Numbers of the images in the source. */
  readonly indices: ArrayLike<number>;
  /** Class of an image by its number. */
  label(index: number): number;
}

export interface FineTuneOptions {
  readonly train: ImageSet;
  readonly test: ImageSet;
  readonly classes: number;
  /** The network, and the size of its input. */
  readonly backbone: FrozenBackbone;
  readonly engine: Engine;
  readonly engineOptions?: EngineOptions;
  readonly epochs: number;
  /** Images in a step; all, where there are fewer. Default 64. */
  readonly batchSize?: number;
  /** Of the head, for a batch of 256. Default `fineTuneRates` by the kind of network. */
  readonly lr?: number;
  /** Default a tenth of the epochs. */
  readonly warmupEpochs?: number;
  /** Default 0.05. */
  readonly weightDecay?: number;
  /** Factor of the learning rate from each layer to the one below. Default 0.75. */
  readonly layerDecay?: number;
  /** Default 0.1. */
  readonly labelSmoothing?: number;
  /** Default 0.1; a convolutional network has none. */
  readonly dropPathRate?: number;
  /** Smallest and largest share of an image's area that is shown. Default 0.35 to 1. */
  readonly cropsScale?: readonly [number, number];
  readonly seed?: number;
}

export interface FineTunedEpoch {
  /** From 1. */
  readonly epoch: number;
  /** Mean over the steps of the epoch. */
  readonly trainLoss: number;
  /** Percent of the test images; absent where it was not measured. */
  readonly top1?: number;
}

export interface FineTuned {
  /** Of the optimizer, in all epochs. */
  readonly steps: number;
  readonly epochs: readonly FineTunedEpoch[];
  /** After the last epoch. */
  readonly test: ClassificationScores;
  /** Classes of the test images that could be read, in the order of the scores. */
  readonly testLabels: readonly number[];
  /** [test images, classes] */
  readonly testLogits: Float32Array;
  /** `backbone.*` (with running statistics) and `head.*`: shapes and values. */
  readonly weights: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
  /** Images that could not be read. */
  readonly skipped: readonly SkippedImage[];
}

/**
 * Learning rates for a batch of 256, for some epochs on some thousand small images. For the convnet chosen on a fifth of
 * Imagenette's training images (six epochs from trained weights): 68.3 % with 0.004, 73.3 with 0.016, 74.2 with 0.03, 75.1
 * with 0.06, of which the last two do not differ for sure. A small ViT did no better or worse with 0.008 than with 0.002. For
 * the networks that nothing was measured of, the rate of their kin.
 */
export const fineTuneRates: Readonly<Record<BackboneConfig['kind'], number>> = {
  vit: 0.004,
  convnet: 0.03,
  resnet: 0.03,
  xcit: 0.004,
};

/** What is taken where nothing is said. */
export const fineTuneDefaults = {
  batchSize: 64,
  weightDecay: 0.05,
  layerDecay: 0.75,
  labelSmoothing: 0.1,
  dropPathRate: 0.1,
  /**
   * From 0.35 the same convnet did a little better (73.3 against 72.0 %) than from DeiT's 0.08, which is meant for hundreds of
   * epochs.
   */
  cropsScale: [0.35, 1],
} as const;

/** Epochs of rising learning rate. */
export function usualWarmup(epochs: number): number {
  return epochs / 10;
}
