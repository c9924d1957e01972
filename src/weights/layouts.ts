/**
 * The names that weights have elsewhere, one table for each layout, against the official names, which are ours: those of
 * facebookresearch/dino (`vision_transformer.py`), facebookresearch/xcit and torchvision. timm has most of them too.
 */
import type { BackboneConfig } from '../model/backbone.ts';

/** One tensor of a layout; `{i}` is the number of a block. */
export interface NameRule {
  /** True where only some networks of the layout have it. */
  readonly optional?: boolean;
  readonly official: string;
  /** Three names: the official tensor is their rows one after another (query, key, value). */
  readonly foreign: string | readonly [string, string, string];
}

export interface Layout {
  readonly name: string;
  readonly kind: BackboneConfig['kind'];
  /** Tensor that every file of the layout has, by which it is found. */
  readonly anchor: string;
  readonly rules: readonly NameRule[];
  /** Names that may be there and are not part of the backbone. */
  readonly extras: readonly RegExp[];
}

const officialNames = [
  'cls_token',
  'pos_embed',
  'patch_embed.proj.weight',
  'patch_embed.proj.bias',
  ...['norm1', 'attn.qkv', 'attn.proj', 'norm2', 'mlp.fc1', 'mlp.fc2'].flatMap((part) => [
    `blocks.{i}.${part}.weight`,
    `blocks.{i}.${part}.bias`,
  ]),
  'norm.weight',
  'norm.bias',
];

/** facebookresearch/dino and timm. */
export const officialLayout: Layout = {
  name: 'official (facebookresearch/dino, timm)',
  kind: 'vit',
  anchor: 'cls_token',
  rules: officialNames.map((name) => ({ official: name, foreign: name })),
  extras: [/^head\./, /^fc_norm\./],
};

const both = (official: string, foreign: string): NameRule[] =>
  ['weight', 'bias'].map((kind) => ({ official: `${official}.${kind}`, foreign: `${foreign}.${kind}` }));

/** Hugging Face `ViTModel` (models/vit/convert_dino_to_pytorch.py). */
export const huggingFaceVit: Layout = {
  name: 'Hugging Face ViTModel',
  kind: 'vit',
  anchor: 'embeddings.cls_token',
  rules: [
    { official: 'cls_token', foreign: 'embeddings.cls_token' },
    { official: 'pos_embed', foreign: 'embeddings.position_embeddings' },
    ...both('patch_embed.proj', 'embeddings.patch_embeddings.projection'),
    ...both('blocks.{i}.norm1', 'encoder.layer.{i}.layernorm_before'),
    ...['weight', 'bias'].map((kind): NameRule => {
      const part = (name: string): string => `encoder.layer.{i}.attention.attention.${name}.${kind}`;
      return {
        official: `blocks.{i}.attn.qkv.${kind}`,
        foreign: [part('query'), part('key'), part('value')],
      };
    }),
    ...both('blocks.{i}.attn.proj', 'encoder.layer.{i}.attention.output.dense'),
    ...both('blocks.{i}.norm2', 'encoder.layer.{i}.layernorm_after'),
    ...both('blocks.{i}.mlp.fc1', 'encoder.layer.{i}.intermediate.dense'),
    ...both('blocks.{i}.mlp.fc2', 'encoder.layer.{i}.output.dense'),
    ...both('norm', 'layernorm'),
  ],
  extras: [/^pooler\./],
};

const optionally = (rules: readonly NameRule[]): NameRule[] =>
  rules.map((rule) => ({ ...rule, optional: true }));

const scales = (foreign: string, gamma: string): NameRule[] =>
  [1, 2].map((i) => ({ official: `blocks.{i}.ls${i}.gamma`, foreign: `${foreign}${i}.${gamma}` }));

/** facebookresearch/dinov2: the names of DINO and what DINOv2 adds. Numbers of chunks of blocks are left out before. */
export const officialDinov2: Layout = {
  name: 'official DINOv2 (facebookresearch/dinov2)',
  kind: 'vit',
  anchor: 'blocks.0.ls1.gamma',
  rules: [
    ...officialLayout.rules.filter(({ official }) => !official.includes('.mlp.')),
    ...scales('blocks.{i}.ls', 'gamma'),
    ...optionally([
      { official: 'mask_token', foreign: 'mask_token' },
      { official: 'register_tokens', foreign: 'register_tokens' },
      ...['fc1', 'fc2', 'w12', 'w3'].flatMap((part) =>
        both(`blocks.{i}.mlp.${part}`, `blocks.{i}.mlp.${part}`),
      ),
    ]),
  ],
  extras: [/^head\./, /^dino_head\./, /^ibot_head\./],
};

/** Hugging Face `Dinov2Model` and `Dinov2WithRegistersModel` (models/dinov2/convert_dinov2_to_hf.py). */
export const huggingFaceDinov2: Layout = {
  name: 'Hugging Face Dinov2Model',
  kind: 'vit',
  anchor: 'encoder.layer.0.layer_scale1.lambda1',
  rules: [
    ...huggingFaceVit.rules.filter(({ official }) => !/\.(mlp|norm[12])\./.test(official)),
    ...['norm1', 'norm2'].flatMap((norm) => both(`blocks.{i}.${norm}`, `encoder.layer.{i}.${norm}`)),
    ...scales('encoder.layer.{i}.layer_scale', 'lambda1'),
    ...optionally([
      { official: 'mask_token', foreign: 'embeddings.mask_token' },
      { official: 'register_tokens', foreign: 'embeddings.register_tokens' },
      ...both('blocks.{i}.mlp.fc1', 'encoder.layer.{i}.mlp.fc1'),
      ...both('blocks.{i}.mlp.fc2', 'encoder.layer.{i}.mlp.fc2'),
      ...both('blocks.{i}.mlp.w12', 'encoder.layer.{i}.mlp.weights_in'),
      ...both('blocks.{i}.mlp.w3', 'encoder.layer.{i}.mlp.weights_out'),
    ]),
  ],
  extras: [/^pooler\./],
};

const batchNormed = (official: string, foreign = official): NameRule[] =>
  ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map((kind) => ({
    official: `${official}.${kind}`,
    foreign: `${foreign}.${kind}`,
  }));

/** @param positions name of what projects the positions @param asked names of a class block's queries, keys and values */
const xcitRules = (positions: string, asked: (kind: string) => NameRule['foreign']): NameRule[] => [
  { official: 'cls_token', foreign: 'cls_token' },
  ...optionally(
    [0, 2, 4, 6].flatMap((i) => [
      { official: `patch_embed.proj.${i}.0.weight`, foreign: `patch_embed.proj.${i}.0.weight` },
      ...batchNormed(`patch_embed.proj.${i}.1`),
    ]),
  ),
  ...both('pos_embeder.token_projection', `${positions}.token_projection`),
  ...['gamma1', 'gamma2', 'gamma3', 'attn.temperature'].map((part) => ({
    official: `blocks.{i}.${part}`,
    foreign: `blocks.{i}.${part}`,
  })),
  ...[
    'norm1',
    'norm2',
    'norm3',
    'attn.qkv',
    'attn.proj',
    'mlp.fc1',
    'mlp.fc2',
    'local_mp.conv1',
    'local_mp.conv2',
  ]
    .map((part) => `blocks.{i}.${part}`)
    .flatMap((part) => both(part, part)),
  ...batchNormed('blocks.{i}.local_mp.bn'),
  ...['gamma1', 'gamma2'].map((part) => ({
    official: `cls_attn_blocks.{i}.${part}`,
    foreign: `cls_attn_blocks.{i}.${part}`,
  })),
  ...['norm1', 'norm2', 'attn.proj', 'mlp.fc1', 'mlp.fc2']
    .map((part) => `cls_attn_blocks.{i}.${part}`)
    .flatMap((part) => both(part, part)),
  ...['weight', 'bias'].map((kind) => ({
    official: `cls_attn_blocks.{i}.attn.qkv.${kind}`,
    foreign: asked(kind),
  })),
  ...both('norm', 'norm'),
];

/** facebookresearch/xcit, and the DINO weights of such networks. */
const officialXcit: Layout = {
  name: 'official XCiT (facebookresearch/xcit)',
  kind: 'xcit',
  anchor: 'cls_attn_blocks.0.attn.qkv.weight',
  rules: xcitRules('pos_embeder', (kind) => `cls_attn_blocks.{i}.attn.qkv.${kind}`),
  extras: [/^head\./],
};

/** timm's XCiT (`checkpoint_filter_fn` of its `xcit.py`). */
export const timmXcit: Layout = {
  name: 'timm XCiT',
  kind: 'xcit',
  anchor: 'cls_attn_blocks.0.attn.q.weight',
  rules: xcitRules('pos_embed', (kind) => {
    const part = (name: string): string => `cls_attn_blocks.{i}.attn.${name}.${kind}`;
    return [part('q'), part('k'), part('v')];
  }),
  extras: [/^head\./],
};

/** torchvision's ResNet, of 18 layers or more; timm and facebookresearch/dino have the same names. */
const torchvisionResnet: Layout = {
  name: 'torchvision ResNet (timm, facebookresearch/dino)',
  kind: 'resnet',
  anchor: 'layer1.0.conv1.weight',
  rules: optionally([
    { official: 'conv1.weight', foreign: 'conv1.weight' },
    ...batchNormed('bn1'),
    ...[1, 2, 3, 4].flatMap((stage) => [
      ...[1, 2, 3].flatMap((i) => [
        { official: `layer${stage}.{i}.conv${i}.weight`, foreign: `layer${stage}.{i}.conv${i}.weight` },
        ...batchNormed(`layer${stage}.{i}.bn${i}`),
      ]),
      {
        official: `layer${stage}.{i}.downsample.0.weight`,
        foreign: `layer${stage}.{i}.downsample.0.weight`,
      },
      ...batchNormed(`layer${stage}.{i}.downsample.1`),
    ]),
  ]),
  extras: [/^fc\./],
};

export const layouts: readonly Layout[] = [
  ...[officialXcit, timmXcit, torchvisionResnet],
  ...[huggingFaceDinov2, officialDinov2, huggingFaceVit, officialLayout],
];

/**
 * The layout of a network that is in no other library: its names are ours.
 *
 * @param names of all its tensors
 * @returns undefined where another layout has a place for all of them: the file may have the names of that one
 */
export function ownLayout(kind: Layout['kind'], names: readonly string[]): Layout | undefined {
  const isElsewhere = layouts.some((layout) => {
    const places = new Set(layout.rules.map(({ official }) => official));
    return (
      names.includes(layout.anchor) &&
      names.every((name) => places.has(name) || places.has(name.replace(NUMBERED, '$1{i}')))
    );
  });
  if (isElsewhere) return undefined;
  return {
    name: 'dino-ts',
    kind,
    // Which no other name ends with.
    anchor: names.find((name) => !names.some((other) => other.endsWith(`.${name}`))) ?? '',
    rules: names.map((name) => ({ official: name, foreign: name })),
    extras: [/^head\./],
  };
}

/** What stands before the number of a block. */
const NUMBERED = /^(layer\d+\.|(?:cls_attn_)?blocks\.)\d+/;

/** A rule for one block. */
export function forBlock(name: string, block: number): string {
  return name.replace('{i}', String(block));
}

/** How many blocks a rule stands for among tensors of these names: by the largest number in the place of `{i}`. */
export function timesFor(pattern: string, names: Iterable<string>): number {
  const at = pattern.indexOf('{i}');
  if (at < 0) return 1;
  const before = pattern.slice(0, at);
  let count = 0;
  for (const name of names) {
    const number = name.startsWith(before) ? /^\d+(?=\.)/.exec(name.slice(at)) : null;
    if (number !== null) count = Math.max(count, Number(number[0]) + 1);
  }
  return Math.min(10_000, count);
}
