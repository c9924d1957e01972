/**
 * The Vision Transformer (Dosovitskiy et al. 2021) as DINO uses it. Parameter names, layouts and numerics are those of the
 * official `vision_transformer.py`, so its checkpoints load by name. What only DINOv2 has is in `dinov2.ts`.
 *
 * Activations are tokens first, [N, B, D]: see `graph/ops/attention.ts`. Everything a user may want is returned by name and
 * nothing is computed that is not asked for: what a program does not read is never part of it.
 */
import {
  add,
  concat,
  expand,
  type Initializer,
  patchProjection,
  reshape,
  type Scope,
  slice,
  type Tensor,
  transpose,
  truncNormal,
  uniform,
  xavierUniform,
} from '../graph/index.ts';
import { convStem } from './conv-stem.ts';
import { layerScale, maskToken, swiglu, withoutRegisters, withRegisters } from './dinov2.ts';
import { type AddBranch, branchAdder } from './drop-path.ts';
import { mlp, norm, selfAttention, weightInit } from './layers.ts';
import { type PositionOptions, positions } from './position.ts';
import { sinCosPositions } from './sin-cos-positions.ts';

export interface VitConfig {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly channels: number;
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpRatio: number;
  /** How patches become tokens: one linear map (the official way, and the default), or small convolutions. */
  readonly stem?: 'patch' | 'conv';
  /** Of the layer norms; 1e-6 unless given, as the official weights were trained. */
  readonly eps?: number;
  /** How position embeddings fit other image sizes. */
  readonly positions?: PositionOptions;
  /** DINOv2: a learned factor for every channel of each branch. */
  readonly layerScale?: boolean;
  /** What these factors begin with; 1 unless given. */
  readonly layerScaleInit?: number;
  /** DINOv2: a gated MLP; `mlpRatio` is the width behind the gate. */
  readonly swiglu?: boolean;
  /** DINOv2: tokens without position behind the class token, that images do not use. */
  readonly registers?: number;
  /** DINOv2: stands for hidden patches in its training; otherwise it is only kept. */
  readonly maskToken?: boolean;
  /** MAE: before its first step positions are sines and cosines, and linear layers begin by Xavier's rule. */
  readonly beginsAsMae?: boolean;
}

export interface VitOutput {
  /** Class token after the last norm: the feature of the image. [B, D] */
  readonly cls: Tensor;
  /** Patch tokens after the last norm. [B, N - 1, D] */
  readonly patches: Tensor;
  /** Registers after the last norm. [B, registers, D] */
  readonly registers: Tensor;
  /** All of these after the last norm. [B, N, D] */
  readonly tokens: Tensor;
  /** All of these before it. [B, N, D] */
  readonly unnormed: Tensor;
  /** Embedded tokens before the first block. [B, N, D] */
  readonly embedded: Tensor;
  /** Normed outputs of the last n blocks without registers, oldest first (official `get_intermediate_layers`). */
  lastBlocks(n: number): readonly Tensor[];
  /** Attention of the last block. [B, heads, N, N] (official `get_last_selfattention`) */
  readonly attention: Tensor;
  /** Attention of every block. */
  readonly attentions: readonly Tensor[];
  /** The class token's row of it, over the patches alone. [B, heads, patches] */
  readonly clsAttention: Tensor;
}

/** Of the layer norms, unless another is given. */
export const EPS = 1e-6;

/**
 * @param images [B, C, H, W]; pixels beyond a multiple of the patch size are ignored
 * @param dropPath for which images each branch of each block is left out, see `drop-path.ts`: [2 * blocks with a rate, ...]
 * @param masks true for the patches that the mask token stands for, row by row: [B, patches]
 */
export function vit(
  scope: Scope,
  images: Tensor,
  config: VitConfig,
  dropPath?: Tensor,
  masks?: Tensor,
): VitOutput {
  const { depth, heads, dim, eps = EPS, registers = 0 } = config;
  const embedded = embed(scope, images, config, masks); // [N, B, D]
  const adder = branchAdder(dropPath, depth);
  const outputs: Tensor[] = [];
  const attentions: Tensor[] = [];
  let x = embedded;
  for (let i = 0; i < depth; i++) {
    const { tokens, probabilities } = block(
      linearInit(scope.at('blocks').at(i), config),
      x,
      config,
      adder(i),
    );
    x = tokens;
    attentions.push(probabilities);
    outputs.push(x);
  }
  const normed = (tokens: Tensor): Tensor => norm(scope.at('norm'), tokens, eps);
  const y = normed(x);
  const [tokens, b, first] = [y.dim(0), images.dim(0), 1 + registers];
  const probabilities = attentions.at(-1) ?? embedded;
  const ofClass = slice(slice(probabilities, 2, 0, 1), 3, first, tokens); // [B, heads, 1, patches]
  return {
    cls: reshape(slice(y, 0, 0, 1), [b, dim]),
    patches: imageFirst(slice(y, 0, first, tokens)),
    registers: imageFirst(slice(y, 0, 1, first)),
    tokens: imageFirst(y),
    unnormed: imageFirst(x),
    embedded: imageFirst(embedded),
    lastBlocks: (n) => outputs.slice(-n).map((each) => imageFirst(withoutRegisters(normed(each), registers))),
    attention: probabilities,
    attentions,
    clsAttention: reshape(ofClass, [ofClass.dim(0), heads, tokens - first]),
  };
}

/**
 * One block: attention, then an MLP, each on normed tokens and added to what goes by.
 *
 * @param x [N, B, D]
 * @param addBranch how they are added: in training, for some of the images
 * @returns tokens [N, B, D] and probabilities [B, heads, N, N] of the images that attention was computed for
 */
export function block(
  scope: Scope,
  x: Tensor,
  config: VitConfig,
  addBranch: AddBranch,
): { readonly tokens: Tensor; readonly probabilities: Tensor } {
  const { heads, eps = EPS } = config;
  const scaled = (at: string, branch: Tensor): Tensor =>
    config.layerScale === true ? layerScale(scope.at(at), branch, config.layerScaleInit) : branch;
  const hidden = Math.round(config.dim * config.mlpRatio);
  let probabilities = x;
  const attend = (tokens: Tensor): Tensor => {
    const attended = selfAttention(scope.at('attn'), norm(scope.at('norm1'), tokens, eps), heads);
    probabilities = attended.probabilities;
    return scaled('ls1', attended.context);
  };
  const feed = (tokens: Tensor): Tensor =>
    scaled(
      'ls2',
      (config.swiglu === true ? swiglu : mlp)(scope.at('mlp'), norm(scope.at('norm2'), tokens, eps), hidden),
    );
  const y = addBranch(x, attend, 0);
  return { tokens: addBranch(y, feed, 1), probabilities };
}

/** [N, B, D] -> [B, N, D] */
function imageFirst(tokens: Tensor): Tensor {
  return transpose(tokens, [1, 0, 2]);
}

/** Whole patches along a side of so many pixels. */
export function patchesAlong({ patchSize }: Pick<VitConfig, 'patchSize'>, pixels: number): number {
  return Math.floor(pixels / patchSize);
}

/** Patches as tokens behind the class token, plus positions: [B, C, H, W] -> [N, B, D] */
function embed(scope: Scope, images: Tensor, config: VitConfig, masks?: Tensor): Tensor {
  const { patchSize, dim, imageSize, stem, registers = 0 } = config;
  const patchEmbed = scope.at('patch_embed');
  const [batch, height, width] = [images.dim(0), images.dim(2), images.dim(3)];
  let [rows, columns] = [patchesAlong(config, height), patchesAlong(config, width)];
  let patches: Tensor; // [rows * columns, B, D]
  if (stem === 'conv') {
    const map = convStem(patchEmbed, images, patchSize, dim);
    [rows, columns] = [map.dim(1), map.dim(2)]; // with a place for what is left of a patch
    patches = transpose(reshape(map, [batch, rows * columns, dim]), [1, 0, 2]);
  } else
    patches = patchTokens(
      patchEmbed,
      images,
      config,
      config.beginsAsMae === true ? xavierUniform : undefined,
    );
  if (config.maskToken === true || masks !== undefined) patches = maskToken(scope, patches, masks);
  const cls = expand(scope.param('cls_token', [1, 1, dim], clsInit(config)), [1, batch, dim]);
  const side = patchesAlong(config, imageSize);
  const positionInit = config.beginsAsMae === true ? () => sinCosPositions(dim, side) : weightInit;
  const position = scope.param('pos_embed', [1, side ** 2 + 1, dim], positionInit);
  const placed = positions(position, { height, width }, { rows, columns }, config.positions); // [1, N, D]
  return withRegisters(scope, add(concat([cls, patches], 0), transpose(placed, [1, 0, 2])), registers);
}

function linearInit(scope: Scope, { beginsAsMae }: VitConfig): Scope {
  return beginsAsMae === true ? scope.replacing(weightInit, xavierUniform) : scope;
}

/** The class token of DINOv2, which alone has layer scales, begins as good as zero. */
function clsInit({ layerScale }: VitConfig): Initializer {
  return layerScale === true ? truncNormal(1e-6) : weightInit;
}

/**
 * Patches under the linear map `proj`: [B, C, H, W] -> [hw, B, D]
 *
 * @param init of its weight, nn.Conv2d's own unless given
 */
export function patchTokens(
  scope: Scope,
  images: Tensor,
  { patchSize: p, dim, channels }: VitConfig,
  init?: Initializer,
): Tensor {
  const proj = scope.at('proj');
  const convInit = uniform((channels * p * p) ** -0.5); // nn.Conv2d's own: the official initialization leaves it alone
  const weight = proj.param('weight', [dim, channels, p, p], init ?? convInit);
  return patchProjection(images, weight, proj.param('bias', [dim], convInit));
}
