/** The doctor before the first step: settings that cannot train, runs too short to, and images that show nothing. */

import { methodNamed } from '../method/registry.ts';
import { counted } from '../numbers/counted.ts';
import type { Finding } from '../report/finding.ts';
import { cropRecipeOf } from './build.ts';
import { batchOf, type TrainConfig } from './config.ts';
import { baseRate, warmupStepsOf } from './plan.ts';

export interface PlanFacts {
  readonly config: TrainConfig;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** In the data, where that is known. */
  readonly images?: number;
}

/** What reading a few images found. */
export interface ImageFacts {
  /** How many were looked at. */
  readonly seen: number;
  /** Of these, how many have the same value everywhere. */
  readonly plain: number;
  /** How many have at most `FEW_LEVELS` different values. */
  readonly coarse: number;
  /** One of the plain or coarse ones. */
  readonly example?: string | undefined;
}

/** Different values of 256 in a channel; scans and photos have far more. */
export const FEW_LEVELS = 8;

/** How many different values an image has in the channel that has most, 1 to 256; an image of one color has 1. */
export function distinctLevels(data: Uint8Array, channels: number): number {
  let most = 0;
  for (let channel = 0; channel < channels; channel++) {
    const seen = new Uint8Array(256);
    for (let i = channel; i < data.length; i += channels) seen[data[i]!] = 1;
    most = Math.max(
      most,
      seen.reduce((sum, each) => sum + each, 0),
    );
  }
  return most;
}

/**
 * What is said of images that hardly differ from a plain square.
 *
 * @param levels what samples were read with, where it was given
 */
export function examineImages(
  { seen, plain, coarse, example }: ImageFacts,
  levels?: TrainConfig['levels'],
): Finding[] {
  const odd = plain > seen / 2 ? plain : plain + coarse > seen / 2 ? plain + coarse : 0;
  if (odd === 0) return [];
  const kind = odd === plain ? 'of one color' : `of at most ${FEW_LEVELS} levels of brightness`;
  return [
    {
      severity: 'warning',
      topic: 'images',
      title: odd === plain ? 'Images of one color' : 'Images of a few levels',
      detail: `${odd} of the ${counted(seen, 'image')} looked at ${odd === 1 ? 'is' : 'are'} ${kind} once ${odd === 1 ? 'it is' : 'they are'} read (${example}): there is little or nothing to learn from them.`,
      advice:
        levels === undefined
          ? 'If another program shows more in them, convert them there to 8-bit PNG.'
          : `They were read with --levels ${levels.join(' ')}: give the samples that are to be black and white in them, or --levels image for the extremes of each.`,
    },
  ];
}

const ONE_IMAGE: Finding = {
  severity: 'warning',
  topic: 'number of images',
  title: 'Only one image',
  detail: 'Every crop is a part of it, and there is no other image that features could tell it from.',
  advice: 'Give a folder of many images: hundreds are a beginning.',
};

/** The topic of what is said of a run's length. */
export const LENGTH = 'length';

/** What takes the place of a warning once a budget in minutes has held more steps than planned. */
export function enoughSteps(steps: number): Finding {
  return {
    severity: 'ok',
    topic: LENGTH,
    title: 'Enough steps',
    detail: `The budget held ${counted(steps, 'step')}, more than were planned at its start.`,
  };
}

/** What is said of a run before it begins. */
export function examinePlan({ config, steps, stepsPerEpoch, images }: PlanFacts): Finding[] {
  const concerns = methodNamed(config.method).examine(config, {
    ...{ steps, stepsPerEpoch, batch: batchOf(config), images },
    crops: cropRecipeOf(config),
  });
  return [
    ...(images === 1 ? [ONE_IMAGE] : []),
    ...lengthOf(config, steps, stepsPerEpoch),
    ...learningRate(config),
    ...frozenBackbone(config, steps),
    ...concerns.filter(({ topic }) => images !== 1 || topic !== 'batch'), // which cannot be larger
  ];
}

function lengthOf(config: TrainConfig, steps: number, stepsPerEpoch: number): Finding[] {
  const warmupSteps = warmupStepsOf(config, stepsPerEpoch);
  if (warmupSteps >= steps && steps >= 10)
    return [
      {
        severity: 'warning',
        topic: LENGTH,
        title: 'The run ends inside its warm-up',
        detail: `${counted(steps, 'step')}, of which the learning rate rises during ${warmupSteps}: the network hardly moves.`,
        advice: `Train longer, or set --warmup_steps ${Math.max(1, Math.round(steps / 10))}.`,
      },
    ];
  if (steps >= FEW_STEPS) return [];
  return [
    {
      severity: 'warning',
      topic: LENGTH,
      title: 'Very few steps',
      detail: `${counted(steps, 'step')} (${stepsPerEpoch} in an epoch) ${steps === 1 ? 'is' : 'are'} too few for features to form.`,
      advice: 'Train longer: give a larger --minutes, --steps or --epochs.',
    },
  ];
}

const FEW_STEPS = 300;

function frozenBackbone({ freezeBackboneSteps }: TrainConfig, steps: number): Finding[] {
  if (freezeBackboneSteps < steps) return [];
  return [
    {
      severity: 'warning',
      topic: 'backbone',
      title: 'The backbone never learns',
      detail: `It stays as it is for ${counted(freezeBackboneSteps, 'step')}, and the run has ${steps}.`,
      advice: `Train longer, or set --freeze_backbone_steps ${Math.round(steps / 10)}.`,
    },
  ];
}

function learningRate(config: TrainConfig): Finding[] {
  const { lr, minLr } = config;
  if (minLr <= baseRate(config)) return [];
  return [
    {
      severity: 'warning',
      topic: 'rate',
      title: 'The learning rate rises to its end',
      detail: `--min_lr ${minLr} is larger than the rate of the run, ${lr} x ${batchOf(config)} / 256.`,
      advice: 'Set --min_lr to a hundredth of it, or less.',
    },
  ];
}
