/**
 * Recipes: the values a user does not give. `paper` is the official `main_dino.py`. `auto` fits them to the images and the
 * budget, and says why in a line each; the reasons rest on the measurements in docs/recipes.md.
 */
import { spanIsGiven, type TrainConfig, type TrainOptions, trainConfigSchema } from './config.ts';
import { isForeign } from './contradictions.ts';
import { LOOK_IMAGES, LOOKS, type LookPlan } from './look-plan.ts';

/** What a recipe looks at. */
export interface RunFacts {
  /** Images in the source. */
  readonly images: number;
  /** Median short side of the images, pixels. */
  readonly imageSide: number;
  readonly channels: 1 | 3;
  /** Cores of the machine. */
  readonly cores: number;
  /** What a run that does not begin from nothing begins with. */
  readonly begins?: 'checkpoint' | 'backbone' | undefined;
  /** Steps of the run, as far as they are known; undefined while a budget in minutes is still to be measured. */
  readonly steps?: number;
  /** Milliseconds to read one of them. */
  readonly readMilliseconds: number;
  /** How a budget in minutes is shared between steps and looks at the teacher. */
  readonly looks?: LookPlan | undefined;
}

/** A value that the recipe chose, and why. */
export interface Choice {
  readonly name: string;
  readonly value: string;
  readonly reason: string;
}

export interface Recipe {
  readonly config: TrainConfig;
  /** Every value that the user did not give, with its reason. */
  readonly choices: readonly Choice[];
}

type Value = string | number | boolean | readonly number[];
type Suggestions = Readonly<Record<string, readonly [value: Value, reason: string]>>;

/**
 * Fills in what the options leave open.
 *
 * @throws ZodError if an option makes no sense
 */
export function chooseRecipe(options: TrainOptions, facts: RunFacts): Recipe {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const suggestions = options.recipe === 'paper' ? paper(options, facts) : auto(options, facts);
  const open = Object.entries(suggestions).filter(([name]) => !(name in given) && !spanIsGiven(name, given));
  const chosen = Object.fromEntries(open.map(([name, [value]]) => [name, value]));
  const config = trainConfigSchema.parse({ recipe: 'auto', ...chosen, ...given });
  return {
    config,
    choices: open
      .filter(([name]) => !isForeign(name, config.arch))
      .map(([name, [value, reason]]) => ({
        name,
        value: Array.isArray(value) ? value.join(' ') : String(value),
        reason,
      })),
  };
}

const official = 'official default';

/** main_dino.py's defaults; ViT-S/16 unless another architecture is asked for. */
function paper(options: TrainOptions, { channels, cores, steps, looks }: RunFacts): Suggestions {
  return {
    ...vitShape(options.arch ?? 'vit_small', options.patchSize ?? 16, official),
    seed: [0, official],
    arch: ['vit_small', official],
    widths: [[32, 64, 128], 'not used by a ViT'],
    blocks: [1, 'not used by a ViT'],
    stemStride: [2, 'not used by a ViT'],
    stem: ['patch', official],
    dropPathRate: [0.1, official],
    outDim: [65536, official],
    headHiddenDim: [2048, official],
    headBottleneckDim: [256, official],
    headLayers: [3, official],
    normLastLayer: [true, official],
    useBnInHead: [false, official],
    channels: [channels, 'as the images are'],
    loadSize: [0, official],
    globalCropsSize: [224, official],
    localCropsSize: [96, official],
    localCropsNumber: [8, official],
    globalCropsScale: [[0.4, 1], official],
    localCropsScale: [[0.05, 0.4], official],
    colorJitter: [[0.4, 0.4, 0.2, 0.1], official],
    grayscale: [0.2, official],
    blurRadius: [2, official],
    batchSizePerGpu: [64, official],
    epochs: [100, official],
    optimizer: ['adamw', official],
    lr: [0.0005, official],
    minLr: [1e-6, official],
    warmupEpochs: [10, official],
    weightDecay: [0.04, official],
    weightDecayEnd: [0.4, official],
    clipGrad: [3, official],
    momentumTeacher: [0.996, official],
    teacherTemp: [0.04, official],
    warmupTeacherTemp: [0.04, official],
    warmupTeacherTempEpochs: [0, official],
    studentTemp: [0.1, official],
    centering: ['center', official],
    centerMomentum: [0.9, official],
    freezeLastLayer: [1, official],
    ...machine(cores, steps, looks),
  };
}

function machine(cores: number, steps: number | undefined, looks: LookPlan | undefined): Suggestions {
  const { count = LOOKS, images = LOOK_IMAGES } = looks ?? {};
  return {
    numWorkers: [Math.max(1, Math.min(cores, 4)), 'one for each core, four at most'],
    threads: [cores, 'one for each core'],
    evalEvery: [
      steps === undefined ? 0 : Math.max(1, Math.ceil(steps / count)),
      count === LOOKS
        ? 'ten looks at the teacher during the run'
        : 'few looks at the teacher: the time is for training',
    ],
    evalImages: [
      images,
      images === LOOK_IMAGES
        ? 'enough to follow the training'
        : 'as many as can be looked at in a twelfth of the time',
    ],
    saveEvery: [200, 'a stop costs at most this many steps'],
  };
}

const officialShapes = { vit_tiny: [192, 12, 3], vit_small: [384, 12, 6], vit_base: [768, 12, 12] } as const;

function vitShape(arch: string, patchSize: number, reason: string): Suggestions {
  const [dim, depth, heads] =
    arch === 'vit_tiny' || arch === 'vit_small' || arch === 'vit_base' ? officialShapes[arch] : [128, 6, 4];
  return {
    patchSize: [patchSize, reason],
    dim: [dim, reason],
    depth: [depth, reason],
    heads: [heads, reason],
  };
}

/** Images are read at up to so many times the side of a global crop: the smallest crop is still shrunk, not enlarged. */
const LOAD_FACTOR = 3;

/** Fitted to small data and short budgets on a CPU; what is not small or short approaches the paper. */
function auto(options: TrainOptions, facts: RunFacts): Suggestions {
  const arch = options.arch ?? 'convnet';
  const convolutional = arch === 'convnet';
  const largest = convolutional ? largestCrop(options.minutes) : 224;
  const global = options.globalCropsSize ?? globalSize(facts.imageSide, largest);
  const patch = options.patchSize ?? Math.max(4, 2 ** Math.round(Math.log2(global / 8)));
  const unit = convolutional ? 8 : patch;
  const local = Math.max(unit, Math.round(global / 2 / unit) * unit);
  const batch = Math.min(options.batchSizePerGpu ?? (convolutional ? 128 : 64), facts.images);
  const batchNorm = convolutional || (arch === 'vit' && (options.microBatch ?? batch) === batch);
  const steps = facts.steps ?? options.steps ?? 1000;
  const prototypes = facts.images < 2000 ? 512 : facts.images < 200_000 ? 1024 : 4096;
  const warmup = Math.max(1, Math.min(Math.round(steps / 10), 500));
  return {
    seed: [0, 'any number; another one gives another run'],
    arch: [
      arch,
      'a convolutional net learns faster than a ViT at CPU budgets (half an hour on Imagenette: k-NN 54.9 %, ViT 45.5); it has no attention maps: --arch vit for those',
    ],
    ...vitShape(arch, patch, `${global / patch} x ${global / patch} patches keep a step short`),
    widths: [[32, 64, 128], 'about 0.3 million parameters: images per second decide at this scale'],
    blocks: [1, 'the same'],
    stemStride: [
      global >= 160 ? 8 : global >= 64 ? 4 : 2,
      `maps of ${global / (global >= 160 ? 8 : global >= 64 ? 4 : 2)} x ${global / (global >= 160 ? 8 : global >= 64 ? 4 : 2)} after the stem keep a step short`,
    ],
    stem: ['patch', `${official}; small convolutions in its place gained less in short runs`],
    dropPathRate: [0, 'short runs underfit; dropping blocks would cost more than it regularises'],
    outDim: [prototypes, `${facts.images} images do not fill the official 65536 prototypes`],
    headHiddenDim: [convolutional ? 512 : 1024, 'the head should not cost more than the network'],
    headBottleneckDim: [convolutional ? 128 : 256, 'the same'],
    headLayers: [3, official],
    normLastLayer: [true, 'more stable; the official advice for small models'],
    useBnInHead: [
      batchNorm,
      batchNorm
        ? 'without it the features of a small network stay alike for too long'
        : 'micro-batches need images that do not depend on each other',
    ],
    channels: [facts.channels, 'as the images are'],
    loadSize:
      facts.imageSide > 1.5 * LOAD_FACTOR * global
        ? [
            LOAD_FACTOR * global,
            `crops of ${global} pixels need no more, and large photos are read several times faster`,
          ]
        : [0, 'images are small enough to be read whole'],
    globalCropsSize: [
      global,
      global < facts.imageSide && global === largest
        ? `images of ${facts.imageSide} pixels; in this time more images count more than more pixels`
        : `fits images of ${facts.imageSide} pixels`,
    ],
    localCropsSize: [local, 'half of a global crop'],
    localCropsNumber: convolutional
      ? [0, 'crops smaller than these show too little, and cost images per second']
      : [2, 'more local crops cost images per second'],
    globalCropsScale: [[0.3, 1], 'small crops of small images hold too little to agree on'],
    localCropsScale: [[0.1, 0.3], 'the same'],
    colorJitter: [[0.4, 0.4, 0.2, 0.1], official],
    grayscale: [0.2, official],
    blurRadius: [
      Math.max(0.2, Math.round((20 * global) / 224) / 10),
      `the official 2 pixels at 224, for ${global}`,
    ],
    batchSizePerGpu: [batch, 'many small steps are better than few large ones in a short run'],
    epochs: [20, 'give --minutes, --steps or --epochs for another budget'],
    optimizer: ['adamw', official],
    lr: [convolutional ? 0.006 : 0.004, 'high, because the run is short and the network small'],
    minLr: [1e-6, official],
    warmupSteps: [warmup, 'a tenth of the run, 500 steps at most'],
    weightDecay: [0.04, official],
    weightDecayEnd: [convolutional ? 0.04 : 0.2, 'a short run does not need strong decay at its end'],
    clipGrad: [3, official],
    momentumTeacher: [momentum(steps), 'the teacher averages over about a twentieth of the run'],
    teacherTemp: convolutional
      ? [0.02, 'a sharper teacher than the official one finds groups sooner']
      : [0.04, official],
    warmupTeacherTemp: [convolutional ? 0.02 : 0.04, convolutional ? 'the same from the start' : official],
    warmupTeacherTempSteps: [0, official],
    studentTemp: [0.1, official],
    centering: ['center', official],
    centerMomentum: [0.9, official],
    freezeLastLayerSteps: [Math.min(warmup, 100), 'one official epoch would be too long for a short run'],
    ...machine(facts.cores, facts.steps ?? options.steps, facts.looks),
    ...gentle(facts.begins, steps, convolutional ? 0.006 : 0.004),
  };
}

/** What changes for networks that know something already: they are to be led on, not shaken. */
function gentle(begins: RunFacts['begins'], steps: number, lr: number): Suggestions {
  if (begins === undefined) return {};
  if (begins === 'checkpoint')
    return { lr: [0.3 * lr, 'lower than usual: the networks are trained already'] };
  return {
    lr: [0.1 * lr, 'a tenth of the usual: the network is trained already'],
    momentumTeacher: [Math.max(0.998, momentum(steps)), 'slow, so that the teacher outlasts the fresh head'],
    warmupSteps: [Math.max(1, Math.round(steps / 5)), 'a fifth of the run: the head has to be learned first'],
    freezeLastLayerSteps: [Math.round(steps / 10), 'a tenth of the run, as the head is fresh'],
  };
}

/** Largest of a few sizes that the images fill; smaller images (28 pixels, say) are taken as they are. */
function globalSize(side: number, largest: number): number {
  const sizes = [224, 160, 128, 96, 64, 48, 32].filter((size) => size <= largest);
  return sizes.find((size) => size <= side) ?? Math.max(8, 4 * Math.floor(side / 4));
}

/** The side of crops that a budget of minutes pays for, on a CPU. */
function largestCrop(minutes: number | undefined): number {
  if (minutes === undefined || minutes <= 60) return 64;
  return minutes <= 300 ? 96 : 160;
}

/** A window of a twentieth of the run, at least 50 steps and at most the official 250. */
function momentum(steps: number): number {
  const window = Math.min(Math.max(steps / 20, 50), 250);
  return Math.round((1 - 1 / window) * 1000) / 1000;
}
