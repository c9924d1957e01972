/** k-means of 50,000 features from given centers, 20 iterations of Lloyd's algorithm. */
import type { BenchContext } from '../context.ts';
import { sideBySide } from '../side-by-side.ts';

export const name = 'kmeans';
export const title = 'k-means, 50,000 x 384, k 100, 20 iterations from given centers';

export function run(context: BenchContext): Promise<void> {
  return sideBySide(context, { script: 'kmeans', work: 'one run', against: 'scikit-learn, lloyd' });
}
