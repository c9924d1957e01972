/**
 * XCiT, the cross-covariance image transformer (El-Nouby et al. 2021): attention among the channels of all patches (XCA) in place of
 * attention among patches, small convolutions for what patches tell their neighbors (LPI), and in the end a class token that
 * attends to the patches (CaiT, Touvron et al. 2021). Names, layouts and numerics are those of the official `xcit.py`.
 *
 * Activations are images first, [B, N, D], so that patches are a map without being moved.
 */
import {
  add,
  concat,
  depthwise,
  drawn,
  expand,
  gelu,
  type Initializer,
  l2Normalize,
  linear,
  matmul,
  mul,
  one,
  reshape,
  type Scope,
  scale,
  slice,
  softmax,
  type Tensor,
  transpose,
  uniform,
} from '../graph/index.ts';
import { batchNormLayer, type Mode } from './batch-norm.ts';
import { fourierPositions, WAVES } from './fourier-positions.ts';
import { dense, mlp, norm, qkvPart, selfAttention, weightInit } from './layers.ts';
import { normedConv } from './residual.ts';

export interface XcitConfig {
  readonly channels: number;
  /** Side of a patch, a power of 2: the stem has a convolution of stride 2 for each factor of 2. */
  readonly patchSize: number;
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpRatio: number;
  /** Blocks of the class token, behind those of the patches. */
  readonly classBlocks: number;
  /** Whether the second norm of a class block is of all tokens; else of the class token alone. */
  readonly tokensNorm: boolean;
  /** What the factors of the branches start from. */
  readonly eta: number;
}

export interface XcitOutput {
  /** Class token after the last norm: the feature of the image. [B, D] */
  readonly cls: Tensor;
  /** Patch tokens after the last norm. [B, N, D] */
  readonly patches: Tensor;
  /** What the last class block's attention takes of each patch. [B, heads, N] */
  readonly clsAttention: Tensor;
  /** Patches behind the stem, without positions. [B, N, D] */
  readonly embedded: Tensor;
  /** What is added to them. [h, w, D] */
  readonly positions: Tensor;
  /** Outputs of the blocks of the patches. [B, h, w, D] each */
  readonly blocks: readonly Tensor[];
  /** Class token and patches behind each class block. [B, 1 + N, D] each */
  readonly classBlocks: readonly Tensor[];
}

const EPS = 1e-6;

/** Channels behind each convolution of the stem, the last as wide as the tokens. */
export function xcitStem({ patchSize, dim }: Pick<XcitConfig, 'patchSize' | 'dim'>): readonly number[] {
  const halvings = Math.log2(patchSize);
  if (!Number.isInteger(halvings) || halvings < 1)
    throw new Error(`A patch of ${patchSize} pixels is none that the stem can make: choose a power of 2.`);
  return Array.from({ length: halvings }, (_, i) => dim / 2 ** (halvings - 1 - i));
}

/**
 * @param images [B, C, H, W], of any size
 * @param dropPath factors that drop branches in training: [rows, B], three rows for each block in the order of its branches
 */
export function xcit(
  scope: Scope,
  images: Tensor,
  config: XcitConfig,
  mode: Mode,
  dropPath?: Tensor,
): XcitOutput {
  const { channels, dim, depth, classBlocks } = config;
  if (images.dim(1) !== channels)
    throw new Error(`The network takes ${channels} channels, the images have ${images.dim(1)}.`);
  const embedded = stem(scope.at('patch_embed').at('proj'), images, config, mode); // [B, h, w, D]
  const [b, rows, columns] = [embedded.dim(0), embedded.dim(1), embedded.dim(2)];
  const n = rows * columns;
  const waves = reshape(fourierPositions(rows, columns), [rows, columns, 2 * WAVES]);
  const positions = pixelwise(scope.at('pos_embeder').at('token_projection'), waves, dim);
  const blocks: Tensor[] = [];
  let map = add(embedded, positions);
  for (let i = 0; i < depth; i++) {
    const factors = dropPath === undefined ? undefined : slice(dropPath, 0, 3 * i, 3 * i + 3);
    map = patchBlock(scope.at('blocks').at(i), map, config, mode, factors);
    blocks.push(map);
  }
  let tokens: Tokens = {
    cls: expand(scope.param('cls_token', [1, 1, dim], weightInit), [b, 1, dim]),
    patches: reshape(map, [b, n, dim]),
  };
  const both: Tensor[] = [];
  for (let i = 0; i < classBlocks; i++) {
    tokens = classBlock(scope.at('cls_attn_blocks').at(i), tokens, config);
    both.push(concat([tokens.cls, tokens.patches], 1));
  }
  const normed = (x: Tensor): Tensor => norm(scope.at('norm'), x, EPS);
  const { cls, patches, attention = patches } = tokens;
  return {
    cls: reshape(normed(cls), [b, dim]),
    patches: normed(patches),
    clsAttention: attention,
    embedded: reshape(embedded, [b, n, dim]),
    positions,
    blocks,
    classBlocks: both,
  };
}

/** Convolutions of stride 2, each normalized, with a GELU between: [B, C, H, W] -> [B, h, w, D] */
function stem(scope: Scope, images: Tensor, config: XcitConfig, mode: Mode): Tensor {
  let x = transpose(images, [0, 2, 3, 1]);
  for (const [i, width] of xcitStem(config).entries()) {
    const at = scope.at(2 * i); // the GELUs have the odd numbers
    const shape = { kernel: 3, stride: 2, width };
    x = normedConv(at.at(0), at.at(1), i === 0 ? x : gelu(x), shape, mode, torchInit);
  }
  return x;
}

/** A convolution of 1 x 1 with a bias: [..., C] -> [..., width] */
function pixelwise(scope: Scope, x: Tensor, width: number): Tensor {
  const channels = x.dim(-1);
  const weight = scope.param('weight', [width, channels, 1, 1], torchInit);
  const bias = scope.param('bias', [width], uniform(channels ** -0.5));
  return add(linear(x, reshape(weight, [width, channels])), bias);
}

/**
 * Three branches, each on normed patches, scaled channel by channel and added to what goes by: attention among channels,
 * neighbors, MLP.
 *
 * @param map [B, h, w, D]
 * @param factors [3, B]
 */
function patchBlock(
  scope: Scope,
  map: Tensor,
  { dim, heads, mlpRatio, eta }: XcitConfig,
  mode: Mode,
  factors: Tensor | undefined,
): Tensor {
  const [b, n] = [map.dim(0), map.dim(1) * map.dim(2)];
  const branches: readonly { gamma: string; norm: string; make: (x: Tensor) => Tensor }[] = [
    {
      ...{ gamma: 'gamma1', norm: 'norm1' },
      make: (x) => reshape(crossCovariance(scope.at('attn'), reshape(x, [b, n, dim]), heads), map.shape),
    },
    { gamma: 'gamma3', norm: 'norm3', make: (x) => localInteraction(scope.at('local_mp'), x, mode) },
    { gamma: 'gamma2', norm: 'norm2', make: (x) => mlp(scope.at('mlp'), x, Math.round(dim * mlpRatio)) },
  ];
  return branches.reduce((x, { gamma, norm: name, make }, row) => {
    const scaled = mul(make(norm(scope.at(name), x, EPS)), scope.param(gamma, [dim], filled(eta)));
    if (factors === undefined) return add(x, scaled);
    return add(x, mul(scaled, reshape(slice(factors, 0, row, row + 1), [b, 1, 1, 1])));
  }, map);
}

/** For each head, softmax(temperature q k') v of its channels, every channel of length 1 over the patches. [B, N, D] -> [B, N, D] */
function crossCovariance(scope: Scope, x: Tensor, heads: number): Tensor {
  const [b, n, dim] = [x.dim(0), x.dim(1), x.dim(2)];
  const perHead = (part: 0 | 1 | 2): Tensor =>
    transpose(reshape(qkvPart(scope.at('qkv'), x, part), [b, n, heads, dim / heads]), [0, 2, 3, 1]);
  const [q, k, v] = [perHead(0), perHead(1), perHead(2)]; // [B, heads, D / heads, N]
  const likeness = matmul(l2Normalize(q), l2Normalize(k), { transB: true }); // [B, heads, D / heads, D / heads]
  const mixed = matmul(softmax(mul(likeness, scope.param('temperature', [heads, 1, 1], one))), v);
  return dense(scope.at('proj'), reshape(transpose(mixed, [0, 3, 1, 2]), [b, n, dim]), dim);
}

/** What patches tell their neighbors, channel by channel: [B, h, w, D] -> [B, h, w, D] */
function localInteraction(scope: Scope, map: Tensor, mode: Mode): Tensor {
  const conv = (name: string, x: Tensor): Tensor => {
    const [at, dim] = [scope.at(name), x.dim(3)];
    const y = depthwise(x, at.param('weight', [dim, 1, 3, 3], torchInit), { padding: 1 });
    return add(y, at.param('bias', [dim], uniform(1 / 3)));
  };
  return conv('conv2', batchNormLayer(scope.at('bn'), gelu(conv('conv1', map)), mode));
}

interface Tokens {
  /** [B, 1, D] */
  readonly cls: Tensor;
  /** [B, N, D] */
  readonly patches: Tensor;
  /** [B, heads, N] */
  readonly attention?: Tensor;
}

/**
 * The class token asks itself and the patches, and has an MLP. What the official code does to the patches meanwhile is done here too,
 * and reaches the class token of the next such block: their own normed values are added to them, and the sum is doubled.
 */
function classBlock(
  scope: Scope,
  { cls, patches }: Tokens,
  { dim, heads, mlpRatio, tokensNorm, eta }: XcitConfig,
): Tokens {
  const gamma = (name: string, x: Tensor): Tensor => mul(x, scope.param(name, [dim], filled(eta)));
  const norm1 = (x: Tensor): Tensor => norm(scope.at('norm1'), x, EPS);
  const norm2 = (x: Tensor): Tensor => norm(scope.at('norm2'), x, EPS);
  const tokensFirst = (x: Tensor): Tensor => transpose(x, [1, 0, 2]); // and back
  const [c, p] = [norm1(cls), norm1(patches)];
  const all = tokensFirst(concat([c, p], 1));
  const { context, probabilities } = selfAttention(scope.at('attn'), all, heads, tokensFirst(c));
  const asked = norm2(add(cls, gamma('gamma1', tokensFirst(context))));
  const met = add(patches, gamma('gamma1', p));
  const [b, n] = [patches.dim(0), patches.dim(1)];
  return {
    cls: add(asked, gamma('gamma2', mlp(scope.at('mlp'), asked, Math.round(dim * mlpRatio)))),
    patches: scale(tokensNorm ? norm2(met) : met, 2),
    attention: reshape(slice(probabilities, 3, 1, n + 1), [b, heads, n]), // [B, heads, 1, 1 + N]
  };
}

/** PyTorch's own for convolutions, which the official initialization leaves alone. */
const torchInit: Initializer = (random, shape) =>
  uniform(shape.slice(1).reduce((product, size) => product * size, 1) ** -0.5)(random, shape);

const filled =
  (value: number): Initializer =>
  (_, shape) =>
    drawn(shape, () => value);
