/** What MAE can be asked for, what the recipes take for it, and what the doctor says of its settings. */
import { z } from 'zod';
import { counted } from '../numbers/counted.ts';
import { adamw, rules } from '../optim/rules.ts';
import { defineMethod, official, type Suggestions } from './definition.ts';
import { count } from './fields.ts';
import { mae } from './mae.ts';

const fields = {
  maskRatio: z.number().gt(0).lt(1).describe('share of the patches that is hidden'),
  normPixLoss: z.boolean().describe('normalize the pixels of each patch before they are predicted'),
  decoderDim: count('width of the decoder'),
  decoderDepth: count('blocks of the decoder'),
  decoderHeads: count('attention heads of the decoder'),
};
const stored = z.object(fields);

export const maeDefinition = defineMethod({
  name: 'mae',
  label: 'MAE',
  paper: 'He et al. 2022',
  about: 'most patches are hidden, and a small decoder predicts their pixels from what is seen of the others',
  groups: [{ title: 'Masking and decoder', fields }],
  meaningless: [
    ...['localCropsNumber', 'localCropsSize', 'localCropsScale', 'colorJitter', 'grayscale', 'blurRadius'],
    ...['stem', 'dropPathRate', 'registers'],
  ],
  shaping: ['decoderDim', 'decoderDepth', 'decoderHeads', 'normPixLoss'],
  usualArch: 'vit',
  // The schedule of the official code comes to the base value once.
  rateMeetsBaseOnce: true,
  rule: (name) => (name === 'adamw' ? adamw({ beta1: 0.9, beta2: 0.95 }) : rules[name]),
  stored,
  suggest: ({ recipe }) => (recipe === 'paper' ? paper : auto),
  // One view, cut and mirrored.
  crops: (_, { jitter, blur, solarize }) => ({
    globalCrops: 1,
    localCrops: 0,
    jitter: { ...jitter, probability: 0 },
    grayscale: 0,
    blur: { ...blur, global1: 0 },
    solarize: { ...solarize, global1: 0 },
  }),
  seenShare: ({ maskRatio }) => 1 - maskRatio,
  network: (_, backbone) => (backbone.kind === 'vit' ? { ...backbone, beginsAsMae: true } : backbone),
  make: ({ maskRatio, normPixLoss, decoderDim, decoderDepth, decoderHeads }, { backbone }) =>
    mae({
      backbone,
      maskRatio,
      normPixLoss,
      decoder: { dim: decoderDim, depth: decoderDepth, heads: decoderHeads },
    }),
  describe: ({ maskRatio, decoderDim, decoderDepth }) =>
    `${Math.round(100 * maskRatio)} % hidden, decoder of ${counted(decoderDepth, 'block')}, width ${decoderDim}`,
});

const oneView: Suggestions = {
  localCropsNumber: [0, 'one view'],
  globalCropsScale: [[0.2, 1], official],
  dropPathRate: [0, official],
  clipGrad: [0, official],
};

const paper: Suggestions = {
  maskRatio: [0.75, official],
  normPixLoss: [true, official],
  decoderDim: [512, official],
  decoderDepth: [8, official],
  decoderHeads: [16, official],
  ...oneView,
  lr: [0.00015, official],
  minLr: [0, official],
  weightDecay: [0.05, official],
  weightDecayEnd: [0.05, official],
  warmupEpochs: [40, official],
  epochs: [800, official],
  batchSizePerGpu: [4096, official],
};

const auto: Suggestions = {
  maskRatio: [0.75, official],
  normPixLoss: [true, official],
  decoderDim: [96, 'a small network needs a small decoder'],
  decoderDepth: [1, 'a small network needs a small decoder'],
  decoderHeads: [3, 'a small network needs a small decoder'],
  ...oneView,
  lr: [0.002, 'high, because the run is short and the network small'],
  weightDecay: [0.05, official],
  weightDecayEnd: [0.05, official],
  batchSizePerGpu: [128, 'hidden patches cost little, so more images fit a step'],
};
