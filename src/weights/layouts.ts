/**
 * The names that Vision Transformer weights have elsewhere, one table for each layout, against the official names
 * (facebookresearch/dino, `vision_transformer.py`), which are ours. timm has the official ones too.
 */

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
  anchor: 'cls_token',
  rules: officialNames.map((name) => ({ official: name, foreign: name })),
  extras: [/^head\./, /^fc_norm\./],
};

const both = (official: string, foreign: string): NameRule[] =>
  ['weight', 'bias'].map((kind) => ({ official: `${official}.${kind}`, foreign: `${foreign}.${kind}` }));

/** Hugging Face `ViTModel` (models/vit/convert_dino_to_pytorch.py). */
export const huggingFaceVit: Layout = {
  name: 'Hugging Face ViTModel',
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

export const layouts: readonly Layout[] = [huggingFaceDinov2, officialDinov2, huggingFaceVit, officialLayout];

/** A rule for one block. */
export function forBlock(name: string, block: number): string {
  return name.replace('{i}', String(block));
}
