/**
 * What tells whether SimCLR learns: at ln(2N - 1) of N images in a step nothing is told apart. Why that is so show alignment and
 * uniformity (Wang and Isola 2020): the views of one image should be near each other, and different images all around the sphere.
 */
import type { Method, Verdict } from './method.ts';

export const GUESSING = 'loss_of_guessing';
export const ALIGNMENT = 'alignment';
export const UNIFORMITY = 'uniformity';

export const simclrHealth: Pick<Method, 'loss' | 'measures' | 'hints' | 'examine'> = {
  loss: {
    caption:
      'It begins near ln(2N - 1) of N images in a step, which guessing gives, and should leave it: a larger step makes it larger.',
  },
  measures: [
    {
      key: GUESSING,
      name: 'of guessing',
      title: 'Loss over that of guessing',
      caption: 'The loss divided by ln(2N - 1). At 1 no view finds its partner; 0 is perfect.',
      references: [{ name: 'guessing:', value: 1 }],
    },
    {
      key: ALIGNMENT,
      name: 'alignment',
      title: 'Alignment',
      caption:
        'Mean squared distance of the projections of one image. It should fall; unrelated views are at 2.',
      references: [{ name: 'unrelated:', value: 2 }],
    },
    {
      key: UNIFORMITY,
      name: 'uniformity',
      title: 'Uniformity',
      caption:
        'How far different images are from each other: 0 where all get the same projection, towards -4 where they lie all around the sphere.',
      references: [
        { name: 'all alike:', value: 0 },
        { name: 'sphere:', value: -4 },
      ],
    },
  ],
  hints: { alike: 'lower --temperature or --lr, or give a larger --batch_size_per_gpu' },
  examine: ({ loss, measures }) =>
    examine(loss, {
      guessing: measures[GUESSING] ?? Number.NaN,
      alignment: measures[ALIGNMENT] ?? Number.NaN,
      uniformity: measures[UNIFORMITY] ?? Number.NaN,
    }),
};

function examine(
  loss: number,
  { guessing, alignment, uniformity }: Readonly<Record<'guessing' | 'alignment' | 'uniformity', number>>,
): Verdict {
  const numbers = `The loss of ${loss.toFixed(3)} is ${guessing.toFixed(2)} of guessing, alignment ${alignment.toFixed(2)}, uniformity ${uniformity.toFixed(2)}`;
  if (guessing < 0.98) return { severity: 'ok', title: 'Images are told apart', detail: `${numbers}.` };
  if (uniformity > -0.1)
    return {
      severity: 'warning',
      title: 'Collapse onto one projection',
      detail: `${numbers}: every image gets nearly the same projection, so none is told apart.`,
      advice: 'Lower --lr or --temperature, or warm up longer with --warmup_steps.',
    };
  return {
    severity: 'warning',
    title: 'Nothing is told apart',
    detail: `${numbers}: a view is no nearer to its partner than to others.`,
    advice:
      'Train longer, lower --temperature, or leave more of the image in both views (--global_crops_scale 0.4 1).',
  };
}
