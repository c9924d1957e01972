/**
 * The automatic recipe: fitted to small data and short budgets on a CPU; what is not small or short approaches the paper.
 * The measurements behind the reasons are in docs/recipes.md.
 */
import { official, type RecipeFacts, type Suggestions } from '../method/definition.ts';
import { DEFAULT_METHOD, methodNamed } from '../method/registry.ts';
import { fittingHeads } from '../model/convnet.ts';
import { type Architecture, kindOf, type NetworkKind } from './architectures.ts';
import type { TrainOptions } from './config.ts';
import { machine, type RunFacts, shareOut, vitShape } from './recipe-parts.ts';

/** Half an hour is what the results in docs/results.md are for. */
const MINUTES = 30;

/** Images are read at up to so many times the side of a global crop: the smallest crop is still shrunk, not enlarged. */
const LOAD_FACTOR = 3;

/**
 * The side of global crops as a share of the side at which whole images are shown later. A crop shows things larger than the
 * whole image does, so smaller crops show them as large as they will be (Touvron et al. 2019, "Fixing the train-test
 * resolution discrepancy"), and cost less.
 */
const CROP_SHARE = 0.75;

/** Choices that depend on the network. */
interface NetworkRecipe {
  /** Side of the largest images that are worth their time. */
  readonly largestSide: number;
  /** Side of global crops as a share of the side of whole images in evaluations. */
  readonly cropShare: number;
  readonly batch: number;
  readonly lr: number;
  /** @param stemStride how much a convolutional stem shrinks a crop */
  suggest(stemStride: number): Suggestions;
}

const networks: Readonly<Record<NetworkKind, (options: TrainOptions) => NetworkRecipe>> = {
  hybrid: ({ minutes, widths = WIDTHS }) => ({
    largestSide: largestSide(minutes),
    cropShare: CROP_SHARE,
    batch: 128,
    lr: 0.006,
    suggest: (stemStride) => ({
      ...convolutionalShape(stemStride),
      blocks: [
        widths.map((_, stage) => (stage === 0 && widths.length > 1 ? 0 : 1)),
        'a stage of blocks right after the stem takes half of the time and gains less than more steps',
      ],
      heads: [headCount(widths), 'many heads look at many parts: each has a few channels of one map'],
      stem:
        stemStride > 2
          ? [
              'patch',
              'one linear map of patches takes a quarter less time than convolutions, and is no worse',
            ]
          : ['conv', 'small images lose too much in a patch'],
      weightDecayEnd: [0.04, 'a short run does not need strong decay at its end'],
    }),
  }),
  convnet: ({ minutes }) => ({
    largestSide: largestSide(minutes),
    cropShare: 1,
    batch: 128,
    lr: 0.006,
    suggest: (stemStride) => ({
      ...convolutionalShape(stemStride),
      blocks: [[1], 'about 0.3 million parameters: images per second decide at this scale'],
      weightDecayEnd: [0.04, 'a short run does not need strong decay at its end'],
    }),
  }),
  vit: () => ({
    largestSide: 224,
    cropShare: 1,
    batch: 64,
    lr: 0.004,
    suggest: () => ({
      weightDecayEnd: [0.2, 'a short run does not need strong decay at its end'],
    }),
  }),
  resnet: ({ minutes }) => ({
    largestSide: largestSide(minutes),
    cropShare: 1,
    batch: 64,
    lr: 0.003,
    suggest: () => ({ weightDecayEnd: [0.04, 'a short run does not need strong decay at its end'] }),
  }),
  xcit: () => ({
    largestSide: 224,
    cropShare: 1,
    batch: 32,
    lr: 0.002,
    suggest: () => ({ weightDecayEnd: [0.2, 'a short run does not need strong decay at its end'] }),
  }),
};

/** Families that a method's part of a recipe treats alike. */
const likeness = {
  ...{ hybrid: 'hybrid', convnet: 'convnet', vit: 'vit' },
  ...{ resnet: 'convnet', xcit: 'vit' },
} as const satisfies Record<NetworkKind, RecipeFacts['network']>;

const WIDTHS = [32, 64, 128];

/** Heads of 8 channels each, or of the fewest above; where that is not possible, of as many as possible. */
function headCount(widths: readonly number[]): number {
  const fitting = fittingHeads(widths);
  const channels = fitting.at(-1) ?? 1; // a head for each channel always fits
  return fitting.findLast((heads) => channels / heads >= 8) ?? fitting[0] ?? 1;
}

const convolutionalShape = (stemStride: number): Suggestions => ({
  widths: [WIDTHS, 'about 0.3 million parameters: images per second decide at this scale'],
  stemStride: [stemStride, 'small maps after the stem keep a step short'],
});

const archReason = (arch: Architecture): string =>
  arch === 'hybrid'
    ? 'a convolutional net learns fastest at CPU budgets, and its pooling by attention shows where it looks'
    : 'asked for, or what the method needs';

export function auto(options: TrainOptions, facts: RunFacts, method: string): Suggestions {
  const { suggest, usualArch = 'hybrid' } = methodNamed(method);
  const arch = options.arch ?? usualArch;
  const kind = kindOf(arch);
  const convolutional = kind !== 'vit' && kind !== 'xcit';
  const network = networks[kind](options);
  const known = kind === 'xcit' ? patchOf(arch) : kind === 'vit' ? options.patchSize : undefined;
  const filled = (size: number): number =>
    known === undefined ? size : Math.max(known, multipleOf(known, size));
  const whole =
    (network.cropShare < 1 ? options.evalSize : undefined) ??
    filled(wholeSize(options, facts.imageSide, network));
  const global = options.globalCropsSize ?? filled(cropSize(whole, network));
  const patch = known ?? Math.max(4, 2 ** Math.round(Math.log2(global / 8)));
  const stemStride = options.stemStride ?? (whole >= 160 ? 8 : whole >= 64 ? 4 : 2);
  const unit = convolutional ? 8 : patch;
  const local = options.localCropsSize ?? Math.max(unit, Math.round(global / 2 / unit) * unit);
  const sizeReason =
    whole < facts.imageSide && whole === network.largestSide
      ? `images of ${facts.imageSide} pixels; in this time more images count more than more pixels`
      : `fits images of ${facts.imageSide} pixels`;
  const { ranks = 1 } = facts;
  const each = options.batchSizePerGpu ?? shareOut(network.batch, facts);
  const batch = Math.min(each * ranks, facts.images);
  const wholeBatch = kind !== 'vit' || (arch === 'vit' && (options.microBatch ?? each) === each);
  const steps = facts.steps ?? options.steps ?? 1000;
  const warmup = Math.max(1, Math.min(Math.round(steps / 10), 500));
  const allImages: Suggestions[string] = [shareOut(facts.images, facts), 'all images that there are'];
  const own = suggest({
    recipe: 'auto',
    network: likeness[kind],
    ...{ images: facts.images, local, batch, wholeBatch, steps, warmup, begins: facts.begins },
  });
  return {
    method: [method, method === DEFAULT_METHOD ? 'unless another is asked for' : 'asked for'],
    seed: [0, 'any number; another one gives another run'],
    arch: [arch, archReason(arch)],
    ...vitShape(arch, patch, `${global / patch} x ${global / patch} patches keep a step short`),
    stem: ['patch', `${official}; small convolutions in its place gained less in short runs`],
    widths: [[32], 'not used by a ViT'],
    blocks: [[1], 'not used by a ViT'],
    stemStride: [2, 'not used by a ViT'],
    registers: [0, 'as in the original ViT'],
    layerScale: [0, 'as in the original ViT'],
    ffn: ['mlp', 'as in the original ViT'],
    freezeBackboneSteps: [0, 'the network and its head are learned together'],
    dropPathRate: [0, 'short runs underfit; dropping blocks would cost more than it regularizes'],
    channels: [facts.channels, 'as the images are'],
    loadSize:
      facts.imageSide > 1.5 * LOAD_FACTOR * whole
        ? [
            LOAD_FACTOR * whole,
            `crops of ${global} pixels need no more, and large photos are read several times faster`,
          ]
        : [0, 'images are small enough to be read whole'],
    globalCropsSize: [
      global,
      global < whole
        ? 'smaller than images are later shown: in a crop things look larger, and small crops cost less'
        : sizeReason,
    ],
    ...(whole === global ? {} : { evalSize: [whole, sizeReason] }),
    localCropsSize: [local, 'half of a global crop'],
    globalCropsScale: [[0.3, 1], 'small crops of small images hold too little to agree on'],
    localCropsScale: [[0.1, 0.3], 'small crops of small images hold too little to agree on'],
    colorJitter: [[0.4, 0.4, 0.2, 0.1], official],
    grayscale: [0.2, official],
    blurRadius: [
      Math.max(0.2, Math.round((20 * global) / 224) / 10),
      `the official 2 pixels at 224, for ${global}`,
    ],
    batchSizePerGpu:
      batch < facts.images
        ? [
            each,
            ranks === 1
              ? 'many small steps are better than few large ones in a short run'
              : `a step of one process is shared out to ${ranks} ranks`,
          ]
        : allImages,
    minutes: [
      MINUTES,
      'long enough for good features; give --minutes, --steps or --epochs for another budget',
    ],
    optimizer: ['adamw', official],
    lr: [network.lr, 'high, because the run is short and the network small'],
    minLr: [1e-6, official],
    warmupSteps: [warmup, 'a tenth of the run, 500 steps at most'],
    weightDecay: [0.04, official],
    clipGrad: [3, official],
    ...network.suggest(stemStride),
    ...machine(facts.cores, facts.steps ?? options.steps, facts.evaluations),
    ...gentle(facts.begins, steps, network.lr),
    ...own,
    ...sharedBatch(own.batchSizePerGpu, facts, allImages),
  };
}

/** The batch that a method asks for, as far as there are images, shared out to the ranks. */
function sharedBatch(
  asked: Suggestions[string] | undefined,
  facts: RunFacts,
  allImages: Suggestions[string],
): Suggestions {
  if (asked === undefined) return {};
  const [batch, reason] = asked;
  if (Number(batch) > facts.images) return { batchSizePerGpu: allImages };
  return { batchSizePerGpu: [shareOut(Number(batch), facts), reason] };
}

/** What changes for networks that know something already: small steps, so that they keep it. */
function gentle(begins: RunFacts['begins'], steps: number, lr: number): Suggestions {
  if (begins === undefined) return {};
  if (begins === 'checkpoint')
    return { lr: [0.3 * lr, 'lower than usual: the networks are trained already'] };
  return {
    lr: [0.1 * lr, 'a tenth of the usual: the network is trained already'],
    freezeBackboneSteps: [
      Math.round(steps / 10),
      'a tenth of the run, in which a fresh head is learned alone',
    ],
    warmupSteps: [Math.max(1, Math.round(steps / 5)), 'a fifth of the run: the head has to be learned first'],
  };
}

/** Largest of a few sizes that the images fill; smaller images (28 pixels, say) are taken as they are. */
function wholeSize({ globalCropsSize: crop }: TrainOptions, side: number, network: NetworkRecipe): number {
  if (crop !== undefined) return Math.max(crop, Math.min(side, multipleOf(8, crop / network.cropShare)));
  const sizes = [224, 160, 128, 96, 64, 48, 32].filter((size) => size <= network.largestSide);
  return sizes.find((size) => size <= side) ?? Math.max(8, 4 * Math.floor(side / 4));
}

function cropSize(whole: number, { cropShare }: NetworkRecipe): number {
  return cropShare === 1 ? whole : Math.max(8, multipleOf(whole < 32 ? 4 : 8, cropShare * whole));
}

/** Side of the patches that a name says. */
const patchOf = (arch: Architecture): number => (arch.endsWith('_p8') ? 8 : 16);

const multipleOf = (unit: number, size: number): number => unit * Math.floor(size / unit);

/** The side of images that a budget of minutes pays for, on a CPU. */
function largestSide(minutes = MINUTES): number {
  if (minutes <= 60) return 64;
  return minutes <= 300 ? 96 : 160;
}
