/**
 * Everything a training run can be told, as one schema: names, types, units and a sentence each. The command line, its
 * help and the documentation are made from it. Names are those of facebookresearch/dino in camel case
 * (`--local_crops_number` is `localCropsNumber`); what is left out is chosen by the recipe (`recipe.ts`).
 */
import { z } from 'zod';
import type { Fields, OptionGroup, OwnOptions } from '../method/definition.ts';
import { count, countOrZero, notNegative, positive, range, share } from '../method/fields.ts';
import { DEFAULT_METHOD, definitions, methodNamed } from '../method/registry.ts';
import { architectures } from './architectures.ts';
import { deviceFields } from './device-fields.ts';
import { labelsField } from './labels-field.ts';
import { levelsField } from './levels-field.ts';

/** What can be measured of the teacher's features during a run, where there are labels. */
export const onlineEvals = ['knn', 'cluster', 'linear'] as const;
export type OnlineEval = (typeof onlineEvals)[number];
const onlineEval = z.enum(onlineEvals);

const run = {
  method: z
    .string()
    .describe(
      `by which objective: ${definitions()
        .map(({ name }) => name)
        .join(', ')}; ${DEFAULT_METHOD} unless given`,
    )
    .meta({ value: 'name' }),
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
      'the network: hybrid, a small residual convolutional net pooled by attention; convnet, the same pooled by its mean; vit, a ViT of --dim, --depth and --heads; vit_tiny, vit_small or vit_base, a ViT of that official size',
    ),
  patchSize: count('side of a ViT patch, pixels'),
  dim: count('width of a ViT whose size you choose (--arch vit)'),
  depth: count('blocks of a ViT whose size you choose (--arch vit)'),
  stem: z
    .enum(['patch', 'conv'])
    .describe('how a ViT or hybrid begins: one linear map of patches (official) or a few small convolutions'),
  heads: count('attention heads of a ViT whose size you choose (--arch vit), or of the hybrid'),
  widths: z.array(z.number().int().min(1)).min(1).describe('channels of the stages of a hybrid or convnet'),
  blocks: z
    .array(z.number().int().min(0))
    .min(1)
    .describe('residual blocks in each of these stages; one number for all'),
  stemStride: z
    .union([z.literal(2), z.literal(4), z.literal(8)], 'must be 2, 4 or 8')
    .describe('how much the stem of a hybrid or convnet shrinks the image'),
  dropPathRate: share('stochastic depth of the student (ViT, XCiT)'),
  registers: countOrZero('register tokens of a ViT (Darcet et al. 2023)'),
  layerScale: notNegative('what the layer scales of a ViT begin with (DINOv2: 0.00001); 0 = none'),
  ffn: z
    .enum(['mlp', 'swiglu'])
    .describe('how the blocks of a ViT go on after attention: an MLP, or a gated one'),
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
  batchSizePerGpu: count(
    'images in a step; of several ranks (mpirun, torchrun) those of each, so that a step has as many times more, and --lr is scaled by all of them',
  ),
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
  freezeBackboneSteps: countOrZero(
    'steps during which the backbone stays as it is, so that fresh heads are learned first',
  ),
  clipGrad: notNegative("limit of each parameter's gradient norm; 0 = off"),
};

const machine = {
  numWorkers: z
    .number()
    .int()
    .min(0)
    .max(64)
    .describe('threads that decode and augment; 0 = the main thread'),
  threads: count('threads of the compute engine'),
  ...deviceFields,
};

const onlineEvaluations = {
  evalSize: count('side of images as evaluations show them to the network, pixels'),
  evalEvery: countOrZero('steps between online evaluations; 0 = never'),
  evalImages: count('images that these see, at most'),
  evals: z
    .array(onlineEval)
    .min(1)
    .describe('what these measure on labeled images: knn, cluster, linear; knn unless given'),
  bestBy: onlineEval.describe('which of them decides the best checkpoint; the first unless given'),
  saveEvery: count('steps between checkpoints'),
};

/** Options that shape a backbone: networks that have the same ones have the same parameters. */
export const backboneOptions: readonly string[] = [
  ...Object.keys(network).filter((name) => name !== 'dropPathRate'),
  'channels',
];

/** Options that every training has, by what they are about. */
const groups = {
  run: { title: 'Recipe', fields: run },
  network: { title: 'Network', fields: network },
  crops: { title: 'Images and crops', fields: crops },
  budget: { title: 'Batch and budget', fields: budget },
  optimization: { title: 'Optimizer', fields: optimization },
  machine: { title: 'Machine', fields: machine },
  evaluations: { title: 'Online evaluations, and checkpoints', fields: onlineEvaluations },
} as const;

/** The options that say something to a method by what they are about, for the help. */
export function trainGroups(method: string): readonly OptionGroup[] {
  const { run, network, crops, budget, optimization, machine, evaluations } = groups;
  const { groups: own, meaningless } = methodNamed(method);
  return [run, network, ...own, crops, budget, optimization, machine, evaluations].map(
    ({ title, fields }) => ({
      title,
      fields: Object.fromEntries(Object.entries(fields).filter(([name]) => !meaningless.includes(name))),
    }),
  );
}

const commonFields = {
  ...run,
  ...network,
  ...crops,
  ...budget,
  ...optimization,
  ...machine,
  ...onlineEvaluations,
};

/** Every option that there is: what all trainings have, and what any method has of its own. */
export function optionFields(): Fields {
  const own = definitions().flatMap(({ groups }) => groups.map(({ fields }) => fields));
  return Object.assign({}, ...own, commonFields);
}

const common = z.object(commonFields);

const commonOptions = common.partial();

/** What the user gave: anything may be left out. Options of the method stand beside those of every training. */
export type TrainOptions = z.infer<typeof commonOptions> & OwnOptions;

/** Reads options by their types. @throws ZodError naming one that does not fit, or that there is not */
export function parseOptions(options: Readonly<Record<string, unknown>>): TrainOptions {
  return { ...z.strictObject(optionFields()).partial().parse(options), ...commonOptions.parse(options) };
}

/** Options that every training has, as a run has them once the recipe has filled them in. A span is counted in steps or in epochs; steps win. */
const commonConfig = common
  .extend({
    // Runs of earlier versions do not have these.
    method: commonFields.method.default(DEFAULT_METHOD),
    freezeBackboneSteps: commonFields.freezeBackboneSteps.default(0),
    registers: commonFields.registers.default(0),
    layerScale: commonFields.layerScale.default(0),
    ffn: commonFields.ffn.default('mlp'),
    loadSize: commonFields.loadSize.default(0),
    evalImages: commonFields.evalImages.default(5000),
    blocks: z.union([commonFields.blocks, z.number().transform((count) => [count])]),
    /** Processes that share a step; 1 unless given. */
    ranks: z.number().int().min(2).optional(),
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
    evals: true,
    bestBy: true,
    device: true,
    pjrtPlugin: true,
    precision: true,
    devices: true,
    compileCache: true,
  });

/** What a run has once the recipe has filled it in; a method reads its own options from it. */
export type TrainConfig = z.infer<typeof commonConfig> & OwnOptions;

/**
 * Reads every option of a run, those of its method among them.
 *
 * @throws ZodError naming one that is missing or does not fit; UnknownMethodError
 */
export function parseConfig(values: Readonly<Record<string, unknown>>): TrainConfig {
  const { method } = commonConfig.pick({ method: true }).parse(values);
  const all = z.strictObject({ ...commonConfig.shape, ...methodNamed(method).stored.shape }).parse(values);
  return { ...all, ...commonConfig.parse(values) };
}

/** Images in a step, of all ranks. */
export function batchOf({
  batchSizePerGpu,
  ranks = 1,
}: Pick<TrainConfig, 'batchSizePerGpu' | 'ranks'>): number {
  return batchSizePerGpu * ranks;
}

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
