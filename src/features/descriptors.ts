/**
 * What is made of images under a set of weights, a row for each: the feature of k-NN, what a linear classifier sees, the feature
 * over several scales (retrieval), class token and patches (copy detection).
 */
import type { Scope, Tensor } from '../graph/index.ts';
import { imageFeature } from '../model/backbone.ts';
import { wholePatch } from '../model/places.ts';
import { clsGemDescriptors } from './cls-gem.ts';
import type { FrozenBackbone, PixelBatch } from './frozen-backbone.ts';
import { multiScale, RETRIEVAL_SCALES } from './multi-scale.ts';
import type { Weights } from './network-weights.ts';

export interface Descriptor {
  /** Numbers of a row. */
  readonly dim: number;
  /** @returns [images, dim] */
  describe(weights: Weights, batch: PixelBatch): Promise<Float32Array>;
}

/** What is taken of a network for each image. */
export interface NetworkFeature {
  /** What it is, in a few words; also names its program. */
  readonly title: string;
  readonly dim: number;
  /** [B, C, H, W] -> [B, dim] */
  trace(scope: Scope, images: Tensor): Tensor;
}

/** A feature of images of any size; the class token or the pooled feature unless another is given. */
export function featureDescriptor(backbone: FrozenBackbone, given?: NetworkFeature): Descriptor {
  const feature = given ?? {
    title: 'image feature',
    dim: backbone.dim,
    trace: (scope, images) => imageFeature(scope, images, backbone.config, 'eval'),
  };
  return {
    dim: feature.dim,
    async describe(weights, batch) {
      const results = await backbone.compute(
        feature.title,
        weights,
        wholePatches(backbone, batch),
        (scope, images) => ({ feature: feature.trace(scope, images) }),
      );
      return results.feature;
    },
  };
}

/** The image feature over scales 1, 1/sqrt 2 and 1/2 (official `multi_scale`); for batches of one, as its norm asks. */
export function multiScaleDescriptor(backbone: FrozenBackbone): Descriptor {
  const { dim, describe } = featureDescriptor(backbone);
  const { channels } = backbone.config;
  return {
    dim,
    describe(weights, { pixels, height, width }) {
      const batch = pixels.length / (channels * height * width);
      return multiScale(
        { values: pixels, batch, channels, height, width },
        ({ values, ...scaled }) =>
          describe(weights, { pixels: values, height: scaled.height, width: scaled.width }),
        RETRIEVAL_SCALES,
      );
    },
  };
}

/** Class token and generalized mean of the patch tokens (official copy detection); the image feature of other networks than a ViT. */
export function copyDescriptor(backbone: FrozenBackbone): Descriptor {
  if (backbone.config.kind !== 'vit') return featureDescriptor(backbone);
  const { dim, patchSize } = backbone.config;
  return {
    dim: 2 * dim,
    async describe(weights, batch) {
      const [tokens = new Float32Array()] = await backbone.tokens(weights, wholePatches(backbone, batch), 1);
      const patches = Math.floor(batch.height / patchSize) * Math.floor(batch.width / patchSize);
      return clsGemDescriptors(tokens, patches + 1, dim).values;
    },
  };
}

/** Without the pixels beyond the last whole patch, which a transformer does not see (a convolution of that stride leaves them). */
function wholePatches({ config }: FrozenBackbone, batch: PixelBatch): PixelBatch {
  const patchSize = wholePatch(config);
  const height = batch.height - (batch.height % patchSize);
  const width = batch.width - (batch.width % patchSize);
  if (height === batch.height && width === batch.width) return batch;
  if (height === 0 || width === 0)
    throw new RangeError(
      `An image of ${batch.height} x ${batch.width} pixels has no whole patch of ${patchSize}: take a larger size.`,
    );
  const planes = batch.pixels.length / (batch.height * batch.width);
  const pixels = new Float32Array(planes * height * width);
  for (let row = 0; row < planes * height; row++) {
    const from = (Math.floor(row / height) * batch.height + (row % height)) * batch.width;
    pixels.set(batch.pixels.subarray(from, from + width), row * width);
  }
  return { pixels, height, width };
}
