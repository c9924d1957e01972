/** The features of a source, batch by batch: for files and searches that hold more than the memory does. */
import type { Source } from '../data/source.ts';
import type { Image } from '../image/image.ts';
import { type FeatureRows, l2NormalizedRows } from '../rows/feature-rows.ts';
import { featureDescriptor } from './descriptors.ts';
import type { FrozenBackbone } from './frozen-backbone.ts';
import type { Weights } from './network-weights.ts';
import { pixelBatches } from './pixel-batches.ts';
import { type OnSkip, shownImages } from './shown-images.ts';
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
  readonly onSkip?: OnSkip;
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
  const { preprocessing } = backbone;
  const view = (image: Image, index: number): readonly Image[] => {
    onImage?.(image, index);
    return viewsOf(image, preprocessing, views);
  };
  const { dim, describe } = featureDescriptor(backbone);
  const { statistics } = preprocessing;
  for await (const part of pixelBatches(shownImages(source, view, { onSkip }), { batch, statistics })) {
    const indices = part.images.map(({ index }) => index);
    const plain = { values: await meanFeatures((each) => describe(weights, each), dim, part.views), dim };
    const wrong = plain.values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      const key = source.key(indices[Math.floor(wrong / dim)] ?? 0);
      throw new Error(
        `The feature of ${key} is not finite (${plain.values[wrong]}): take weights from before the training diverged.`,
      );
    }
    yield { indices, rows: normalize ? l2NormalizedRows(plain) : plain };
  }
}
