/**
 * `config.json` beside weights: what it says of the network that tensors alone do not (attention heads, epsilon), and what has
 * to agree with them. Fields that would change what is computed are honored, or refused by name.
 */
import { z } from 'zod';
import type { BackboneConfig } from '../model/backbone.ts';
import { configIssue } from './config-issue.ts';
import type { StatedPreprocessing } from './stated-preprocessing.ts';
import { statedByTimm } from './timm-preprocessing.ts';

/** Facts that a file of weights shows as well; they must be the same. */
export interface NetworkShape {
  readonly kind: BackboneConfig['kind'];
  readonly dim: number;
  readonly depth: number;
  /** Width inside the MLPs. */
  readonly hidden: number;
  readonly imageSize: number;
  readonly patchSize: number;
  readonly channels: number;
  readonly swiglu: boolean;
  readonly registers: number;
}

export interface NetworkConfig {
  /** The file. */
  readonly origin: string;
  /** Attention heads, where it says so. */
  readonly heads: number | undefined;
  /** Of the layer norms. */
  readonly eps: number | undefined;
  /** False where queries, keys and values have no biases, whatever the file of weights holds. */
  readonly qkvBias: boolean;
  /** What it says of the network's shape, by the names of its fields. */
  readonly claims: readonly {
    readonly field: string;
    readonly of: keyof NetworkShape;
    readonly value: number | boolean | string;
  }[];
  /** How images become the input, where it says so. */
  readonly preprocessing: StatedPreprocessing | undefined;
}

const count = z.number().int().min(1);

/** Fields of transformers' `ViTConfig`, `Dinov2Config` and `Dinov2WithRegistersConfig`. */
const huggingFaceSchema = z.looseObject({
  model_type: z.string(),
  hidden_size: count.optional(),
  num_hidden_layers: count.optional(),
  num_attention_heads: count.optional(),
  intermediate_size: count.optional(),
  mlp_ratio: z.number().positive().optional(),
  hidden_act: z.unknown().optional(),
  layer_norm_eps: z.number().positive().optional(),
  image_size: z.unknown().optional(),
  patch_size: z.unknown().optional(),
  num_channels: count.optional(),
  qkv_bias: z.boolean().optional(),
  use_swiglu_ffn: z.boolean().optional(),
  num_register_tokens: z.number().int().min(0).optional(),
  pruned_heads: z.record(z.string(), z.unknown()).nullish(),
  quantization_config: z.unknown().optional(),
});

const timmSchema = z.looseObject({
  architecture: z.string(),
  global_pool: z.string().nullish(),
  model_args: z.record(z.string(), z.unknown()).nullish(),
  pretrained_cfg: z.record(z.string(), z.unknown()).optional(),
});

/** Model types of transformers whose networks can be read, and the epsilon they have where nothing is said. */
const EPSILON: Readonly<Record<string, number>> = { vit: 1e-12, dinov2: 1e-6, dinov2_with_registers: 1e-6 };
/** Names of the exact GELU. */
const GELU = ['gelu', 'gelu_python', 'nn.GELU', 'GELU'];

/**
 * Reads a `config.json`.
 *
 * @returns undefined for one that is neither of transformers nor of timm
 * @throws Error naming the field that cannot be honored
 */
export function readNetworkConfig(value: unknown, origin: string): NetworkConfig | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ('model_type' in value) return huggingFace(checked(huggingFaceSchema, value, origin), origin);
  if ('architecture' in value) return timm(checked(timmSchema, value, origin), origin);
  return undefined;
}

function checked<T>(schema: z.ZodType<T>, value: unknown, origin: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(`${origin} cannot be understood (${configIssue(parsed.error)}): download it again.`);
}

function huggingFace(config: z.infer<typeof huggingFaceSchema>, origin: string): NetworkConfig {
  const { model_type: type, hidden_act: activation = 'gelu', quantization_config: quantized } = config;
  const eps = Object.hasOwn(EPSILON, type) ? EPSILON[type] : undefined;
  if (eps === undefined)
    throw new Error(`${origin} describes a ${type} model: only ViT and DINOv2 models can be read.`);
  if (!GELU.includes(String(activation)))
    throw new Error(
      `${origin} says hidden_act "${String(activation)}", and only networks with "gelu" can be computed: take other weights.`,
    );
  if (Object.keys(config.pruned_heads ?? {}).length > 0)
    throw new Error(`${origin} says pruned_heads, which cannot be computed: take the weights from before.`);
  if (quantized !== undefined && quantized !== null)
    throw new Error(`${origin} says quantization_config: take the weights in float32 or float16.`);
  const { hidden_size: width, mlp_ratio: ratio, use_swiglu_ffn: swiglu } = config;
  const image = squareSide(config.image_size, 'image_size', origin);
  const patch = squareSide(config.patch_size, 'patch_size', origin);
  // Pixels beyond the last whole patch have no position.
  const whole = image === undefined || patch === undefined ? image : image - (image % patch);
  const claims = [
    { field: 'hidden_size', of: 'dim', value: width },
    { field: 'num_hidden_layers', of: 'depth', value: config.num_hidden_layers },
    ...(type === 'vit'
      ? [{ field: 'intermediate_size', of: 'hidden', value: config.intermediate_size } as const]
      : [
          { field: 'use_swiglu_ffn', of: 'swiglu', value: swiglu } as const,
          {
            field: 'mlp_ratio',
            of: 'hidden',
            value: width === undefined || ratio === undefined || swiglu === true ? undefined : width * ratio,
          } as const,
        ]),
    { field: 'image_size', of: 'imageSize', value: whole },
    { field: 'patch_size', of: 'patchSize', value: patch },
    { field: 'num_channels', of: 'channels', value: config.num_channels },
    ...(type === 'dinov2_with_registers'
      ? [{ field: 'num_register_tokens', of: 'registers', value: config.num_register_tokens } as const]
      : []),
  ] as const;
  return {
    origin,
    heads: config.num_attention_heads,
    eps: config.layer_norm_eps ?? eps,
    qkvBias: config.qkv_bias ?? true,
    claims: claims.flatMap(({ field, of, value }) => (value === undefined ? [] : [{ field, of, value }])),
    preprocessing: undefined,
  };
}

/** One number, or two equal ones. */
function squareSide(value: unknown, field: string, origin: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  const [first, second = first] = Array.isArray(value) ? value : [value];
  if (typeof first === 'number' && first === second) return first;
  throw new Error(
    `${origin} says ${field} ${JSON.stringify(value)}: only networks of square images and patches can be computed.`,
  );
}

/** Heads and width by the word in timm's names (`vit_small_patch16_224`). */
const TIMM_SIZES: Readonly<Record<string, { readonly heads: number; readonly dim: number }>> = {
  tiny: { heads: 3, dim: 192 },
  small: { heads: 6, dim: 384 },
  base: { heads: 12, dim: 768 },
  large: { heads: 16, dim: 1024 },
  huge: { heads: 16, dim: 1280 },
  giant: { heads: 16, dim: 1408 },
};
/** DINOv2's giant is another one than timm's. */
const DINOV2_GIANT = { heads: 24, dim: 1536 };

/** Arguments of timm's `VisionTransformer` that change what is computed, and the values they may have here. */
const TIMM_ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  act_layer: [null, ...GELU, 'gelu'],
  qk_norm: [false, null],
  scale_attn_norm: [false, null],
  scale_mlp_norm: [false, null],
  pre_norm: [false, null],
  final_norm: [true, null],
  fc_norm: [false, null],
  proj_bias: [true, null],
  class_token: [true, null],
  pos_embed: ['learn', null],
  no_embed_class: [false, null],
  reg_tokens: [0, null],
  dynamic_img_pad: [false, null],
  norm_layer: [null, 'layernorm', 'nn.LayerNorm'],
  embed_layer: [null],
  block_fn: [null],
  mlp_layer: [null],
};

/** timm's other networks that can be read; the weights tell the rest. What follows the size would be another network. */
const TIMM_OTHERS = /^(?:tv_)?resnet\d+$|^xcit_[a-z]+_\d+_p\d+(?:_|$)/;

function timm(config: z.infer<typeof timmSchema>, origin: string): NetworkConfig {
  const { architecture } = config;
  if (TIMM_OTHERS.test(architecture)) return timmOther(config, origin);
  const [, word, patch] = /^(?:vit|deit)_([a-z]+)_patch(\d+)/.exec(architecture) ?? [];
  if (word === undefined)
    throw new Error(
      `${origin} describes ${architecture}: of timm's networks only vit_*, deit_*, xcit_* and plain resnet* can be read.`,
    );
  const args = config.model_args ?? {};
  if (![undefined, null, '', 'token'].includes(config.global_pool))
    throw new Error(
      `${origin} says global_pool "${config.global_pool}", and the feature here is the class token: take weights with "token".`,
    );
  for (const [argument, allowed] of Object.entries(TIMM_ARGUMENTS))
    if (argument in args && !allowed.includes(args[argument]))
      throw new Error(
        `${origin} says ${argument} ${JSON.stringify(args[argument])} in model_args, which cannot be computed here: take other weights.`,
      );
  if (/quickgelu/.test(architecture))
    throw new Error(
      `${origin} describes ${architecture}, and only networks with the exact GELU can be computed: take other weights.`,
    );
  const isDinov2Giant = word === 'giant' && /dinov2/.test(architecture);
  const named = isDinov2Giant ? DINOV2_GIANT : TIMM_SIZES[word];
  /** By the argument, else by the name. */
  const claim = (field: string, of: keyof NetworkShape, byName?: number) => {
    const value = args[field];
    if (typeof value === 'number') return [{ field, of, value }];
    const claimed = `architecture "${architecture}" with ${field}`;
    return byName === undefined ? [] : [{ field: claimed, of, value: byName }];
  };
  return {
    origin,
    heads: typeof args.num_heads === 'number' ? args.num_heads : named?.heads,
    eps: undefined,
    qkvBias: args.qkv_bias !== false,
    claims: [
      ...claim('embed_dim', 'dim', named?.dim),
      ...claim('depth', 'depth'),
      ...claim('img_size', 'imageSize'),
      ...claim('patch_size', 'patchSize', Number(patch)),
      ...claim('in_chans', 'channels'),
    ],
    preprocessing: timmPreprocessing(config, origin),
  };
}

/** Arguments of a ResNet or XCiT that change nothing of what is computed here, or that the weights show. */
const TIMM_HARMLESS = [
  'in_chans',
  'num_classes',
  'global_pool',
  'img_size',
  'pretrained',
  'drop_rate',
  'drop_path_rate',
];

function timmOther(config: z.infer<typeof timmSchema>, origin: string): NetworkConfig {
  const { architecture, model_args: args, global_pool: pool } = config;
  const [kind, wanted, feature] = architecture.startsWith('xcit')
    ? ['xcit', 'token', 'the class token']
    : ['resnet', 'avg', 'the mean of the last map'];
  if (![undefined, null, '', wanted].includes(pool))
    throw new Error(
      `${origin} says global_pool "${pool}", and the feature here is ${feature}: take weights with "${wanted}".`,
    );
  for (const [argument, value] of Object.entries(args ?? {}))
    if (!TIMM_HARMLESS.includes(argument))
      throw new Error(
        `${origin} says ${argument} ${JSON.stringify(value)} in model_args, which cannot be computed here: take other weights.`,
      );
  return {
    ...{ origin, heads: undefined, eps: undefined, qkvBias: true },
    claims: [{ field: `architecture "${architecture}", which is of kind`, of: 'kind', value: kind }],
    preprocessing: timmPreprocessing(config, origin),
  };
}

/** Before timm 0.7 the fields of `pretrained_cfg` stood beside the architecture. */
function timmPreprocessing(
  config: z.infer<typeof timmSchema>,
  origin: string,
): StatedPreprocessing | undefined {
  const shown = config.pretrained_cfg ?? ('input_size' in config ? config : undefined);
  return shown === undefined ? undefined : statedByTimm(shown, origin);
}

/** @throws Error naming the first field that says something else than the weights */
export function checkClaims(
  { claims, origin }: NetworkConfig,
  shape: Partial<NetworkShape>,
  file: string,
): void {
  for (const { field, of, value } of claims)
    if (shape[of] !== undefined && shape[of] !== value)
      throw new Error(
        `${origin} says ${field} ${value}, and the weights of ${file} have ${shape[of]}: take the config that belongs to them.`,
      );
}
