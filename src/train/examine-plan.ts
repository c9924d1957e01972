/** The doctor before the first step: settings that cannot train, runs too short to, and images that show nothing. */
import { counted } from '../report/counted.ts';
import type { Finding } from '../report/finding.ts';
import type { TrainConfig } from './config.ts';

export interface PlanFacts {
  readonly config: TrainConfig;
  readonly steps: number;
  readonly stepsPerEpoch: number;
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

/** What is said of images that hardly differ from a plain square. */
export function examineImages({ seen, plain, coarse, example }: ImageFacts): Finding[] {
  const odd = plain > seen / 2 ? plain : plain + coarse > seen / 2 ? plain + coarse : 0;
  if (odd === 0) return [];
  const kind = odd === plain ? 'of one color' : `of at most ${FEW_LEVELS} levels of brightness`;
  return [
    {
      severity: 'warning',
      topic: 'images',
      title: odd === plain ? 'Images of one color' : 'Images of a few levels',
      detail: `${odd} of the ${counted(seen, 'image')} looked at ${odd === 1 ? 'is' : 'are'} ${kind} once ${odd === 1 ? 'it is' : 'they are'} read (${example}): there is little or nothing to learn from them.`,
      advice: 'If another program shows more in them, convert them there to 8-bit PNG.',
    },
  ];
}

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
export function examinePlan({ config, steps, stepsPerEpoch }: PlanFacts): Finding[] {
  return [
    ...lengthOf(config, steps, stepsPerEpoch),
    ...frozenHead(config, steps, stepsPerEpoch),
    ...settings(config),
  ];
}

function lengthOf(config: TrainConfig, steps: number, stepsPerEpoch: number): Finding[] {
  const warmupSteps = config.warmupSteps ?? Math.round((config.warmupEpochs ?? 0) * stepsPerEpoch);
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
      advice: 'Train longer (--minutes, --steps), or use a smaller batch for more steps.',
    },
  ];
}

const FEW_STEPS = 300;

function frozenHead(config: TrainConfig, steps: number, stepsPerEpoch: number): Finding[] {
  const frozen = config.freezeLastLayerSteps ?? (config.freezeLastLayer ?? 0) * stepsPerEpoch;
  if (frozen < steps) return [];
  return [
    {
      severity: 'warning',
      topic: 'frozen',
      title: 'The last layer never learns',
      detail: `It stays frozen for ${counted(frozen, 'step')}, and the run has ${steps}.`,
      advice: `Train longer, or set --freeze_last_layer_steps ${Math.round(steps / 50)}.`,
    },
  ];
}

/** Settings that no step can learn with, or that lead to a collapse. */
function settings(config: TrainConfig): Finding[] {
  const { momentumTeacher, outDim, teacherTemp, studentTemp, centerMomentum, centering, lr, minLr } = config;
  const { warmupTeacherTemp, batchSizePerGpu, localCropsNumber, globalCropsScale } = config;
  const views = localCropsNumber === 0 && globalCropsScale[0] === 1 && globalCropsScale[1] === 1;
  const cases: readonly (readonly [
    wrong: boolean,
    topic: string,
    title: string,
    detail: string,
    advice: string,
  ])[] = [
    [
      momentumTeacher === 1,
      'momentum',
      'The teacher never moves',
      '--momentum_teacher 1 keeps the teacher at its random start, and the teacher is what is evaluated and exported.',
      'Give a value below 1: 0.99 for short runs, 0.996 for long ones.',
    ],
    [
      momentumTeacher === 0,
      'momentum',
      'The teacher is the student',
      '--momentum_teacher 0 makes the teacher a copy of the student of the step before, which does not learn (Caron et al. 2021, table 7).',
      'Give 0.99 for short runs, 0.996 for long ones.',
    ],
    [
      outDim === 1,
      'prototypes',
      'One prototype',
      'With --out_dim 1 every image gets the same distribution: the loss is 0 and nothing is learned.',
      'Give 256 or more.',
    ],
    [
      outDim > 1 && outDim < 16,
      'prototypes',
      'Very few prototypes',
      `--out_dim ${outDim} can tell ${outDim} kinds of images apart, less than features need.`,
      'Give 256 or more.',
    ],
    [
      Math.max(teacherTemp, warmupTeacherTemp) >= studentTemp,
      'temperature',
      'The teacher is not sharper than the student',
      `The temperature of the teacher (${Math.max(teacherTemp, warmupTeacherTemp)}) is not below that of the student (${studentTemp}): the outputs become uniform.`,
      'Set --teacher_temp and --warmup_teacher_temp to 0.02 to 0.07.',
    ],
    [
      centering === 'center' && centerMomentum === 1,
      'center',
      'The center never moves',
      '--center_momentum 1 keeps the center at 0, so that one prototype can win over all others.',
      'Set --center_momentum 0.9.',
    ],
    [
      minLr > (lr * batchSizePerGpu) / 256,
      'rate',
      'The learning rate rises to its end',
      `--min_lr ${minLr} is larger than the rate of the run, ${lr} x ${batchSizePerGpu} / 256.`,
      'Set --min_lr to a hundredth of it, or less.',
    ],
    [
      batchSizePerGpu < 8,
      'batch',
      'A very small batch',
      `With ${counted(batchSizePerGpu, 'image')} in a step the center, or the share of each prototype, is hardly known.`,
      'Give --batch_size_per_gpu 32 or more, with --micro_batch where memory is short.',
    ],
    [
      views,
      'views',
      'The views hardly differ',
      'Both global crops show the whole image and there are no local ones: the views differ in color, mirroring and blur alone.',
      'Set --global_crops_scale 0.3 1, or --local_crops_number 4.',
    ],
  ];
  return cases
    .filter(([wrong]) => wrong)
    .map(([, topic, title, detail, advice]) => ({ severity: 'warning', topic, title, detail, advice }));
}
