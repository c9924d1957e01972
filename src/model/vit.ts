/**
 * The Vision Transformer (Dosovitskiy et al. 2021) as DINO uses it. Parameter names, layouts and numerics are those of the
 * official `vision_transformer.py`, so its checkpoints load by name.
 *
 * Activations are tokens first, [N, B, D]: see `graph/ops/attention.ts`. Everything a user may want is returned by name and
 * nothing is computed that is not asked for: what a program does not read is never part of it.
 */
import {
  add,
  attention,
  concat,
  expand,
  gelu,
  layerNorm,
  linear,
  mul,
  one,
  reshape,
  type Scope,
  slice,
  type Tensor,
  transpose,
  truncNormal,
  uniform,
  zero,
} from '../graph/index.ts';
import { convStem } from './conv-stem.ts';
import { positions } from './position.ts';

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
}

export interface VitOutput {
  /** Class token after the last norm: the feature of the image. [B, D] */
  readonly cls: Tensor;
  /** Patch tokens after the last norm. [B, N - 1, D] */
  readonly patches: Tensor;
  /** Embedded tokens before the first block. [B, N, D] */
  readonly embedded: Tensor;
  /** Normed outputs of the last n blocks, oldest first, each [B, N, D] (official `get_intermediate_layers`). */
  lastBlocks(n: number): readonly Tensor[];
  /** Attention of the last block. [B, heads, N, N] (official `get_last_selfattention`) */
  readonly attention: Tensor;
}

const init = truncNormal(0.02);
const EPS = 1e-6;

/**
 * @param images [B, C, H, W]; pixels beyond a multiple of the patch size are ignored
 * @param dropPath factors 0 or 1 / keep of every sample for each branch of each block, see `drop-path.ts`: [2 * blocks with a rate, B]
 */
export function vit(scope: Scope, images: Tensor, config: VitConfig, dropPath?: Tensor): VitOutput {
  const { depth, heads, eps = EPS } = config;
  const embedded = embed(scope, images, config); // [N, B, D]
  const outputs: Tensor[] = [];
  let x = embedded;
  let probabilities: Tensor | undefined;
  const undropped = depth - (dropPath?.dim(0) ?? 0) / 2;
  for (let i = 0; i < depth; i++) {
    const factors = (branch: number): Tensor | undefined =>
      dropPath === undefined || i < undropped
        ? undefined
        : slice(dropPath, 0, 2 * (i - undropped) + branch, 2 * (i - undropped) + branch + 1);
    const block = scope.at('blocks').at(i);
    const attended = selfAttention(block.at('attn'), norm(block.at('norm1'), x, eps), heads);
    probabilities = attended.probabilities;
    x = add(x, drop(attended.context, factors(0)));
    x = add(x, drop(mlp(block.at('mlp'), norm(block.at('norm2'), x, eps), config), factors(1)));
    outputs.push(x);
  }
  const normed = (tokens: Tensor): Tensor => norm(scope.at('norm'), tokens, eps);
  const imageFirst = (tokens: Tensor): Tensor => transpose(tokens, [1, 0, 2]);
  const y = normed(x);
  return {
    cls: reshape(slice(y, 0, 0, 1), [images.dim(0), config.dim]),
    patches: imageFirst(slice(y, 0, 1, y.dim(0))),
    embedded: imageFirst(embedded),
    lastBlocks: (n) => outputs.slice(-n).map((tokens) => imageFirst(normed(tokens))),
    attention: probabilities ?? x,
  };
}

/** Patches as tokens behind the class token, plus positions: [B, C, H, W] -> [N, B, D] */
function embed(scope: Scope, images: Tensor, config: VitConfig): Tensor {
  const { patchSize, dim, imageSize, stem } = config;
  const patchEmbed = scope.at('patch_embed');
  const tokens =
    stem === 'conv' ? convStem(patchEmbed, images, patchSize, dim) : patchTokens(patchEmbed, images, config); // [hw, B, D]
  const cls = scope.param('cls_token', [1, 1, dim], init);
  const position = scope.param('pos_embed', [1, Math.floor(imageSize / patchSize) ** 2 + 1, dim], init);
  const size = { height: images.dim(2), width: images.dim(3) };
  return add(
    concat([expand(cls, [1, images.dim(0), dim]), tokens], 0),
    transpose(positions(position, size, patchSize), [1, 0, 2]),
  );
}

/** A convolution whose stride is its kernel: one linear map of every patch. [B, C, H, W] -> [hw, B, D] */
function patchTokens(scope: Scope, images: Tensor, { patchSize: p, dim, channels }: VitConfig): Tensor {
  const [b, h, w] = [images.dim(0), Math.floor(images.dim(2) / p), Math.floor(images.dim(3) / p)];
  const grid = reshape(slice(slice(images, 2, 0, h * p), 3, 0, w * p), [b, channels, h, p, w, p]);
  const patches = reshape(transpose(grid, [2, 4, 0, 1, 3, 5]), [h * w, b, channels * p * p]);
  const proj = scope.at('proj');
  const convInit = uniform((channels * p * p) ** -0.5); // nn.Conv2d's own: the official initialisation leaves it alone
  const weight = reshape(proj.param('weight', [dim, channels, p, p], convInit), [dim, channels * p * p]);
  return add(linear(patches, weight), proj.param('bias', [dim], convInit));
}

function norm(scope: Scope, x: Tensor, eps: number): Tensor {
  const dim = x.dim(-1);
  return layerNorm(x, scope.param('weight', [dim], one), scope.param('bias', [dim], zero), eps);
}

/** softmax(q k' / sqrt d) v for each head, then a projection. The rows of `qkv` are [q | k | v][head][D / heads]. */
function selfAttention(scope: Scope, x: Tensor, heads: number): { context: Tensor; probabilities: Tensor } {
  const dim = x.dim(-1);
  const weight = scope.at('qkv').param('weight', [3 * dim, dim], init);
  const bias = scope.at('qkv').param('bias', [3 * dim], zero);
  const third = (i: number): Tensor =>
    add(linear(x, slice(weight, 0, i * dim, (i + 1) * dim)), slice(bias, 0, i * dim, (i + 1) * dim));
  const { context, probabilities } = attention(third(0), third(1), third(2), heads);
  const proj = scope.at('proj');
  return {
    context: add(linear(context, proj.param('weight', [dim, dim], init)), proj.param('bias', [dim], zero)),
    probabilities,
  };
}

function mlp(scope: Scope, x: Tensor, { dim, mlpRatio }: VitConfig): Tensor {
  const [fc1, fc2, hidden] = [scope.at('fc1'), scope.at('fc2'), dim * mlpRatio];
  const h = gelu(add(linear(x, fc1.param('weight', [hidden, dim], init)), fc1.param('bias', [hidden], zero)));
  return add(linear(h, fc2.param('weight', [dim, hidden], init)), fc2.param('bias', [dim], zero));
}

/** Stochastic depth: a branch [N, B, D] is scaled by 1 / keep, or left out, for each image; factors [1, B]. */
export function drop(branch: Tensor, factors: Tensor | undefined): Tensor {
  return factors === undefined ? branch : mul(branch, reshape(factors, [1, branch.dim(1), 1]));
}
