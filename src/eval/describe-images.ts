/**
 * Descriptors of images in any view, under several sets of weights at once: what `extractFeatures` is for the usual view and
 * the plain feature. Retrieval looks at images of their own aspect ratio and at several scales, copy detection at squashed
 * squares and at patch tokens, and altered images come from no file at all.
 */
import { statisticsFor } from '../data/assemble.ts';
import { openReader } from '../data/reader.ts';
import type { Source } from '../data/source.ts';
import type { Image } from '../image/image.ts';
import { imageReason } from '../image/image-error.ts';
import { type ChannelStatistics, normalizationTable, normalize } from '../image/normalize.ts';
import { imageFeature } from '../model/backbone.ts';
import { clsGemDescriptors } from './copies.ts';
import type { FrozenBackbone, PixelBatch, Weights } from './frozen-backbone.ts';
import { joinRows } from './join-rows.ts';
import type { FeatureRows } from './knn.ts';
import { checkMemory } from './memory-limit.ts';
import { multiScale, RETRIEVAL_SCALES } from './multi-scale.ts';
import { pixelRow } from './pixel-row.ts';

/** An image, and the number it has where it comes from. */
export interface NumberedImage {
  readonly index: number;
  readonly image: Image;
}

/** A row for each image. */
export type Descriptor = (weights: Weights, batch: PixelBatch) => Promise<FeatureRows>;

export interface DescribeOptions {
  readonly weights: ReadonlyMap<string, Weights>;
  readonly descriptor: Descriptor;
  /** From the image as it is to what the network sees. */
  readonly view: (image: Image) => Image;
  /** What the views are normalized with; ImageNet's statistics unless given. */
  readonly statistics?: ChannelStatistics;
  /** Images of one size that are described at once. Default 32. */
  readonly batch?: number;
  /** Called with the number of images described so far. */
  readonly onProgress?: (done: number) => void;
}

export interface DescribedImages {
  /** By name of the weights. */
  readonly descriptors: ReadonlyMap<string, FeatureRows>;
  /** The views squashed to at most 32 x 32, normalized. */
  readonly pixels: FeatureRows;
  /** Number of every row's image. */
  readonly indices: Int32Array;
}

/** Numbers of the views held at a time; 64 MiB. */
const HELD = 2 ** 24;

/** Reads images one after another; those that cannot be read are left out and told. */
export async function* readImages(
  source: Source,
  {
    indices,
    onSkip,
  }: { readonly indices?: Iterable<number>; readonly onSkip?: (key: string, reason: string) => void } = {},
): AsyncGenerator<NumberedImage> {
  const reader = openReader(source.spec);
  try {
    for (const index of indices ?? Array.from({ length: source.length }, (_, i) => i)) {
      let image: Image;
      try {
        image = await reader.read(index);
      } catch (error) {
        onSkip?.(source.key(index), imageReason(error));
        continue;
      }
      yield { index, image };
    }
  } finally {
    reader.close();
  }
}

/**
 * Describes images in their order.
 *
 * @throws RangeError if there are none
 */
export async function describeImages(
  images: AsyncIterable<NumberedImage>,
  { weights, descriptor, view, statistics, batch = 32, onProgress }: DescribeOptions,
): Promise<DescribedImages> {
  const rows = new Map([...weights.keys()].map((name) => [name, [] as Float32Array[]]));
  const pixels: Float32Array[] = [];
  const indices: number[] = [];
  let [waiting, numbers, done] = [[] as { row: number; image: Image }[], 0, 0];
  const flush = async (): Promise<void> => {
    // In the end all rows are copied below each other.
    const rowBytes = [...rows.values(), pixels].reduce((sum, [row]) => sum + (row?.byteLength ?? 0), 0);
    checkMemory(
      indices.length * rowBytes,
      `The descriptors of the first ${indices.length} images, put together,`,
    );
    for (const group of bySize(waiting)) {
      for (let start = 0; start < group.length; start += batch) {
        const part = group.slice(start, start + batch);
        const input = pixelBatch(
          part.map(({ image }) => image),
          statistics,
        );
        for (const [name, set] of weights) {
          const { values, dim } = await descriptor(set, input);
          for (const [i, { row }] of part.entries())
            rows.get(name)![row] = values.slice(i * dim, (i + 1) * dim);
        }
        done += part.length;
        onProgress?.(done);
      }
    }
    [waiting, numbers] = [[], 0];
  };
  for await (const { index, image } of images) {
    const seen = view(image);
    waiting.push({ row: indices.length, image: seen });
    indices.push(index);
    pixels.push(pixelRow(seen));
    numbers += seen.data.length;
    if (numbers >= HELD && waiting.length % batch === 0) await flush();
  }
  await flush();
  if (indices.length === 0) throw new RangeError('none of the images can be read: check the files');
  return {
    descriptors: new Map([...rows].map(([name, each]) => [name, joinRows(each)])),
    pixels: joinRows(pixels),
    indices: Int32Array.from(indices),
  };
}

/** The image feature, of images of any size. */
export function featureDescriptor(backbone: FrozenBackbone): Descriptor {
  return async (weights, batch) => {
    const { feature } = await backbone.compute(
      'image feature',
      weights,
      wholePatches(backbone, batch),
      (scope, images) => ({
        feature: imageFeature(scope, images, backbone.config, 'eval'),
      }),
    );
    return { values: feature, dim: backbone.dim };
  };
}

/** The image feature over scales 1, 1/sqrt 2 and 1/2 (official `multi_scale`); for batches of one, as its norm asks. */
export function multiScaleDescriptor(backbone: FrozenBackbone): Descriptor {
  const single = featureDescriptor(backbone);
  const { channels } = backbone.config;
  return async (weights, { pixels, height, width }) => {
    const batch = pixels.length / (channels * height * width);
    const values = await multiScale(
      { values: pixels, batch, channels, height, width },
      async (scaled) =>
        (await single(weights, { pixels: scaled.values, height: scaled.height, width: scaled.width })).values,
      RETRIEVAL_SCALES,
    );
    return { values, dim: backbone.dim };
  };
}

/** Class token and generalized mean of the patch tokens (official copy detection); the pooled feature of a convnet. */
export function copyDescriptor(backbone: FrozenBackbone): Descriptor {
  if (backbone.config.kind !== 'vit') return featureDescriptor(backbone);
  const { dim, patchSize } = backbone.config;
  return async (weights, batch) => {
    const [tokens = new Float32Array()] = await backbone.tokens(weights, wholePatches(backbone, batch), 1);
    const patches = Math.floor(batch.height / patchSize) * Math.floor(batch.width / patchSize);
    return clsGemDescriptors(tokens, patches + 1, dim);
  };
}

/** Without the pixels beyond the last whole patch, which a transformer does not see (a convolution of that stride leaves them). */
function wholePatches({ config }: FrozenBackbone, batch: PixelBatch): PixelBatch {
  if (config.kind !== 'vit') return batch;
  const { patchSize } = config;
  const height = batch.height - (batch.height % patchSize);
  const width = batch.width - (batch.width % patchSize);
  if (height === batch.height && width === batch.width) return batch;
  if (height === 0 || width === 0)
    throw new RangeError(
      `an image of ${batch.height} x ${batch.width} pixels has no whole patch of ${patchSize}: take a larger size`,
    );
  const planes = batch.pixels.length / (batch.height * batch.width);
  const pixels = new Float32Array(planes * height * width);
  for (let row = 0; row < planes * height; row++) {
    const from = (Math.floor(row / height) * batch.height + (row % height)) * batch.width;
    pixels.set(batch.pixels.subarray(from, from + width), row * width);
  }
  return { pixels, height, width };
}

function bySize(entries: readonly { row: number; image: Image }[]): { row: number; image: Image }[][] {
  const groups = new Map<string, { row: number; image: Image }[]>();
  for (const entry of entries) {
    const key = `${entry.image.height} x ${entry.image.width}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups.values()];
}

function pixelBatch(images: readonly Image[], statistics?: ChannelStatistics): PixelBatch {
  const { width, height, channels } = images[0]!;
  const table = normalizationTable(statistics ?? statisticsFor(channels));
  const pixels = new Float32Array(images.length * channels * height * width);
  for (const [i, image] of images.entries()) normalize(image, table, pixels, i * channels * height * width);
  return { pixels, height, width };
}
