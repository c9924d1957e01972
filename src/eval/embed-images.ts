/** The features of a source, batch by batch: for files and searches that hold more than the memory does. */
import type { Source } from '../data/source.ts';
import type { Image } from '../image/image.ts';
import { evalImages } from './eval-images.ts';
import type { FrozenBackbone, Weights } from './frozen-backbone.ts';
import { type FeatureRows, l2NormalizedRows } from './knn.ts';
import { meanFeatures, type ViewCount, viewsOf } from './views.ts';

export interface EmbeddedBatch {
  /** Numbers of the images in the source. */
  readonly indices: readonly number[];
  /** A row for each. */
  readonly rows: FeatureRows;
}

export interface EmbedOptions {
  /** Divide each row by its L2 norm. */
  readonly normalize?: boolean;
  /** Told about images that cannot be read; they are left out. */
  readonly onSkip?: (key: string, reason: string) => void;
  /** Images at a time. Default 128. */
  readonly batch?: number;
  /** Views of each image whose features are averaged; one, the official protocol, unless given. */
  readonly views?: ViewCount;
  /** Shown each image that was read, as it is, for what else is wanted of it. */
  readonly onImage?: (image: Image, index: number) => void;
}

/** @throws Error naming the image whose feature is not finite */
export async function* embedImages(
  source: Source,
  backbone: FrozenBackbone,
  weights: Weights,
  { normalize = false, onSkip, batch = 128, views = 1, onImage }: EmbedOptions = {},
): AsyncGenerator<EmbeddedBatch> {
  const images = evalImages(source, {
    size: backbone.size,
    batch,
    preprocessing: backbone.preprocessing,
    view: (image, index) => {
      onImage?.(image, index);
      return viewsOf(image, backbone.preprocessing, views);
    },
    ...(onSkip === undefined ? {} : { onSkip }),
  });
  const features = (pixels: Float32Array) => backbone.features(weights, pixels);
  for await (const { indices, views: seen } of images) {
    const plain = { values: await meanFeatures(features, backbone.dim, seen), dim: backbone.dim };
    const wrong = plain.values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      const key = source.key(indices[Math.floor(wrong / backbone.dim)] ?? 0);
      throw new Error(
        `The feature of ${key} is not finite (${plain.values[wrong]}): take weights from before the training diverged.`,
      );
    }
    yield { indices, rows: normalize ? l2NormalizedRows(plain) : plain };
  }
}
