/** What SimCLR can be told, what the recipes take for it, and what the doctor says of its settings. */
import { z } from 'zod';
import { largerBatch } from './batch-size.ts';
import {
  type Concern,
  defineMethod,
  official,
  type RecipeFacts,
  type RunPlan,
  type Suggestions,
} from './definition.ts';
import { count, positive } from './fields.ts';
import { simclr } from './simclr.ts';

const fields = {
  projectionHiddenDim: count('hidden width of the projection head'),
  projectionDim: count('width of the projections'),
  projectionLayers: count('linear layers of the projection head'),
  temperature: positive('temperature of the softmax over the other views'),
};
const stored = z.object(fields);

export const simclrDefinition = defineMethod({
  name: 'simclr',
  label: 'SimCLR',
  paper: 'Chen et al. 2020',
  about: 'of all views in a batch each one has to find the other view of its image',
  groups: [{ title: 'Projection head and loss', fields }],
  meaningless: ['localCropsNumber', 'localCropsSize', 'localCropsScale'],
  shaping: ['projectionHiddenDim', 'projectionDim', 'projectionLayers'],
  stored,
  suggest: (facts) => (facts.recipe === 'paper' ? paper : auto(facts)),
  // Both views are changed in one way: blurred every other time, and not solarized.
  crops: (_, { blur, solarize }) => ({
    localCrops: 0,
    blur: { ...blur, global1: 0.5, global2: 0.5 },
    solarize: { ...solarize, global1: 0, global2: 0 },
  }),
  make: ({ projectionHiddenDim, projectionDim, projectionLayers, temperature }, { backbone, viewSizes }) =>
    simclr({
      backbone,
      size: viewSizes[0] ?? 0,
      head: {
        hiddenDim: projectionHiddenDim,
        outDim: projectionDim,
        layers: projectionLayers,
        batchNorm: true,
      },
      temperature,
    }),
  examine: (_, plan) => settings(plan),
  describe: ({ projectionHiddenDim, projectionDim, temperature }) =>
    `head: hidden ${projectionHiddenDim}, out ${projectionDim}; temperature ${temperature}`,
});

const paper: Suggestions = {
  projectionHiddenDim: [2048, official],
  projectionDim: [128, official],
  projectionLayers: [2, official],
  temperature: [0.1, official],
  localCropsNumber: [0, official],
  globalCropsScale: [[0.08, 1], official],
  colorJitter: [[0.8, 0.8, 0.8, 0.2], official],
  optimizer: ['lars', official],
  lr: [0.3, official],
  minLr: [0, official],
  weightDecay: [1e-6, official],
  weightDecayEnd: [1e-6, official],
  clipGrad: [0, official],
  epochs: [100, official],
  batchSizePerGpu: [4096, official],
  dropPathRate: [0, official],
};

function auto({ network }: RecipeFacts): Suggestions {
  return {
    projectionHiddenDim: [512, 'the head should not cost more than the network'],
    projectionDim: [128, official],
    projectionLayers: [2, official],
    temperature: [0.2, 'a batch of a few hundred images has few hard negatives'],
    localCropsNumber: [0, 'two views'],
    colorJitter: [[0.4, 0.4, 0.4, 0.1], 'half of the official one, as the paper does for small images'],
    batchSizePerGpu: [network === 'vit' ? 128 : 256, 'the images of a step are its negatives'],
    weightDecayEnd: [0.04, 'a short run does not need strong decay at its end'],
  };
}

/** Fewer negatives make the task too easy. */
const FEW = 32;

function settings({ batch, images }: RunPlan): Concern[] {
  if (batch >= FEW) return [];
  return [
    {
      severity: 'warning',
      topic: 'batch',
      title: 'Few images to tell apart',
      detail: `With a batch of ${batch} every view has to be told from ${2 * batch - 2} others only.`,
      advice: largerBatch(128, { batch, images }),
    },
  ];
}
