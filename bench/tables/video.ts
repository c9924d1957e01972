/** A video's first mask carried through 40 frames of 480p. */
import type { BenchContext } from '../context.ts';
import { sideBySide } from '../side-by-side.ts';

export const name = 'video';
export const title = 'Label propagation, 40 frames of 480 x 832, ViT-S/16';

export function run(context: BenchContext): Promise<void> {
  return sideBySide(context, { script: 'video', work: 'one video', against: 'PyTorch eager', warmUps: 0 });
}
