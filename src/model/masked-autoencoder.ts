/**
 * The networks of MAE: a Vision Transformer that sees some of the patches only, and a decoder that puts one learned token in the place
 * of each of the others (official `MaskedAutoencoderViT`). Positions are fixed. Parameters of the encoder have the names of `vit.ts`,
 * so that afterwards it is a transformer as any other; the decoder's are `embed`, `mask_token`, `pos_embed`, `blocks`, `norm`, `pred`.
 *
 * Patches go through both in the order of a shuffle, those that are seen first. The official code sorts them again before the decoder;
 * but attention does not ask for an order as long as every token has the position of its patch, and without it only one list of
 * integers is needed and the decoder's last layers are computed for hidden patches alone.
 */
import {
  add,
  concat,
  expand,
  gather,
  reshape,
  type Scope,
  slice,
  type Tensor,
  transpose,
  xavierUniform,
} from '../graph/index.ts';
import { branchAdder } from './drop-path.ts';
import { dense, norm, weightInit } from './layers.ts';
import { sinCosPositions } from './sin-cos-positions.ts';
import { block, EPS, patchesAlong, patchTokens, type VitConfig } from './vit.ts';

export interface MaeDecoderConfig {
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
}

/**
 * The encoder on visible patches.
 *
 * @param images [B, C, S, S] of the side that `config` states
 * @param shuffle where to find each patch among those of all images, see `shuffledRows`: [L, B]
 * @param visible how many of the first ones are seen
 * @returns the class token and these, after the last norm: [1 + visible, B, D]
 */
export function visibleTokens(
  scope: Scope,
  images: Tensor,
  config: VitConfig,
  shuffle: Tensor,
  visible: number,
): Tensor {
  const { dim } = config;
  const position = positions(scope, patchesAlong(config, config.imageSize), dim);
  const patches = add(patchTokens(scope.at('patch_embed'), images, config, xavierUniform), position.patches); // [L, B, D]
  const cls = add(scope.param('cls_token', [1, 1, dim], weightInit), position.cls);
  const seen = shuffled(patches, slice(shuffle, 0, 0, visible));
  return blocks(scope, concat([expand(cls, [1, images.dim(0), dim]), seen], 0), config);
}

/**
 * The decoder: what the encoder knows of the visible patches becomes pixels of all.
 *
 * @param latent [1 + visible, B, D]
 * @param shuffle [L, B]
 * @param config of the encoder
 * @returns pixels of every patch in the order of the shuffle, see `patchPixels`: [L, B, P * P * C]
 */
export function decodedPatches(
  scope: Scope,
  latent: Tensor,
  shuffle: Tensor,
  config: VitConfig,
  decoder: MaeDecoderConfig,
): Tensor {
  const [{ patchSize, channels }, { dim }] = [config, decoder];
  const [count, images] = [shuffle.dim(0), shuffle.dim(1)];
  const tokens = dense(linearly(scope.at('embed')), latent, dim); // [1 + visible, B, D']
  const hidden = count + 1 - tokens.dim(0);
  const masks = expand(scope.param('mask_token', [1, 1, dim], weightInit), [hidden, images, dim]);
  const position = positions(scope, patchesAlong(config, config.imageSize), dim);
  const places = shuffled(expand(position.patches, [count, images, dim]), shuffle);
  const cls = expand(position.cls, [1, images, dim]);
  const placed = add(concat([tokens, masks], 0), concat([cls, places], 0));
  const decoded = blocks(scope, placed, {
    ...config,
    ...decoder,
    layerScale: false,
    swiglu: false,
  });
  return dense(linearly(scope.at('pred')), slice(decoded, 0, 1, 1 + count), patchSize ** 2 * channels);
}

/** All blocks and the last norm: [N, B, D] -> [N, B, D] */
function blocks(scope: Scope, tokens: Tensor, config: VitConfig): Tensor {
  let x = tokens;
  const plain = branchAdder(undefined, config.depth);
  for (let i = 0; i < config.depth; i++)
    x = block(linearly(scope.at('blocks').at(i)), x, config, plain(i)).tokens;
  return norm(scope.at('norm'), x, config.eps ?? EPS);
}

/** The place of linear layers, whose weights begin by Xavier's rule as in the official code. */
function linearly(scope: Scope): Scope {
  return scope.replacing(weightInit, xavierUniform);
}

/** Fixed positions of the class token [1, 1, D] and of the patches [L, 1, D], kept with the weights as `pos_embed`. */
function positions(scope: Scope, side: number, dim: number): Readonly<Record<'cls' | 'patches', Tensor>> {
  const tokens = 1 + side * side;
  const all = scope.param('pos_embed', [1, tokens, dim], () => sinCosPositions(dim, side), {
    trainable: false,
  });
  const rows = transpose(all, [1, 0, 2]);
  return { cls: slice(rows, 0, 0, 1), patches: slice(rows, 0, 1, tokens) };
}

/** Rows of the patches of all images, in another order for each: [L, B, D], [n, B] -> [n, B, D] */
export function shuffled(patches: Tensor, shuffle: Tensor): Tensor {
  return gather(reshape(patches, [-1, patches.dim(2)]), shuffle, 0);
}

/**
 * The orders of the patches of some images, as rows of all their patches.
 *
 * @param orders of each image: its patches, those that are seen first
 * @returns [L, images]
 */
export function shuffledRows(orders: readonly (readonly number[])[]): BigInt64Array {
  const images = orders.length;
  const patches = orders[0]?.length ?? 0;
  const rows = new BigInt64Array(patches * images);
  for (const [i, order] of orders.entries())
    for (const [at, patch] of order.entries()) rows[at * images + i] = BigInt(patch * images + i);
  return rows;
}

/** The pixels of every patch by row, column and channel (official `patchify`): [B, C, H, W] -> [L, B, P * P * C] */
export function patchPixels(images: Tensor, patch: number): Tensor {
  const [batch, channels, height, width] = [images.dim(0), images.dim(1), images.dim(2), images.dim(3)];
  const [rows, columns] = [Math.floor(height / patch), Math.floor(width / patch)];
  const whole = slice(slice(images, 2, 0, rows * patch), 3, 0, columns * patch);
  const apart = reshape(whole, [batch, channels, rows, patch, columns, patch]);
  return reshape(transpose(apart, [2, 4, 0, 3, 5, 1]), [rows * columns, batch, patch * patch * channels]);
}
