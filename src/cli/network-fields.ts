/** Options that say which network of a run or a file is taken, and how it is run. */
import { z } from 'zod';
import { preprocessingFields } from './preprocessing-flags.ts';

export const networkFields = {
  checkpoint: z.enum(['last', 'best']).describe('which checkpoint of the run; last unless given'),
  checkpointKey: z
    .string()
    .describe('which network of a checkpoint: teacher or student; teacher unless given')
    .meta({ value: 'name' }),
  heads: z.number().int().min(1).describe('attention heads, where a file of weights does not tell'),
  threads: z.number().int().min(1).describe('threads of the engine; one for each core unless given'),
  ...preprocessingFields,
};
