/**
 * What files of weights that were written here say about themselves besides tensors: the network, the preprocessing. It stands in
 * the metadata of safetensors and in an attribute of the dictionary of `torch.save`, which loads as any other.
 */
import { z } from 'zod';
import type { Levels } from '../image/levels.ts';
import { type Preprocessing, preprocessingSchema } from '../image/preprocessing.ts';
import type { BackboneConfig } from '../model/backbone.ts';

/** Name of the metadata entry, and of the attribute. */
export const OWN_FACTS = 'dino_ts';

/** What no network has more of, so that a hostile file cannot ask for one without end: of anything, and of layers. */
const [MOST, MOST_LAYERS] = [100_000, 1000];
const count = z.number().int().min(1).max(MOST);
const countOrNone = z.number().int().min(0).max(MOST);
const layers = count.max(MOST_LAYERS);
const widths = z.array(count).min(1).max(20).readonly();
const blocks = z.array(countOrNone.max(MOST_LAYERS)).min(1).max(20).readonly();
const positive = z.number().positive();

const backboneSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('vit'),
    imageSize: count,
    patchSize: count,
    channels: count,
    dim: count,
    depth: layers,
    heads: count,
    mlpRatio: positive,
    stem: z.enum(['patch', 'conv']).exactOptional(),
    eps: positive.exactOptional(),
    positions: z
      .object({ offset: z.number().exactOptional(), antialias: z.boolean().exactOptional() })
      .exactOptional(),
    layerScale: z.boolean().exactOptional(),
    layerScaleInit: z.number().exactOptional(),
    swiglu: z.boolean().exactOptional(),
    registers: countOrNone.exactOptional(),
    maskToken: z.boolean().exactOptional(),
  }),
  z.object({
    kind: z.literal('convnet'),
    channels: count,
    widths,
    blocks,
    stemStride: count,
    stem: z.enum(['patch', 'conv']).exactOptional(),
    heads: count.exactOptional(),
  }),
  z.object({
    kind: z.literal('resnet'),
    channels: count,
    block: z.enum(['basic', 'bottleneck']),
    blocks,
    width: count,
  }),
  z.object({
    kind: z.literal('xcit'),
    channels: count,
    patchSize: count,
    dim: count,
    depth: layers,
    heads: count,
    mlpRatio: positive,
    classBlocks: layers,
    tokensNorm: z.boolean(),
    eta: z.number(),
  }),
]) satisfies z.ZodType<BackboneConfig>;

const factsSchema = z.object({
  /** The network; older files say of it only what stands below. */
  backbone: backboneSchema.optional(),
  heads: count.optional(),
  eps: positive.optional(),
  /** Of an XCiT. */
  tokensNorm: z.boolean().optional(),
  preprocessing: preprocessingSchema.optional(),
  /** What images with samples that are not bytes were read with. */
  levels: z.union([z.literal('image'), z.tuple([z.number(), z.number()]).readonly()]).optional(),
  /** Of the network before its first step. */
  seed: z.number().int().optional(),
});

export type OwnFacts = z.infer<typeof factsSchema>;

/** What is known of a network that is written. */
export interface WrittenNetwork {
  readonly backbone: BackboneConfig;
  /** How images become the input. */
  readonly preprocessing: Preprocessing;
  /** What images with samples that are not bytes are read with. */
  readonly levels: Levels | undefined;
  /** Makes the network that it was before its first step. */
  readonly seed: number;
}

export function encodeOwnFacts({ backbone, preprocessing, levels, seed }: WrittenNetwork): string {
  return JSON.stringify({ backbone, preprocessing, levels, seed } satisfies OwnFacts);
}

/** @param file for errors @throws Error if the text is not what was written */
export function parseOwnFacts(text: string, file: string): OwnFacts {
  try {
    return factsSchema.parse(JSON.parse(text));
  } catch (error) {
    throw damagedFacts(file, error);
  }
}

/** @param cause what does not fit in them */
export function damagedFacts(file: string, cause: unknown): Error {
  return new Error(`${file}: what it says of itself (${OWN_FACTS}) is damaged: export it again.`, { cause });
}
