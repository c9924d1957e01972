/**
 * What files of weights that were written here say about themselves besides tensors: attention heads, epsilon, preprocessing. It
 * stands in the metadata of safetensors and in an attribute of the dictionary of `torch.save`, which loads as any other.
 */
import { z } from 'zod';
import { type Preprocessing, preprocessingSchema } from '../image/preprocessing.ts';
import type { BackboneConfig } from '../model/backbone.ts';

/** Name of the metadata entry, and of the attribute. */
export const OWN_FACTS = 'dino_ts';

const factsSchema = z.object({
  heads: z.number().int().min(1).optional(),
  eps: z.number().positive().optional(),
  /** Of an XCiT. */
  tokensNorm: z.boolean().optional(),
  preprocessing: preprocessingSchema.optional(),
});

export type OwnFacts = z.infer<typeof factsSchema>;

export function encodeOwnFacts(backbone: BackboneConfig, preprocessing: Preprocessing): string {
  const { heads, eps } = backbone.kind === 'vit' ? backbone : { heads: undefined, eps: undefined };
  const { tokensNorm } = backbone.kind === 'xcit' ? backbone : { tokensNorm: undefined };
  return JSON.stringify({ heads, eps, tokensNorm, preprocessing });
}

/** @param file for errors @throws Error if the text is not what was written */
export function parseOwnFacts(text: string, file: string): OwnFacts {
  try {
    return factsSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${file}: what it says of itself (${OWN_FACTS}) is damaged: export it again.`, {
      cause: error,
    });
  }
}
