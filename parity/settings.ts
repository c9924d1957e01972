/** Settings that several fixtures share, as they stand in `config`, and what the library makes of them. */
import { z } from 'zod';
import type { HeadConfig } from '../src/model/head.ts';
import type { VitConfig } from '../src/model/vit.ts';
import type { FoundNetwork } from '../src/weights/find-network.ts';
import { requireHeads } from '../src/weights/infer-config.ts';
import { ALLOWANCE, type Range, UNMEASURED } from './comparison.ts';
import { FixtureError } from './fixture.ts';

export const vitSchema = z.object({
  img_size: z.number(),
  patch_size: z.number(),
  embed_dim: z.number(),
  depth: z.number(),
  num_heads: z.number(),
  mlp_ratio: z.number().optional(),
  in_chans: z.number().optional(),
  qkv_bias: z.boolean().optional(),
});

/** Where some fixtures keep the settings that others have inside `vit`. */
export const vitExtras = z.object({
  mlp_ratio: z.number().optional(),
  qkv_bias: z.boolean().optional(),
  layernorm_eps: z.number().optional(),
});

/** @throws FixtureError for what DINO's transformer never is */
export function vitConfig(vit: z.infer<typeof vitSchema>, extras: z.infer<typeof vitExtras> = {}): VitConfig {
  if (!(vit.qkv_bias ?? extras.qkv_bias ?? true)) {
    throw new FixtureError(
      'the fixture has a transformer without qkv bias, which the library does not have.',
    );
  }
  return {
    ...(extras.layernorm_eps === undefined ? {} : { eps: extras.layernorm_eps }),
    imageSize: vit.img_size,
    patchSize: vit.patch_size,
    channels: vit.in_chans ?? 3,
    dim: vit.embed_dim,
    depth: vit.depth,
    heads: vit.num_heads,
    mlpRatio: vit.mlp_ratio ?? extras.mlp_ratio ?? 4,
  };
}

/** The ViT that a file of weights holds. @throws FixtureError if it holds another network */
export function vitOf({ config }: FoundNetwork, fixture: string): VitConfig {
  const network = requireHeads(config, fixture);
  if (network.kind === 'vit') return network;
  throw new FixtureError(`${fixture}: the weights are of an ${network.kind} and not of a ViT.`);
}

export const headSchema = z.object({
  hidden_dim: z.number(),
  bottleneck_dim: z.number(),
  out_dim: z.number(),
  nlayers: z.number().default(3),
  use_bn: z.boolean().default(false),
  norm_last_layer: z.boolean().default(true),
});

export function headConfig(head: z.infer<typeof headSchema>): HeadConfig {
  return {
    outDim: head.out_dim,
    hiddenDim: head.hidden_dim,
    bottleneckDim: head.bottleneck_dim,
    layers: head.nlayers,
    useBn: head.use_bn,
    normLastLayer: head.norm_last_layer,
  };
}

/** `[name, start, stop]` of elements without a gradient; no stop means to the end. */
export const nullSlicesSchema = z.array(z.tuple([z.string(), z.number(), z.number().nullable()]));

/**
 * Ranges to leave out, by parameter. A bias without gradient in front of a batch norm moves that norm's running mean too,
 * so it goes with it whether it is listed or not.
 */
export function nullRanges(slices: z.infer<typeof nullSlicesSchema>): (name: string) => readonly Range[] {
  const ranges = new Map<string, Range[]>();
  const leaveOut = (name: string, range: Range): void =>
    void ranges.set(name, [...(ranges.get(name) ?? []), range]);
  for (const [name, start, stop] of slices) {
    leaveOut(name, [start, stop ?? Number.POSITIVE_INFINITY]);
    const bias = /^(.*mlp)\.(\d+)\.bias$/.exec(name);
    if (bias !== null && stop === null) {
      leaveOut(`${bias[1]}.${Number(bias[2]) + 1}.running_mean`, [start, Number.POSITIVE_INFINITY]);
    }
  }
  return (name) => ranges.get(name) ?? [];
}

const distance = z.object({
  max_abs: z.number().optional(),
  rel_to_max: z.number().optional(),
  rel_l2: z.number().optional(),
});
/** Distances of float32 from float64: `[case][quantity]`. */
export const distancesSchema = z.record(z.string(), z.record(z.string(), distance));
export const distanceSchema = distance;

/** Tolerance of a quantity: ten times the largest distance that was measured in any case; undefined where none was. */
export function measuredTolerance(
  distances: z.infer<typeof distancesSchema> | undefined,
  quantity: string,
): number | undefined {
  const found = Object.values(distances ?? {}).flatMap((byQuantity) => {
    const known = byQuantity[quantity];
    const value = known?.rel_to_max ?? known?.rel_l2;
    return value === undefined ? [] : [value];
  });
  return found.length === 0 ? undefined : ALLOWANCE * Math.max(...found);
}

/** Distances of float32 from float64 by quantity, as the fixtures of the other methods state them. */
export const flatDistancesSchema = z.record(z.string(), z.number()).optional();

/** Tolerance of a quantity: ten times its distance, or what holds where none was measured. */
export function toleranceOf(distances: z.infer<typeof flatDistancesSchema>, quantity: string): number {
  const distance = distances?.[quantity];
  return distance === undefined ? UNMEASURED : ALLOWANCE * distance;
}
