/**
 * What tells whether BYOL learns: nothing in its loss forbids one answer for all images, which would make it 0. The standard deviation
 * of the teacher's normalized projections shows it (as figure 2 of SimSiam, Chen and He 2021, does), times the root of their width,
 * so that 1 is a sphere evenly filled.
 */
import type { Method, Verdict } from './method.ts';

export const SPREAD = 'projection_spread';

export const byolHealth: Pick<Method, 'loss' | 'measures' | 'hints' | 'examine'> = {
  loss: {
    caption:
      'It begins near 4, where predictions have nothing to do with their targets, and should fall slowly. At 0 every image gets the same answer.',
    references: [{ name: 'unrelated:', value: 4 }],
  },
  measures: [
    {
      key: SPREAD,
      name: 'spread',
      title: 'Spread of the projections',
      caption:
        'Standard deviation of the normalized projections of a batch, times the root of their width. Near 1 images are spread all around; at 0 all get the same projection, which is collapse.',
      references: [{ name: 'sphere:', value: 1 }],
    },
  ],
  hints: { alike: 'raise --momentum_teacher, or lower --lr' },
  examine: ({ loss, measures }) => examine(loss, measures[SPREAD] ?? Number.NaN),
};

/** Below this all projections are nearly one. */
const ALIKE = 0.05;

function examine(loss: number, spread: number): Verdict {
  const numbers = `The loss is ${loss.toFixed(3)} (4 is unrelated) and the projections of a batch spread by ${spread.toFixed(3)} (1 is a full sphere)`;
  if (spread < ALIKE)
    return {
      severity: 'warning',
      title: 'Collapse onto one projection',
      detail: `${numbers}: every image gets nearly the same one${loss < 0.1 ? ', which is why the loss is so low' : ''}.`,
      advice: 'Raise --momentum_teacher (0.99 or more), lower --lr, or warm up longer with --warmup_steps.',
    };
  return { severity: 'ok', title: 'No collapse', detail: `${numbers}.` };
}
