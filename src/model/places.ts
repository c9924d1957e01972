/**
 * What a network shows of the places of an image, besides its feature: where it looks, and what it knows of each place. All of it
 * is on one grid: the patches of a ViT or XCiT, the last map of a ResNet, or the largest of the maps that a convolutional net
 * pools, over which the smaller ones are spread.
 */
import {
  concat,
  crop,
  div,
  expand,
  reshape,
  type Scope,
  sum,
  type Tensor,
  transpose,
} from '../graph/index.ts';
import type { BackboneConfig } from './backbone.ts';
import { type ConvNetOutput, convNet, pooledMaps, stemLayers } from './convnet.ts';
import { resnet, resnetStride } from './resnet.ts';
import { patchesAlong, vit } from './vit.ts';
import { xcit } from './xcit.ts';

export interface PlaceOutputs {
  /** How the class token, or each head that pools a map, attends to each place, row by row. [B, heads, places] */
  readonly attention: Tensor;
  /** What is known of each place. [B, places, D] */
  readonly tokens: Tensor;
}

/** @throws Error for a network without attention; see `attentionHeads` */
export function placeOutputs(scope: Scope, images: Tensor, config: BackboneConfig): PlaceOutputs {
  const { attention, tokens } = shown(scope, images, config);
  if (attention === undefined) throw new Error('This network pools its map by the mean, without attention.');
  return { attention, tokens };
}

/** What any network knows of each place. [B, places, D] */
export function placeTokens(scope: Scope, images: Tensor, config: BackboneConfig): Tensor {
  return shown(scope, images, config).tokens;
}

function shown(
  scope: Scope,
  images: Tensor,
  config: BackboneConfig,
): { readonly attention: Tensor | undefined; readonly tokens: Tensor } {
  switch (config.kind) {
    case 'vit': {
      const { clsAttention, patches } = vit(scope, images, config);
      return { attention: clsAttention, tokens: patches };
    }
    case 'xcit': {
      const { clsAttention, patches } = xcit(scope, images, config, 'eval');
      return { attention: clsAttention, tokens: patches };
    }
    case 'resnet': {
      const { maps } = resnet(scope, images, config, 'eval');
      return { attention: undefined, tokens: mapPlaces({ maps: maps.slice(-1), attentions: [] }).tokens };
    }
    case 'convnet': {
      const { looks, tokens } = mapPlaces(convNet(scope, images, config, 'eval'));
      return { attention: looks.length === 0 ? undefined : concat(looks, 1), tokens };
    }
  }
}

/**
 * What a convolutional net shows of the places of its largest pooled map.
 *
 * @returns where the heads of each map look, spread over those places, and what all maps know of each place
 */
export function mapPlaces({ attentions, maps }: Pick<ConvNetOutput, 'attentions' | 'maps'>): {
  readonly looks: readonly Tensor[];
  readonly tokens: Tensor;
} {
  const [rows, columns] = [maps[0]?.dim(1) ?? 0, maps[0]?.dim(2) ?? 0];
  const flat = (map: Tensor): Tensor =>
    reshape(spread(map, rows, columns), [map.dim(0), rows * columns, map.dim(3)]);
  const looks = attentions.map((attention, i) => {
    const [b, h, w] = [attention.dim(0), maps[i]?.dim(1) ?? 0, maps[i]?.dim(2) ?? 0];
    const map = reshape(transpose(attention, [0, 2, 1]), [b, h, w, attention.dim(1)]);
    const weights = transpose(flat(map), [0, 2, 1]); // [B, heads, places]
    return div(weights, sum(weights, { axes: [2], keep: true }));
  });
  return { looks, tokens: concat(maps.map(flat), 2) };
}

/** Heads of the attention; 0 for a network without. */
export function attentionHeads(config: BackboneConfig): number {
  return config.kind === 'resnet' ? 0 : (config.heads ?? 0);
}

/** Side in pixels of the square that a place stands for. */
export function patchSide(config: BackboneConfig): number {
  switch (config.kind) {
    case 'vit':
    case 'xcit':
      return config.patchSize;
    case 'convnet':
      return pooledMaps(config)[0]?.stride ?? 0;
    case 'resnet':
      return resnetStride(config);
  }
}

/** The side of the patches that an image must be made of; 1 for networks that take images of any size. */
export function wholePatch(config: BackboneConfig): number {
  return config.kind === 'vit' ? config.patchSize : 1;
}

/** The same for images to train with: the convolutions of an XCiT take any size, but its crops are made of whole patches. */
export function trainedPatch(config: BackboneConfig): number {
  return config.kind === 'xcit' ? config.patchSize : wholePatch(config);
}

/** The side nearest to `size` that whole patches fill: at least one patch. */
export function nearestWhole(size: number, patch: number): number {
  return Math.max(1, Math.round(size / patch)) * patch;
}

/** Places along an image's side of `pixels`. Convolutions of stride 2 leave the larger half, a patch must be whole. */
export function placesAlong(config: BackboneConfig, pixels: number): number {
  switch (config.kind) {
    case 'vit':
      return config.stem === 'conv' ? Math.ceil(pixels / config.patchSize) : patchesAlong(config, pixels);
    case 'convnet': {
      let side = pixels;
      for (const { kernel, stride } of stemLayers(config))
        side = kernel === stride ? Math.floor(side / stride) : Math.ceil(side / stride);
      return Math.ceil((side * config.stemStride) / patchSide(config));
    }
    case 'resnet':
    case 'xcit':
      return Math.ceil(pixels / patchSide(config));
  }
}

/**
 * A map on a grid of twice its rows and columns (or one less, where those are odd): every place becomes four.
 *
 * @param x [B, h, w, D]
 * @returns [B, rows, columns, D]
 */
function spread(x: Tensor, rows: number, columns: number): Tensor {
  const [b, h, w, dim] = [x.dim(0), x.dim(1), x.dim(2), x.dim(3)];
  if (h === rows && w === columns) return x;
  const four = expand(reshape(x, [b, h, 1, w, 1, dim]), [b, h, 2, w, 2, dim]);
  return crop(crop(reshape(four, [b, 2 * h, 2 * w, dim]), 1, rows), 2, columns);
}
