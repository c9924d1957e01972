/** The network that the shapes of its weights describe, under our names. */
import type { BackboneConfig } from '../model/backbone.ts';
import { attentionHeads } from '../model/places.ts';
import { resnetWidth } from '../model/resnet.ts';
import type { VitConfig } from '../model/vit.ts';
import { xcitUsual } from '../model/xcit-sizes.ts';
import type { Layout } from './layouts.ts';
import type { NetworkShape } from './network-config.ts';
import type { LazyTensor } from './state-dict.ts';

type Of<Kind extends BackboneConfig['kind']> = Extract<BackboneConfig, { kind: Kind }>;

/** A ViT whose shapes are known, and perhaps not its number of heads. */
export type OpenVitConfig = { readonly kind: 'vit' } & Omit<VitConfig, 'heads'> & {
    readonly heads: number | undefined;
  };

export type OpenConfig = OpenVitConfig | Of<'xcit'> | Of<'resnet'> | Of<'convnet'>;

/** What is known besides shapes. */
interface Known {
  /** The file, for errors. */
  readonly name: string;
  readonly heads?: number;
  readonly tokensNorm?: boolean;
  /** What the file says itself. */
  readonly backbone?: BackboneConfig;
}

interface Inferred {
  readonly config: OpenConfig;
  /** What was taken for granted; a sentence. */
  readonly assumed?: string;
}

type Tensors = ReadonlyMap<string, Pick<LazyTensor, 'shape'>>;

/** @throws Error naming a tensor that the network cannot be told without, or heads that contradict the file */
export function inferConfig(tensors: Tensors, kind: Layout['kind'], known: Known): Inferred {
  if (known.backbone !== undefined) return { config: withHeads(known.backbone, known) };
  switch (kind) {
    case 'vit':
      return { config: inferVit(tensors, known) };
    case 'xcit':
      return inferXcit(tensors, known);
    case 'resnet':
      return { config: inferResnet(tensors, known) };
    case 'convnet':
      throw new Error(`${known.name} does not say what convolutional network it is: export it again.`);
  }
}

type ShapeOf = (name: string, axes: number) => readonly number[];

/** Shapes by name, each with as many axes as are expected. @param name of the file */
function shapesIn(tensors: Tensors, name: string): ShapeOf {
  return (of, axes) => {
    const found = tensors.get(of)?.shape;
    if (found === undefined || found.length !== axes) {
      throw new Error(
        `${name}: ${found === undefined ? `there is no ${of}` : `${of} has ${found.length} axes instead of ${axes}`}, so the network cannot be told: give the weights of a whole network.`,
      );
    }
    return found;
  };
}

/** @throws Error if it has another number of heads */
function withHeads(backbone: BackboneConfig, { name, heads }: Known): BackboneConfig {
  const own = attentionHeads(backbone);
  if (heads === undefined || heads === own) return backbone;
  throw new Error(
    `${name}: the network has ${own || 'no'} attention heads, not ${heads}: leave --heads out, or take the config away that says so.`,
  );
}

const countOf = (tensors: Tensors, pattern: RegExp): number =>
  [...tensors.keys()].filter((name) => pattern.test(name)).length;

/** Of DINO's and DINOv2's networks, which all have a head for every 64 of the width. */
const PUBLISHED_WIDTHS = [192, 384, 768, 1024, 1536];

/** Attention heads of a published network of this width; undefined if none has it. */
function publishedHeads(dim: number): number | undefined {
  return PUBLISHED_WIDTHS.includes(dim) ? dim / 64 : undefined;
}

/** @param name of the file */
export function untoldHeads(name: string, dim: number): Error {
  return new Error(
    `${name}: a width of ${dim} does not tell how many attention heads there are: give --heads.`,
  );
}

/** @throws Error naming a tensor that the network cannot be told without, or heads that do not fit it */
export function inferVit(tensors: Tensors, { name, heads }: Known): OpenVitConfig {
  const shape = shapesIn(tensors, name);
  const [dim = 0, channels = 3, patchSize = 1] = shape('patch_embed.proj.weight', 4);
  const swiglu = tensors.has('blocks.0.mlp.w12.weight');
  const layerScale = tensors.has('blocks.0.ls1.gamma');
  const registers = tensors.has('register_tokens') ? (shape('register_tokens', 3)[1] ?? 0) : 0;
  const positions = shape('pos_embed', 3)[1] ?? 1;
  const side = Math.round(Math.sqrt(positions - 1));
  if (side ** 2 !== positions - 1) {
    throw new Error(
      `${name}: pos_embed has ${positions} positions, which are not a square and a class token: weights with a distillation token, or with positions for patches alone, cannot be read.`,
    );
  }
  const depth = countOf(tensors, /^blocks\.\d+\.norm1\.weight$/);
  const hidden = swiglu
    ? (shape('blocks.0.mlp.w12.weight', 2)[0] ?? 8 * dim) / 2
    : (shape('blocks.0.mlp.fc1.weight', 2)[0] ?? 4 * dim);
  if (heads !== undefined && dim % heads !== 0)
    throw new Error(`${name}: ${heads} attention heads do not divide a width of ${dim}: give other --heads.`);
  return {
    kind: 'vit',
    imageSize: side * patchSize,
    patchSize,
    channels,
    dim,
    depth,
    heads: heads ?? publishedHeads(dim),
    mlpRatio: hidden / dim,
    stem: 'patch',
    ...(layerScale ? { layerScale } : {}),
    ...(swiglu ? { swiglu } : {}),
    // As the published networks with registers were trained.
    ...(registers > 0 ? { registers, positions: { offset: 0, antialias: true } } : {}),
    ...(tensors.has('mask_token') ? { maskToken: true } : {}),
  };
}

function inferXcit(tensors: Tensors, { name, heads: given, tokensNorm }: Known): Inferred {
  const shape = shapesIn(tensors, name);
  const [, , dim = 1] = shape('cls_token', 3);
  const [, channels = 3] = shape('patch_embed.proj.0.0.weight', 4);
  const [heads = 1] = shape('blocks.0.attn.temperature', 3);
  const [hidden = 4 * dim] = shape('blocks.0.mlp.fc1.weight', 2);
  if (given !== undefined && given !== heads)
    throw new Error(`${name}: the network has ${heads} attention heads, not ${given}: leave --heads out.`);
  const halvings = countOf(tensors, /^patch_embed\.proj\.\d+\.0\.weight$/);
  if (dim < 1 || heads < 1 || dim % heads !== 0 || dim % 2 ** (halvings - 1) !== 0)
    throw new Error(
      `${name}: a width of ${dim} does not fit ${heads} attention heads and a stem of ${halvings} convolutions: download it again.`,
    );
  const depth = countOf(tensors, /^blocks\.\d+\.norm1\.weight$/);
  const classBlocks = countOf(tensors, /^cls_attn_blocks\.\d+\.norm1\.weight$/);
  const assumes = tokensNorm === undefined && classBlocks > 1;
  const usual = xcitUsual(dim, depth);
  const normsAll = tokensNorm ?? usual.tokensNorm;
  return {
    config: {
      kind: 'xcit',
      channels,
      patchSize: 2 ** halvings,
      dim,
      depth,
      heads,
      mlpRatio: hidden / dim,
      classBlocks,
      tokensNorm: normsAll,
      eta: usual.eta, // of fresh weights only
    },
    ...(assumes
      ? {
          assumed: `class blocks norm ${normsAll ? 'all tokens' : 'the class token alone'}, as in published networks of this width: the weights do not tell`,
        }
      : {}),
  };
}

function inferResnet(tensors: Tensors, { name }: Known): Of<'resnet'> {
  const shape = shapesIn(tensors, name);
  const [, channels = 3] = shape('conv1.weight', 4);
  const [width = 1] = shape('layer1.0.conv1.weight', 4);
  const stages = [1, 2, 3, 4].map((stage) =>
    countOf(tensors, new RegExp(`^layer${stage}\\.\\d+\\.conv1\\.weight$`)),
  );
  return {
    kind: 'resnet',
    channels,
    block: tensors.has('layer1.0.conv3.weight') ? 'bottleneck' : 'basic',
    blocks: stages.filter((count) => count > 0),
    width,
  };
}

/** The network with a number of heads, for what does not depend on it. */
export function closedConfig(config: OpenConfig): BackboneConfig {
  return config.kind === 'vit' ? { ...config, heads: config.heads ?? 1 } : config;
}

/** @param name of the file, for errors @throws Error if it is open how many attention heads there are */
export function requireHeads(config: OpenConfig, name: string): BackboneConfig {
  if (config.kind !== 'vit' || config.heads !== undefined) return closedConfig(config);
  throw untoldHeads(name, config.dim);
}

/** Side of the images that a network is usually given, pixels. */
export function imageSizeOf(config: OpenConfig): number {
  return config.kind === 'vit' ? config.imageSize : 224;
}

/** What a config beside the weights has to agree with. */
export function shapeOf(config: OpenConfig): Partial<NetworkShape> {
  const { kind, channels } = config;
  if (config.kind === 'resnet') return { kind, channels, dim: resnetWidth(config) };
  if (config.kind === 'convnet') return { kind, channels };
  const { dim, depth, mlpRatio, patchSize } = config;
  const common = { kind, dim, depth, hidden: Math.round(dim * mlpRatio), patchSize, channels };
  if (config.kind === 'xcit') return common;
  const { imageSize, swiglu = false, registers = 0 } = config;
  return { ...common, imageSize, swiglu, registers };
}
