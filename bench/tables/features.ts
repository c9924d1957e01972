/** Features of images, from tensors: what every evaluation begins with. */
import type { BenchContext } from '../context.ts';
import { sideBySide } from '../side-by-side.ts';

export const name = 'features';
export const title = 'Features of 32 images of 224 pixels, ViT-S/16, from tensors';

export function run(context: BenchContext): Promise<void> {
  return sideBySide(context, { script: 'features', work: 'one batch', against: 'PyTorch eager' });
}
