/**
 * What shows whether MAE learns: a decoder that knows nothing predicts the mean of all patches, whose error is their variance. What it
 * leaves of that variance should fall.
 */
import type { Method, Verdict } from './method.ts';

export const UNEXPLAINED = 'unexplained';

/** @param normalized true where patches are normalized before they are predicted: their variance is 1 then */
export function maeHealth(normalized: boolean): Pick<Method, 'loss' | 'measures' | 'hints' | 'examine'> {
  return {
    loss: normalized
      ? {
          caption:
            'Mean squared error of hidden patches. Near 1, the variance of a normalized patch, nothing but the mean is predicted; it should fall below.',
          references: [{ name: 'mean patch:', value: 1 }],
        }
      : { caption: 'Mean squared error of hidden pixels. It should fall below their variance.' },
    measures: [
      {
        key: UNEXPLAINED,
        name: 'unexplained',
        title: 'Unexplained variance of hidden patches',
        caption:
          'The loss over the variance of what is to be predicted in one run of the program. At 1 every patch gets the mean one; 0 is perfect.',
        references: [{ name: 'mean patch:', value: 1 }],
      },
    ],
    hints: { alike: 'raise --lr, as features of different images still hardly differ' },
    examine: ({ loss, measures }) => examine(loss, measures[UNEXPLAINED] ?? Number.NaN),
  };
}

function examine(loss: number, unexplained: number): Verdict {
  const numbers = `The loss is ${loss.toFixed(3)}, ${unexplained.toFixed(2)} of the variance of hidden patches`;
  if (unexplained > 0.97)
    return {
      severity: 'warning',
      title: 'Nothing but the mean patch is predicted',
      detail: `${numbers}: every hidden patch gets the same picture.`,
      advice:
        'Early in a run this passes. Train longer, raise --lr, shorten --warmup_steps, or lower --mask_ratio.',
    };
  return {
    severity: 'ok',
    title: 'Hidden patches are predicted better than by their mean',
    detail: `${numbers}.`,
  };
}
