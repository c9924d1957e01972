/** t-SNE of 5,000 points of 30 dimensions. */
import type { BenchContext } from '../context.ts';
import { sideBySide } from '../side-by-side.ts';

export const name = 'tsne';
export const title = 't-SNE, 5,000 x 30, perplexity 20, 1,000 iterations';

export function run(context: BenchContext): Promise<void> {
  return sideBySide(context, { script: 'tsne', work: 'one map', against: 'scikit-learn', warmUps: 0 });
}
