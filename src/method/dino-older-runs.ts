/** What checkpoints of earlier versions keep of the latest steps: DINO was the only method, and its two measures had places of their own. */
import { z } from 'zod';
import { DIVERGENCE, TEACHER_ENTROPY } from './dino-health.ts';

const olderSchema = z.looseObject({
  loss: z.number(),
  teacherEntropy: z.number(),
  divergence: z.number().optional(),
});

/** The same with the measures by their keys; anything else as it is. */
export function readOlderVitals(stored: unknown): unknown {
  const older = olderSchema.safeParse(stored);
  if (!older.success) return stored;
  const { teacherEntropy, divergence = older.data.loss - teacherEntropy, ...rest } = older.data;
  return { ...rest, measures: { [TEACHER_ENTROPY]: teacherEntropy, [DIVERGENCE]: divergence } };
}
