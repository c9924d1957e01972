/**
 * Everything a training run can be told, as one schema: names, types, units and a sentence each. The command line, its
 * help and the documentation are made from it. Names are those of facebookresearch/dino in camel case
 * (`--local_crops_number` is `localCropsNumber`); what is left out is chosen by the recipe (`recipe.ts`).
 */
import { z } from 'zod';
import { labelsField } from './labels-field.ts';
import { levelsField } from './levels-field.ts';

const count = (text: string) => z.number().int().min(1).describe(text);
const countOrZero = (text: string) => z.number().int().min(0).describe(text);
const positive = (text: string) => z.number().gt(0).describe(text);
const notNegative = (text: string) => z.number().min(0).describe(text);
const share = (text: string) => z.number().min(0).max(1).describe(text);
const range = (text: string) =>
  z
    .tuple([z.number().gt(0).max(1), z.number().gt(0).max(1)])
    .refine(([low, high]) => low <= high, { message: 'the first number must not be larger than the second' })
    .describe(text);

export const architectures = ['hybrid', 'convnet', 'vit', 'vit_tiny', 'vit_small', 'vit_base'] as const;
export type Architecture = (typeof architectures)[number];

/** Those that are shaped by `widths` and `blocks` and normalize by batches. */
export function isConvolutional(arch: Architecture): arch is 'hybrid' | 'convnet' {
  return arch === 'hybrid' || arch === 'convnet';
}

/** What can be measured of the teacher's features during a run, where there are labels. */
export const onlineEvals = ['knn', 'cluster', 'linear'] as const;
export type OnlineEval = (typeof onlineEvals)[number];
const onlineEval = z.enum(onlineEvals);

const run = {
  recipe: z
    .enum(['auto', 'paper'])
    .describe(
      'auto fits every value that is not given to the data and the budget; paper takes the official defaults',
    ),
  seed: z.number().int().min(0).max(0xffffffff).describe('names all random numbers of the run'),
};

const network = {
  arch: z
    .enum(architectures)
    .describe(
      'network: hybrid (a small residual convolutional net pooled by attention), the same pooled by its mean (convnet), a free ViT (vit: see dim, depth, heads), or one of the official sizes',
    ),
  patchSize: count('side of a ViT patch, pixels'),
  dim: count('width of a free ViT'),
  depth: count('blocks of a free ViT'),
  stem: z
    .enum(['patch', 'conv'])
    .describe('how a ViT or hybrid begins: one linear map of patches (official) or a few small convolutions'),
  heads: count('attention heads of a free ViT or of the hybrid'),
  widths: z.array(z.number().int().min(1)).min(1).describe('channels of the stages of a hybrid or convnet'),
  blocks: z
    .array(z.number().int().min(0))
    .min(1)
    .describe('residual blocks in each of these stages; one number for all'),
  stemStride: z
    .union([z.literal(2), z.literal(4), z.literal(8)], 'must be 2, 4 or 8')
    .describe('how much the stem of a hybrid or convnet shrinks the image'),
  dropPathRate: share('stochastic depth of the student (ViT)'),
};

const head = {
  outDim: count('K, prototypes of the projection head'),
  headHiddenDim: count('hidden width of the projection head'),
  headBottleneckDim: count('width before the prototypes'),
  headLayers: count('linear layers of the projection head before the prototypes'),
  normLastLayer: z.boolean().describe("keep the prototypes' lengths at 1"),
  useBnInHead: z.boolean().describe('batch norm in the projection head'),
};

const crops = {
  channels: z.union([z.literal(1), z.literal(3)], 'must be 1 or 3').describe('3 = RGB, 1 = gray'),
  levels: levelsField,
  labels: labelsField,
  loadSize: countOrZero(
    'short side to which larger images are shrunk when they are read for training, pixels; 0 = never',
  ),
  globalCropsSize: count('side of the global crops, pixels'),
  localCropsSize: count('side of the local crops, pixels'),
  localCropsNumber: countOrZero('local crops of each image'),
  globalCropsScale: range('share of the image area a global crop shows'),
  localCropsScale: range('share of the image area a local crop shows'),
  colorJitter: z
    .tuple([z.number().min(0), z.number().min(0), z.number().min(0), z.number().min(0).max(0.5)])
    .describe('strength of brightness, contrast, saturation and hue jitter'),
  grayscale: share('probability that a crop turns gray'),
  blurRadius: positive('largest radius of the blur, pixels'),
};

const budget = {
  batchSizePerGpu: count('images in a step'),
  microBatch: count('images in one run of the program; measured unless given'),
  epochs: positive('passes over the data'),
  steps: count('steps, instead of epochs'),
  minutes: positive('budget in minutes, instead of epochs: a short measurement turns it into steps'),
};

const optimization = {
  optimizer: z.enum(['adamw', 'sgd', 'lars']).describe('optimizer'),
  lr: positive('learning rate for a batch of 256; scaled linearly with the batch'),
  minLr: notNegative('learning rate at the end'),
  warmupEpochs: notNegative('epochs of linear warm-up of the learning rate'),
  warmupSteps: countOrZero('the same in steps'),
  weightDecay: notNegative('weight decay at the start'),
  weightDecayEnd: notNegative('weight decay at the end (cosine)'),
  clipGrad: notNegative("limit of each parameter's gradient norm; 0 = off"),
};

const teacher = {
  momentumTeacher: share('momentum of the teacher at the start; rises to 1 (cosine)'),
  teacherTemp: positive('temperature of the teacher after warm-up'),
  warmupTeacherTemp: positive('temperature of the teacher at the start'),
  warmupTeacherTempEpochs: countOrZero('epochs of warm-up of the temperature, epoch by epoch'),
  warmupTeacherTempSteps: countOrZero('the same in steps, step by step'),
  studentTemp: positive('temperature of the student'),
  centering: z
    .enum(['center', 'sinkhorn'])
    .describe(
      'what keeps one prototype from winning: a moving center (DINO), or targets that use all equally (Sinkhorn-Knopp, as DINOv2)',
    ),
  centerMomentum: share('momentum of the center'),
  freezeLastLayer: countOrZero('epochs during which the last layer stays as it is'),
  freezeLastLayerSteps: countOrZero('the same in steps'),
};

const machine = {
  numWorkers: z
    .number()
    .int()
    .min(0)
    .max(64)
    .describe('threads that decode and augment; 0 = the main thread'),
  threads: count('threads of the compute engine'),
};

const onlineEvaluations = {
  evalSize: count('side of images as evaluations show them to the network, pixels'),
  evalEvery: countOrZero('steps between online evaluations of the teacher; 0 = never'),
  evalImages: count('images that these see, at most'),
  evals: z
    .array(onlineEval)
    .min(1)
    .describe('what these measure on labeled images: knn, cluster, linear; knn unless given'),
  bestBy: onlineEval.describe('which of them decides the best checkpoint; the first unless given'),
  saveEvery: count('steps between checkpoints'),
};

/** The options by what they are about, for the help. */
export const trainGroups = [
  { title: 'Recipe', fields: run },
  { title: 'Network', fields: network },
  { title: 'Projection head', fields: head },
  { title: 'Images and crops', fields: crops },
  { title: 'Batch and budget', fields: budget },
  { title: 'Optimizer', fields: optimization },
  { title: 'Teacher and loss', fields: teacher },
  { title: 'Machine', fields: machine },
  { title: 'Online evaluations of the teacher, and checkpoints', fields: onlineEvaluations },
] as const;

export const trainSchema = z.strictObject({
  ...run,
  ...network,
  ...head,
  ...crops,
  ...budget,
  ...optimization,
  ...teacher,
  ...machine,
  ...onlineEvaluations,
});

/** What the user gave: anything may be left out. */
export const trainOptionsSchema = trainSchema.partial();
export type TrainOptions = z.infer<typeof trainOptionsSchema>;

/** What a run has once the recipe has filled it in. A span is counted in steps or in epochs; steps win. */
export const trainConfigSchema = trainSchema
  .extend({
    // Runs of earlier versions do not have these.
    loadSize: trainSchema.shape.loadSize.default(0),
    centering: trainSchema.shape.centering.default('center'),
    evalImages: trainSchema.shape.evalImages.default(5000),
    blocks: z.union([trainSchema.shape.blocks, z.number().transform((count) => [count])]),
  })
  .partial({
    microBatch: true,
    epochs: true,
    steps: true,
    minutes: true,
    levels: true,
    labels: true,
    evalSize: true,
    warmupEpochs: true,
    warmupSteps: true,
    warmupTeacherTempEpochs: true,
    warmupTeacherTempSteps: true,
    freezeLastLayer: true,
    freezeLastLayerSteps: true,
    evals: true,
    bestBy: true,
  });
export type TrainConfig = z.infer<typeof trainConfigSchema>;

/** The side of images in evaluations, pixels; that of the global crops in runs that say nothing. */
export function evalSizeOf({ evalSize, globalCropsSize }: TrainConfig): number {
  return evalSize ?? globalCropsSize;
}

/** What a run measures, and by which score it keeps its best checkpoint. */
export function evalsOf({ evals = ['knn'], bestBy }: Pick<TrainConfig, 'evals' | 'bestBy'>): {
  readonly evals: readonly OnlineEval[];
  readonly bestBy: OnlineEval;
} {
  return { evals, bestBy: bestBy ?? evals[0] ?? 'knn' };
}
