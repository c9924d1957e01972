/** What distillation can be told, and what the recipes take for it. */
import { z } from 'zod';
import type { BackboneConfig } from '../model/backbone.ts';
import { defineMethod, official, type Suggestions } from './definition.ts';
import { distill } from './distill.ts';
import { notNegative } from './fields.ts';

const fields = {
  teacher: z
    .string()
    .describe(
      'the trained network to learn from: a run folder, a file of weights in any layout, or the name of published ones',
    )
    .meta({ value: 'weights' }),
  patchWeight: notNegative(
    'weight of the agreement of patches beside that of whole images; 0 = none (ViTs only)',
  ),
};

const stored = z.object({
  ...fields,
  /** What the weights turned out to be, so that a run can be read without them. */
  teacherNetwork: z.custom<BackboneConfig>((value) => typeof value === 'object' && value !== null),
  teacherFingerprint: z.string(),
});

const suggestions: Suggestions = {
  patchWeight: [0, 'image features are what evaluations read'],
  localCropsNumber: [
    0,
    'every view is a pair of its own, so one of each image shows more images in the same time',
  ],
  globalCropsScale: [[0.3, 1], 'the teacher has to recognize what it sees'],
  colorJitter: [[0.4, 0.4, 0.2, 0.1], official],
};

export const distillDefinition = defineMethod({
  name: 'distill',
  label: 'distillation',
  paper: 'after Romero et al. 2015',
  about: 'the student turns its feature of every view toward that of a trained network, which stays as it is',
  groups: [{ title: 'Distillation', fields }],
  meaningless: ['localCropsNumber', 'localCropsSize', 'localCropsScale'],
  shaping: ['teacherNetwork', 'patchWeight'],
  frozen: 'teacher',
  stored,
  suggest: () => suggestions,
  crops: (_, { blur }) => ({ globalCrops: 1, localCrops: 0, blur: { ...blur, global1: 0.5 } }),
  make: ({ teacherNetwork, patchWeight }, { backbone, viewSizes, dropPathRate }) =>
    distill({ backbone, teacher: teacherNetwork, size: viewSizes[0] ?? 0, patchWeight, dropPathRate }),
  describe: ({ teacher }) => `teacher ${teacher}`,
});
