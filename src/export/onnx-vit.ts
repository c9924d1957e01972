/**
 * A trained Vision Transformer as an ONNX model for any batch and any image size, equal to `model/vit.ts` number for number:
 * position embeddings are interpolated inside, as the official `interpolate_pos_encoding` does.
 */
import type { VitConfig } from '../model/vit.ts';
import type { OnnxLayers } from './onnx-layers.ts';

/** What an exported network gives, before it gets names. */
export interface OnnxFeatures {
  /** [batch, tokens, dim] */
  readonly tokens: string;
  /** [batch, dim] */
  readonly pooled: string;
  /** Of each block, [batch, heads, tokens, tokens]. */
  readonly attentions: readonly string[];
  /** Normed outputs of the last n blocks, oldest first, as `tokens`. */
  lastBlocks(n: number): readonly string[];
}

const EPS = 1e-6;

/** @param pixels name of the input, [batch, channels, height, width] */
export function onnxVit(layers: OnnxLayers, pixels: string, config: VitConfig): OnnxFeatures {
  const { dim, depth, heads, eps = EPS } = config;
  const { to } = layers;
  let x = embed(layers, pixels, config);
  const attentions: string[] = [];
  const outputs: string[] = [];
  for (let i = 0; i < depth; i++) {
    const block = `blocks.${i}`;
    const { context, probabilities } = selfAttention(
      layers,
      layers.layerNorm(x, `${block}.norm1`, dim, eps),
      `${block}.attn`,
      dim,
      heads,
    );
    attentions.push(probabilities);
    x = to.op('Add', [x, context]);
    const hidden = dim * config.mlpRatio;
    const normed = layers.layerNorm(x, `${block}.norm2`, dim, eps);
    const h = layers.gelu(layers.linear(normed, `${block}.mlp.fc1`, dim, hidden));
    x = to.op('Add', [x, layers.linear(h, `${block}.mlp.fc2`, hidden, dim)]);
    outputs.push(x);
  }
  const normed = (each: string): string => layers.layerNorm(each, 'norm', dim, eps);
  const tokens = normed(x);
  return {
    tokens,
    pooled: classToken(layers, tokens, dim),
    attentions,
    lastBlocks: (n) => [...outputs.slice(-n, -1).map(normed), tokens],
  };
}

/** [batch, tokens, dim] -> [batch, dim] */
export function classToken(layers: OnnxLayers, tokens: string, dim: number): string {
  const first = layers.to.op('Gather', [tokens, layers.to.ints([0])], { axis: { int: 1 } });
  return layers.reshape(first, [0, dim]);
}

/** Class token and patches with their positions: [batch, channels, height, width] -> [batch, tokens, dim] */
function embed(layers: OnnxLayers, pixels: string, config: VitConfig): string {
  const { dim, patchSize, imageSize } = config;
  const { to } = layers;
  const map = config.stem === 'conv' ? convStem(layers, pixels, config) : patchMap(layers, pixels, config);
  const patches = layers.transpose(layers.reshape(map, [0, dim, -1]), [0, 2, 1]);
  const cls = to.precisely(() => {
    const batch = to.op('Slice', [to.op('Shape', [map]), to.ints([0]), to.ints([1])]);
    const shape = to.op('Concat', [batch, to.ints([1, dim])], { axis: { int: 0 } });
    return to.op('Expand', [layers.weight('cls_token', [1, 1, dim]), shape]);
  });
  const side = Math.floor(imageSize / patchSize);
  const tokens = to.op('Concat', [cls, patches], { axis: { int: 1 } });
  return to.op('Add', [tokens, to.precisely(() => positions(layers, pixels, map, dim, side))]);
}

/** One linear map of every patch. */
function patchMap(layers: OnnxLayers, pixels: string, { dim, channels, patchSize }: VitConfig): string {
  const weight = layers.weight('patch_embed.proj.weight', [dim, channels, patchSize, patchSize]);
  const bias = layers.weight('patch_embed.proj.bias', [dim]);
  return layers.conv(pixels, weight, bias, { kernel: patchSize, stride: patchSize, padding: 0 });
}

/** As `model/conv-stem.ts`: convolutions of stride 2, each normalized over its channels, then one linear map. */
function convStem(layers: OnnxLayers, pixels: string, { dim, channels, patchSize }: VitConfig): string {
  const halvings = Math.log2(patchSize);
  let [x, inputs] = [pixels, channels];
  for (let i = 0; i < halvings; i++) {
    const width = Math.max(16, dim >> (halvings - i));
    const name = `patch_embed.stem.${i}`;
    const weight = layers.weight(`${name}.conv.weight`, [width, inputs, 3, 3]);
    const map = layers.conv(x, weight, undefined, { kernel: 3, stride: 2, padding: 1 });
    const normed = layers.layerNorm(layers.transpose(map, [0, 2, 3, 1]), `${name}.norm`, width, EPS);
    x = layers.transpose(layers.gelu(normed), [0, 3, 1, 2]);
    inputs = width;
  }
  const last = layers.linear(layers.transpose(x, [0, 2, 3, 1]), 'patch_embed.proj', inputs, dim);
  return layers.transpose(last, [0, 3, 1, 2]);
}

/**
 * Position embeddings for the grid of this image: bicubic (A = -0.75), with 0.1 added to the grid before the scale factor is
 * formed, and untouched where a square image has the trained number of patches (see `model/position.ts`).
 *
 * @param map [batch, dim, rows, columns]
 * @param side trained rows and columns
 * @returns [1, tokens, dim]
 */
function positions(layers: OnnxLayers, pixels: string, map: string, dim: number, side: number): string {
  const { to } = layers;
  const all = layers.values('pos_embed');
  const grid = new Float32Array(side * side * dim); // [dim, side, side]
  for (let p = 0; p < side * side; p++)
    for (let d = 0; d < dim; d++) grid[d * side * side + p] = all[(p + 1) * dim + d]!;
  const sizeOf = (x: string): string => to.op('Slice', [to.op('Shape', [x]), to.ints([2]), to.ints([4])]);
  const each = (pair: string, i: number): string => to.op('Slice', [pair, to.ints([i]), to.ints([i + 1])]);
  const [cells, size] = [sizeOf(map), sizeOf(pixels)]; // [rows, columns], [height, width]
  const count = to.op('ReduceProd', [cells], { axes: { ints: [0] }, keepdims: { int: 1 } });
  const fits = to.op('And', [
    to.op('Equal', [count, to.ints([side * side])]),
    to.op('Equal', [each(size, 0), each(size, 1)]),
  ]);
  const factor = to.op('Div', [
    to.op('Add', [to.op('Cast', [cells], { to: { int: 1 } }), to.floats([0.1])]),
    to.floats([side]),
  ]);
  const scales = to.op('Concat', [to.floats([1, 1]), to.op('Where', [fits, to.floats([1]), factor])], {
    axis: { int: 0 },
  });
  const trained = to.weight('pos_embed.grid', [1, dim, side, side], grid);
  const resized = to.op('Resize', [trained, '', scales], {
    mode: { text: 'cubic' },
    cubic_coeff_a: { float: -0.75 },
    coordinate_transformation_mode: { text: 'half_pixel' },
  });
  const patches = layers.transpose(layers.reshape(resized, [1, dim, -1]), [0, 2, 1]);
  const cls = to.weight('pos_embed.cls', [1, 1, dim], all.slice(0, dim));
  return to.op('Concat', [cls, patches], { axis: { int: 1 } });
}

function selfAttention(
  layers: OnnxLayers,
  x: string,
  name: string,
  dim: number,
  heads: number,
): { readonly context: string; readonly probabilities: string } {
  const { to } = layers;
  const width = dim / heads;
  const qkv = layers.reshape(layers.linear(x, `${name}.qkv`, dim, 3 * dim), [0, 0, 3, heads, width]);
  const parts = to.ops('Split', [layers.transpose(qkv, [2, 0, 3, 1, 4])], 3, { axis: { int: 0 } });
  const [q = '', k = '', v = ''] = parts.map((part) => to.op('Squeeze', [part, to.ints([0])])); // [B, heads, N, width]
  const scaled = to.op('Mul', [q, to.floats(width ** -0.5)]);
  const scores = to.op('MatMul', [scaled, layers.transpose(k, [0, 1, 3, 2])]);
  const probabilities = to.op('Softmax', [scores], { axis: { int: -1 } });
  const mixed = layers.transpose(to.op('MatMul', [probabilities, v]), [0, 2, 1, 3]);
  const context = layers.linear(layers.reshape(mixed, [0, 0, dim]), `${name}.proj`, dim, dim);
  return { context, probabilities };
}
