/** Options that evaluations of attention have in common. */
import { z } from 'zod';
import { MASK_SHARE } from '../../eval/attention/attention-masks.ts';

export const attentionFields = {
  threshold: z
    .number()
    .gt(0)
    .max(1)
    .describe(`share of the attention a mask holds; ${MASK_SHARE} unless given`),
  imageSize: z
    .array(z.number().int().min(1))
    .min(1)
    .max(2)
    .describe("short side, or height and width; the network's own size as short side unless given"),
};
