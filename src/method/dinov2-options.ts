/** What DINOv2 can be told, what the recipes take for it, and what the doctor says of its settings. */
import { z } from 'zod';
import { placesAlong } from '../model/places.ts';
import { mostHidden } from './block-masks.ts';
import { defineMethod, official, type RecipeFacts, type Suggestions } from './definition.ts';
import { dinov2 } from './dinov2.ts';
import { count, notNegative, positive, range, share } from './fields.ts';
import { OptionError } from './option-error.ts';
import {
  describeHead,
  headFields,
  headOf,
  officialPrototypes,
  prototypeConcerns,
  prototypeSchedule,
  prototypeSpans,
  prototypesFor,
  storedPrototypes,
  teacherFields,
} from './prototype-options.ts';
import { momentumConcerns, teacherMomentum } from './teacher-options.ts';

const parts = {
  dinoLossWeight: notNegative('weight of the loss of class tokens'),
  ibotLossWeight: notNegative('weight of the loss of hidden patches; 0 = none are hidden'),
  ibotSeparateHead: z
    .boolean()
    .describe('a head of its own for patches; the same for class tokens and patches unless given'),
  ibotOutDim: count('prototypes of that head'),
  koleoLossWeight: notNegative('weight of KoLeo, which spreads the class tokens of a batch; 0 = none'),
  maskSampleProbability: share('share of the global crops in which patches are hidden'),
  maskRatioMinMax: range(
    'share of their patches that is hidden, from the smallest to the largest',
    z.number().min(0).max(1),
  ),
};
const rates = {
  layerwiseDecay: positive('what the learning rate of a block is multiplied by for each block above it'),
  patchEmbedLrMult: positive('what that of the patch embedding is multiplied by besides'),
};
const stored = z.object({ ...storedPrototypes, ...parts, ...rates });
type Dinov2Options = z.infer<typeof stored>;

export const dinov2Definition = defineMethod({
  name: 'dinov2',
  label: 'DINOv2',
  paper: 'Oquab et al. 2023',
  about:
    'DINO on class tokens, the same on hidden patches (iBOT), and class tokens that spread over the sphere (KoLeo)',
  groups: [
    { title: 'Projection head', fields: headFields },
    { title: 'Teacher and loss', fields: teacherFields },
    { title: 'Hidden patches and KoLeo', fields: parts },
    { title: 'Learning rates by layer', fields: rates },
  ],
  spans: prototypeSpans,
  meaningless: [],
  shaping: [...Object.keys(headFields), 'ibotLossWeight', 'ibotSeparateHead', 'ibotOutDim'],
  usualArch: 'vit',
  hasTeacher: true,
  stored,
  suggest: (facts) => (facts.recipe === 'paper' ? paper(facts) : auto(facts)),
  network: ({ ibotLossWeight }, backbone) =>
    backbone.kind === 'vit' && ibotLossWeight > 0 ? { ...backbone, maskToken: true } : backbone,
  make: (options, { backbone, viewSizes, dropPathRate, batch }) => {
    if (backbone.kind !== 'vit' || backbone.stem === 'conv')
      throw new OptionError(
        `DINOv2 hides patches from a transformer${backbone.kind === 'vit' ? ', and the convolutions of --stem conv would show their borders: give --stem patch' : ', and this network has none: give --arch vit, vit_tiny, vit_small or vit_base'}.`,
      );
    const { centering } = options;
    if (centering === 'none')
      throw new OptionError(
        '--centering none is for --method dino, to see its collapse: give center or sinkhorn.',
      );
    if (options.ibotLossWeight > 0)
      requireHidden(options, placesAlong(backbone, viewSizes[0] ?? 0) ** 2, batch);
    const head = headOf(options);
    return dinov2({
      backbone,
      viewSizes,
      head,
      dinoLossWeight: options.dinoLossWeight,
      ibot:
        options.ibotLossWeight === 0
          ? undefined
          : {
              lossWeight: options.ibotLossWeight,
              masks: { probability: options.maskSampleProbability, ratio: options.maskRatioMinMax },
              ...(options.ibotSeparateHead ? { head: { ...head, outDim: options.ibotOutDim } } : {}),
            },
      koleoLossWeight: options.koleoLossWeight,
      centering,
      studentTemp: options.studentTemp,
      centerMomentum: options.centerMomentum,
      dropPathRate,
      layerwiseDecay: options.layerwiseDecay,
      patchEmbedLrFactor: options.patchEmbedLrMult,
    });
  },
  schedule: prototypeSchedule,
  examine: (options, plan) => [
    ...momentumConcerns(options.momentumTeacher),
    ...prototypeConcerns(options, plan),
  ],
  describe: (options) =>
    `${describeHead(options)}; iBOT ${options.ibotLossWeight}, KoLeo ${options.koleoLossWeight}`,
});

/**
 * @param patches of a global view
 * @throws OptionError where nothing is hidden in a step, so that there is nothing to tell
 */
function requireHidden(
  { maskSampleProbability: probability, maskRatioMinMax: ratio }: Dinov2Options,
  patches: number,
  batch: number,
): void {
  const most = mostHidden(2 * batch, patches, { probability, ratio });
  if (most < 2)
    throw new OptionError(
      `--mask_sample_probability ${probability} and --mask_ratio_min_max ${ratio.join(' ')} hide ${most} of the ${2 * batch * patches} patches of a step: give larger ones, a larger --batch_size_per_gpu, or --ibot_loss_weight 0.`,
    );
}

/** The official defaults (ssl_default_config.yaml). */
function paper({ batch }: RecipeFacts): Suggestions {
  // 0.004 for 1024 images, growing with the root of the batch; ours is for 256 images and grows with the batch.
  const lr = Number((((0.004 * Math.sqrt(batch / 1024)) / batch) * 256).toPrecision(4));
  return {
    ...officialPrototypes,
    normLastLayer: [false, official],
    momentumTeacher: [0.992, official],
    teacherTemp: [0.07, official],
    warmupTeacherTempEpochs: [30, official],
    dinoLossWeight: [1, official],
    ibotLossWeight: [1, official],
    ibotSeparateHead: [false, official],
    ibotOutDim: [65536, official],
    koleoLossWeight: [0.1, official],
    maskSampleProbability: [0.5, official],
    maskRatioMinMax: [[0.1, 0.5], official],
    layerwiseDecay: [0.9, official],
    patchEmbedLrMult: [0.2, official],
    layerScale: [1e-5, official],
    dropPathRate: [0.3, official],
    globalCropsScale: [[0.32, 1], official],
    localCropsScale: [[0.05, 0.32], official],
    lr: [lr, `official 0.004 x sqrt(batch / 1024), for a batch of ${batch}`],
  };
}

function auto(facts: RecipeFacts): Suggestions {
  const { images, local, warmup } = facts;
  const prototypes = prototypesFor(images);
  return {
    outDim: prototypes,
    headHiddenDim: [512, 'the head should not cost more than the network'],
    headBottleneckDim: [128, 'the head should not cost more than the network'],
    headLayers: [3, official],
    normLastLayer: [true, 'more stable for small models'],
    useBnInHead: [true, 'without it the features of a small network stay alike for too long'],
    ...teacherMomentum(facts),
    teacherTemp: [0.04, 'sharp from the start'],
    warmupTeacherTemp: [0.04, 'the same from the start'],
    warmupTeacherTempSteps: [0, 'sharp from the start'],
    studentTemp: [0.1, official],
    centering: ['sinkhorn', 'prototypes are used from the first steps on'],
    centerMomentum: [0.9, official],
    freezeLastLayerSteps: [Math.min(warmup, 100), 'one official epoch would be too long for a short run'],
    localCropsNumber: [2, `crops of ${local} pixels; more of them cost images per second`],
    dinoLossWeight: [1, official],
    ibotLossWeight: [1, official],
    ibotSeparateHead: [false, official],
    ibotOutDim: [prototypes[0], 'as the head of class tokens'],
    koleoLossWeight: [0.1, official],
    maskSampleProbability: [0.5, official],
    maskRatioMinMax: [[0.1, 0.5], official],
    layerwiseDecay: [1, 'a short run has to teach all blocks'],
    patchEmbedLrMult: [1, 'a short run has to teach all layers'],
    layerScale: [0.1, 'the official 0.00001 opens the blocks too late for a short run'],
  };
}
