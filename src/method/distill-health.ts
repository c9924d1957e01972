/** What tells whether a distillation gets on: a frozen teacher cannot collapse, so there is one thing to watch, the agreement with it. */
import type { Measure, Method, Verdict } from './method.ts';

export const COSINE = 'teacher_cosine';
export const PATCH_COSINE = 'patch_cosine';

export function distillHealth(hasPatches: boolean): Pick<Method, 'loss' | 'measures' | 'hints' | 'examine'> {
  const patch: Measure = {
    key: PATCH_COSINE,
    name: 'patch cosine',
    title: 'Agreement of patches',
    caption: 'Mean cosine of projected patch features and those of the teacher.',
  };
  return {
    loss: { caption: 'One less the mean cosine with the teacher: 1 is no agreement, 0 the same directions.' },
    measures: [
      {
        key: COSINE,
        name: 'cosine with the teacher',
        title: 'Agreement with the teacher',
        caption:
          'Mean cosine of the projected feature and that of the teacher, less what the features of all images have in common. It begins near 0 and rises as long as there is something to learn.',
      },
      ...(hasPatches ? [patch] : []),
    ],
    hints: {
      alike:
        'look at the teacher: where its features of these images are alike (dino eval knn on it), the student learns no more than that',
    },
    examine: ({ measures }) => examine(measures[COSINE] ?? Number.NaN),
  };
}

/** Less than this is hardly above what a random direction gives. */
const LOW = 0.2;

function examine(cosine: number): Verdict {
  if (cosine < LOW)
    return {
      severity: 'warning',
      title: 'The student does not follow its teacher',
      detail: `The mean cosine with the teacher is ${cosine.toFixed(3)}.`,
      advice: 'Give a higher --lr, a longer run, or a larger student.',
    };
  return {
    severity: 'ok',
    title: 'The student follows its teacher',
    detail: `The mean cosine with the teacher is ${cosine.toFixed(3)}.`,
  };
}
