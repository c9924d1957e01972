/**
 * What tells whether DINOv2 learns: each of its two self-distillations can collapse as DINO does, and KoLeo, which keeps features
 * apart, has a gradient without bound where two images get the same feature.
 */
import { DIVERGENCE, entropyHints, entropyMeasures, examineEntropy, TEACHER_ENTROPY } from './dino-health.ts';
import type { Measure, Method, Verdict } from './method.ts';

export const GLOBAL_LOSS = 'dino_global_crops_loss';
export const LOCAL_LOSS = 'dino_local_crops_loss';
export const IBOT_LOSS = 'ibot_loss';
export const KOLEO_LOSS = 'koleo_loss';
export const PATCH_ENTROPY = 'ibot_entropy';
export const PATCH_DIVERGENCE = 'ibot_kl';
export const CLOSEST = 'koleo_closest';

/** Which parts the objective has. */
export interface Dinov2Parts {
  /** Prototypes of the head for class tokens. */
  readonly outDim: number;
  readonly lossWeight: number;
  readonly hasLocalViews: boolean;
  /** Weight of KoLeo; 0 for none. */
  readonly koleoWeight: number;
  /** Prototypes for hidden patches, and the share of views that have any; undefined without that part. */
  readonly ibot:
    | { readonly outDim: number; readonly lossWeight: number; readonly probability: number }
    | undefined;
}

export function dinov2Health(parts: Dinov2Parts): Pick<Method, 'loss' | 'measures' | 'hints' | 'examine'> {
  const { outDim, lossWeight, ibot } = parts;
  const ofPatches = ibot === undefined ? 0 : ibot.lossWeight * ibot.probability * Math.log(ibot.outDim);
  return {
    loss: {
      caption: `The sum of all parts${parts.koleoWeight > 0 ? ', KoLeo among them, which may be below 0' : ''}. It begins near what guessing gives, and should leave it.`,
      references: [{ name: 'guessing =', value: lossWeight * Math.log(outDim) + ofPatches }],
    },
    measures: measures(parts),
    hints: entropyHints,
    examine: ({ measures: mean }) => examine(mean, parts),
  };
}

function measures({ outDim, hasLocalViews, koleoWeight, ibot }: Dinov2Parts): readonly Measure[] {
  return [
    ...entropyMeasures(outDim),
    {
      key: GLOBAL_LOSS,
      name: 'global',
      title: 'DINO, global views',
      caption: 'Each global view against the other one, as a share of all pairs of views.',
    },
    ...(hasLocalViews
      ? [
          {
            key: LOCAL_LOSS,
            name: 'local',
            title: 'DINO, local views',
            caption:
              'Local views against both global ones. A part of an image tells less, so it stays above the global part per pair.',
          },
        ]
      : []),
    ...(ibot === undefined ? [] : patchMeasures(ibot.outDim)),
    ...(koleoWeight > 0
      ? [
          {
            key: KOLEO_LOSS,
            name: 'KoLeo',
            title: 'KoLeo',
            caption: 'It falls as features spread. A sudden rise means that images have become alike.',
          },
          {
            key: CLOSEST,
            name: 'closest pair',
            title: 'Distance of the closest two images',
            caption:
              'Of their normalized features, 0 to 2. At 0 two images of a batch have the same feature.',
          },
        ]
      : []),
  ];
}

function patchMeasures(outDim: number): readonly Measure[] {
  return [
    {
      key: IBOT_LOSS,
      name: 'iBOT',
      title: 'iBOT, hidden patches',
      caption:
        'Half of what is added to the loss, as the official code logs it. Views without a mask count as 0.',
    },
    {
      key: PATCH_ENTROPY,
      name: 'patch entropy',
      title: 'Entropy of the teacher for hidden patches',
      caption: 'Healthy between the ends, as that for class tokens.',
      references: [{ name: `ln ${outDim} =`, value: Math.log(outDim) }],
    },
    {
      key: PATCH_DIVERGENCE,
      name: 'patch KL',
      title: 'KL (teacher ‖ student) for hidden patches',
      caption: 'How far the student, which does not see the patches, is from its teacher, which does.',
    },
  ];
}

/** Distance of two normalized features below which they are as good as equal. */
const SAME = 1e-3;

function examine(
  mean: Readonly<Record<string, number>>,
  { outDim, koleoWeight, ibot }: Dinov2Parts,
): Verdict {
  const ofImages = examineEntropy(mean[TEACHER_ENTROPY], mean[DIVERGENCE], outDim);
  if (ofImages.severity !== 'ok') return ofImages;
  if (ibot !== undefined) {
    const ofPatches = examineEntropy(
      mean[PATCH_ENTROPY],
      mean[PATCH_DIVERGENCE],
      ibot.outDim,
      'hidden patches',
    );
    if (ofPatches.severity !== 'ok') return ofPatches;
  }
  return (koleoWeight > 0 ? examineDistances(mean, koleoWeight) : undefined) ?? ofImages;
}

function examineDistances(mean: Readonly<Record<string, number>>, weight: number): Verdict | undefined {
  const typical = Math.exp(-(mean[KOLEO_LOSS] ?? Number.NaN) / weight);
  const closest = mean[CLOSEST] ?? Number.NaN;
  if (typical < SAME)
    return {
      severity: 'warning',
      title: 'All images of a batch have nearly the same feature',
      detail: `An image is ${typical.toExponential(1)} away from its nearest, of at most 2, and KoLeo does not part them.`,
      advice:
        'Early in a run this passes; let layer scales begin larger than 1e-5 in a short run. If it stays, lower --lr.',
    };
  if (closest < SAME)
    return {
      severity: 'warning',
      title: 'Two images of a batch have the same feature',
      detail: `The closest two of a batch are ${closest.toExponential(1)} apart: the gradient of KoLeo grows as 1 / distance and drowns the others.`,
      advice:
        'Take copies and near copies out of the images (dino dedupe), or images of one color; if there are none, give --koleo_loss_weight 0.',
    };
  return undefined;
}
