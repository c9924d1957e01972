/**
 * What tells whether DINO learns (section 5.3 and figure 7 of the paper): without centering the teacher's entropy goes to 0,
 * without sharpening to ln K; the divergence of the student from it goes to 0 in both.
 */
import type { Measure, Method, Reference, Verdict } from './method.ts';

export const TEACHER_ENTROPY = 'teacher_entropy';
export const DIVERGENCE = 'kl';

/** @param outDim K, prototypes of the head: ln K is the entropy of a uniform output and the loss of guessing */
export function dinoHealth(
  outDim: number,
  loss: 'cross_entropy' | 'mse' = 'cross_entropy',
): Pick<Method, 'loss' | 'measures' | 'hints' | 'examine'> {
  return {
    loss:
      loss === 'mse'
        ? {
            caption:
              'Squared differences of probabilities, summed: 0 is agreement, 2 is two certain and different answers.',
          }
        : {
            caption:
              'It begins near ln K, which guessing gives, and should leave it. To stay there is uniform collapse.',
            references: [uniformEntropy(outDim)],
          },
    measures: entropyMeasures(outDim),
    hints: entropyHints,
    examine: ({ measures }) => examineEntropy(measures[TEACHER_ENTROPY], measures[DIVERGENCE], outDim),
  };
}

function uniformEntropy(outDim: number): Reference {
  return { name: `ln ${outDim} =`, value: Math.log(outDim) };
}

/** The teacher's entropy and the student's divergence from it, of class tokens. */
export function entropyMeasures(outDim: number): readonly Measure[] {
  return [
    {
      key: TEACHER_ENTROPY,
      name: 'teacher entropy',
      title: 'Entropy of the teacher',
      caption:
        'Healthy between the ends: at 0 every image gives the same single output, at ln K all outputs at once.',
      references: [uniformEntropy(outDim)],
    },
    {
      key: DIVERGENCE,
      name: 'KL',
      title: 'KL (teacher ‖ student)',
      caption: 'How far the student is from its teacher. It falls to 0 in either kind of collapse.',
    },
  ];
}

/**
 * @param entropy mean entropy of the teacher's distributions, nats
 * @param divergence KL(teacher || student), nats
 * @param of whose distributions they are, for a sentence, such as "hidden patches"
 */
export function examineEntropy(
  entropy = Number.NaN,
  divergence = Number.NaN,
  outDim: number,
  of?: string,
): Verdict {
  const uniform = Math.log(outDim);
  const isStill = divergence < 0.02 * uniform;
  const place = of === undefined ? '' : ` for ${of}`;
  if (entropy > 0.99 * uniform && isStill)
    return {
      severity: 'warning',
      title: `Uniform collapse${place}`,
      detail: `The teacher's entropy${place} is ${entropy.toFixed(3)}, that of a uniform output is ln ${outDim} = ${uniform.toFixed(3)}, and the student agrees with it: nothing is being learned.`,
      advice:
        'Lower --teacher_temp (0.02 to 0.04), leave the warm-up (more steps, shorter warm-up), or use a smaller --out_dim.',
    };
  if (entropy < 0.01 * uniform && isStill)
    return {
      severity: 'warning',
      title: `Collapse onto one prototype${place}`,
      detail: `The teacher's entropy${place} is ${entropy.toFixed(3)} of at most ${uniform.toFixed(3)}: every ${of === undefined ? 'image' : 'one'} gets the same prototype.`,
      advice:
        'Raise --teacher_temp (warm it up from 0.04), check that --center_momentum is below 1, lower --lr.',
    };
  return {
    severity: 'ok',
    title: 'No collapse',
    detail: `The teacher's entropy${place} is ${entropy.toFixed(2)} (0 and ${uniform.toFixed(2)} are the collapses), KL(teacher || student) ${divergence.toFixed(2)}.`,
  };
}

/** What may be changed where features are all alike, or a number is not finite any more. */
export const entropyHints: Method['hints'] = {
  alike: 'lower --lr or --teacher_temp, or set --center_momentum 0.9',
  notFinite: 'a teacher temperature above 0.07 is unstable',
};
