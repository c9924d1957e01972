/**
 * The Vision Transformer (Dosovitskiy et al. 2021) as DINO uses it. Parameter names, layouts and numerics are those of the
 * official `vision_transformer.py`, so its checkpoints load by name. What DINOv2 adds (Oquab et al. 2023: layer scale, SwiGLU,
 * registers) is there for its weights.
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
  patchProjection,
  reshape,
  type Scope,
  scale,
  shift,
  slice,
  type Tensor,
  tanh,
  transpose,
  truncNormal,
  uniform,
  zero,
} from '../graph/index.ts';
import { convStem } from './conv-stem.ts';
import { type PositionOptions, positions } from './position.ts';

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
  /** DINOv2: a gated MLP; `mlpRatio` is the width behind the gate. */
  readonly swiglu?: boolean;
  /** DINOv2: tokens without position behind the class token, that images do not use. */
  readonly registers?: number;
  /** DINOv2: stands for hidden patches in its training, and is only kept here. */
  readonly maskToken?: boolean;
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

const init = truncNormal(0.02);
const EPS = 1e-6;

/**
 * @param images [B, C, H, W]; pixels beyond a multiple of the patch size are ignored
 * @param dropPath factors 0 or 1 / keep of every sample for each branch of each block, see `drop-path.ts`: [2 * blocks with a rate, B]
 */
export function vit(scope: Scope, images: Tensor, config: VitConfig, dropPath?: Tensor): VitOutput {
  const { depth, heads, eps = EPS, registers = 0 } = config;
  const embedded = embed(scope, images, config); // [N, B, D]
  const outputs: Tensor[] = [];
  let x = embedded;
  const attentions: Tensor[] = [];
  const undropped = depth - (dropPath?.dim(0) ?? 0) / 2;
  for (let i = 0; i < depth; i++) {
    const factors = (branch: number): Tensor | undefined =>
      dropPath === undefined || i < undropped
        ? undefined
        : slice(dropPath, 0, 2 * (i - undropped) + branch, 2 * (i - undropped) + branch + 1);
    const block = scope.at('blocks').at(i);
    const attended = selfAttention(block.at('attn'), norm(block.at('norm1'), x, eps), heads);
    attentions.push(attended.probabilities);
    x = add(x, drop(scaled(block.at('ls1'), attended.context, config), factors(0)));
    const h = mlp(block.at('mlp'), norm(block.at('norm2'), x, eps), config);
    x = add(x, drop(scaled(block.at('ls2'), h, config), factors(1)));
    outputs.push(x);
  }
  const normed = (tokens: Tensor): Tensor => norm(scope.at('norm'), tokens, eps);
  const imageFirst = (tokens: Tensor): Tensor => transpose(tokens, [1, 0, 2]);
  const withoutRegisters = (tokens: Tensor): Tensor =>
    registers === 0
      ? tokens
      : concat([slice(tokens, 0, 0, 1), slice(tokens, 0, 1 + registers, tokens.dim(0))], 0);
  const y = normed(x);
  const probabilities = attentions.at(-1) ?? embedded;
  return {
    cls: reshape(slice(y, 0, 0, 1), [images.dim(0), config.dim]),
    patches: imageFirst(slice(y, 0, 1 + registers, y.dim(0))),
    registers: imageFirst(slice(y, 0, 1, 1 + registers)),
    tokens: imageFirst(y),
    embedded: imageFirst(embedded),
    lastBlocks: (n) => outputs.slice(-n).map((tokens) => imageFirst(withoutRegisters(normed(tokens)))),
    attention: probabilities,
    attentions,
    clsAttention: reshape(slice(slice(probabilities, 2, 0, 1), 3, 1 + registers, y.dim(0)), [
      images.dim(0),
      heads,
      y.dim(0) - 1 - registers,
    ]),
  };
}

/** Patches as tokens behind the class token, plus positions: [B, C, H, W] -> [N, B, D] */
function embed(scope: Scope, images: Tensor, config: VitConfig): Tensor {
  const { patchSize, dim, imageSize, stem, registers = 0 } = config;
  const patchEmbed = scope.at('patch_embed');
  const [batch, height, width] = [images.dim(0), images.dim(2), images.dim(3)];
  let [rows, columns] = [Math.floor(height / patchSize), Math.floor(width / patchSize)];
  let tokens: Tensor; // [rows * columns, B, D]
  if (stem === 'conv') {
    const map = convStem(patchEmbed, images, patchSize, dim);
    [rows, columns] = [map.dim(1), map.dim(2)]; // with a place for what is left of a patch
    tokens = transpose(reshape(map, [batch, rows * columns, dim]), [1, 0, 2]);
  } else tokens = patchTokens(patchEmbed, images, config);
  const cls = scope.param('cls_token', [1, 1, dim], init);
  const position = scope.param('pos_embed', [1, Math.floor(imageSize / patchSize) ** 2 + 1, dim], init);
  if (config.maskToken === true) scope.param('mask_token', [1, dim], zero);
  const placed = add(
    concat([expand(cls, [1, batch, dim]), tokens], 0),
    transpose(positions(position, { height, width }, { rows, columns }, config.positions), [1, 0, 2]),
  );
  if (registers === 0) return placed;
  const extra = transpose(scope.param('register_tokens', [1, registers, dim], init), [1, 0, 2]);
  const everywhere = expand(extra, [registers, batch, dim]);
  return concat([slice(placed, 0, 0, 1), everywhere, slice(placed, 0, 1, placed.dim(0))], 0);
}

/** [B, C, H, W] -> [hw, B, D] */
function patchTokens(scope: Scope, images: Tensor, { patchSize: p, dim, channels }: VitConfig): Tensor {
  const proj = scope.at('proj');
  const convInit = uniform((channels * p * p) ** -0.5); // nn.Conv2d's own: the official initialization leaves it alone
  const weight = proj.param('weight', [dim, channels, p, p], convInit);
  return patchProjection(images, weight, proj.param('bias', [dim], convInit));
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

function mlp(scope: Scope, x: Tensor, { dim, mlpRatio, swiglu = false }: VitConfig): Tensor {
  const hidden = Math.round(dim * mlpRatio);
  if (swiglu) {
    const [w12, w3] = [scope.at('w12'), scope.at('w3')];
    const both = add(
      linear(x, w12.param('weight', [2 * hidden, dim], init)),
      w12.param('bias', [2 * hidden], zero),
    );
    const [gate, value] = [slice(both, 2, 0, hidden), slice(both, 2, hidden, 2 * hidden)];
    const open = mul(gate, scale(shift(tanh(scale(gate, 0.5)), 1), 0.5)); // SiLU
    return add(
      linear(mul(open, value), w3.param('weight', [dim, hidden], init)),
      w3.param('bias', [dim], zero),
    );
  }
  const [fc1, fc2] = [scope.at('fc1'), scope.at('fc2')];
  const h = gelu(add(linear(x, fc1.param('weight', [hidden, dim], init)), fc1.param('bias', [hidden], zero)));
  return add(linear(h, fc2.param('weight', [dim, hidden], init)), fc2.param('bias', [dim], zero));
}

/** A branch [N, B, D] times a learned factor for each channel, where the network has them. */
function scaled(scope: Scope, branch: Tensor, { dim, layerScale = false }: VitConfig): Tensor {
  return layerScale ? mul(branch, scope.param('gamma', [dim], one)) : branch;
}

/** Stochastic depth: a branch [N, B, D] is scaled by 1 / keep, or left out, for each image; factors [1, B]. */
export function drop(branch: Tensor, factors: Tensor | undefined): Tensor {
  return factors === undefined ? branch : mul(branch, reshape(factors, [1, branch.dim(1), 1]));
}
