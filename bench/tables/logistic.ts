/** Multinomial logistic regression by L-BFGS to the same tolerance: 20,000 features of 10 classes. */
import type { BenchContext } from '../context.ts';
import { sideBySide } from '../side-by-side.ts';

export const name = 'logistic';
export const title = 'Logistic regression, 20,000 x 384, 10 classes';

export function run(context: BenchContext): Promise<void> {
  return sideBySide(context, {
    script: 'logistic',
    work: 'standardize and fit',
    against: 'scikit-learn, lbfgs',
  });
}
