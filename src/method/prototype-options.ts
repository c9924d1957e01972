/** Options of methods that match distributions over prototypes, DINO and DINOv2: the head, the teacher, and their schedules. */
import { z } from 'zod';
import type { HeadConfig } from '../model/head.ts';
import { counted } from '../numbers/counted.ts';
import { cosineSchedule, valueAt, warmupSchedule } from '../optim/schedules.ts';
import { largerBatch } from './batch-size.ts';
import {
  type Concern,
  type MethodNumbers,
  official,
  type RunPlan,
  type Span,
  type Suggestions,
} from './definition.ts';
import { count, countOrZero, momentumTeacher, positive, share } from './fields.ts';

export const headFields = {
  outDim: count('K, prototypes of the projection head'),
  headHiddenDim: count('hidden width of the projection head'),
  headBottleneckDim: count('width before the prototypes'),
  headLayers: count('linear layers of the projection head before the prototypes'),
  normLastLayer: z.boolean().describe("keep the prototypes' lengths at 1"),
  useBnInHead: z.boolean().describe('batch norm in the projection head'),
};

export const teacherFields = {
  momentumTeacher,
  teacherTemp: positive('temperature of the teacher after warm-up'),
  warmupTeacherTemp: positive('temperature of the teacher at the start'),
  warmupTeacherTempEpochs: countOrZero('epochs of warm-up of the temperature, epoch by epoch'),
  warmupTeacherTempSteps: countOrZero('the same in steps, step by step'),
  studentTemp: positive('temperature of the student'),
  centering: z
    .enum(['center', 'sinkhorn', 'none'])
    .describe(
      'what keeps one prototype from winning: a moving center (DINO), or targets that use all equally (Sinkhorn-Knopp, as DINOv2); none, to see the collapse',
    ),
  centerMomentum: share('momentum of the center'),
  freezeLastLayer: countOrZero('epochs during which the last layer stays as it is'),
  freezeLastLayerSteps: countOrZero('the same in steps'),
};

/** As a config holds them: of two ways to say a span there is one. */
export const storedPrototypes = {
  ...headFields,
  ...teacherFields,
  warmupTeacherTempEpochs: teacherFields.warmupTeacherTempEpochs.optional(),
  warmupTeacherTempSteps: teacherFields.warmupTeacherTempSteps.optional(),
  freezeLastLayer: teacherFields.freezeLastLayer.optional(),
  freezeLastLayerSteps: teacherFields.freezeLastLayerSteps.optional(),
  // Runs of earlier versions have none.
  centering: teacherFields.centering.default('center'),
};
const prototypes = z.object(storedPrototypes);
export type PrototypeOptions = z.infer<typeof prototypes>;

/** What the official codes of DINO and of DINOv2 have alike. */
export const officialPrototypes: Suggestions = {
  outDim: [65536, official],
  headHiddenDim: [2048, official],
  headBottleneckDim: [256, official],
  headLayers: [3, official],
  useBnInHead: [false, official],
  warmupTeacherTemp: [0.04, official],
  studentTemp: [0.1, official],
  centering: ['center', official],
  centerMomentum: [0.9, official],
  freezeLastLayer: [1, official],
};

export const prototypeSpans = [
  ['warmupTeacherTempEpochs', 'warmupTeacherTempSteps'],
  ['freezeLastLayer', 'freezeLastLayerSteps'],
] as const;

export function headOf(options: PrototypeOptions): HeadConfig {
  return {
    outDim: options.outDim,
    hiddenDim: options.headHiddenDim,
    bottleneckDim: options.headBottleneckDim,
    layers: options.headLayers,
    useBn: options.useBnInHead,
    normLastLayer: options.normLastLayer,
  };
}

export function prototypeSchedule(
  options: PrototypeOptions,
  span: Span,
): (position: number) => MethodNumbers {
  const momentum = cosineSchedule({ base: options.momentumTeacher, final: 1, steps: span.steps });
  const temperature = temperatures(options, span);
  const frozenSteps = frozenFor(options, span.stepsPerEpoch);
  return (position) => ({
    teacherMomentum: valueAt(momentum, position),
    freezeLastLayer: position < frozenSteps,
    scalars: { teacherTemp: temperature(position) },
  });
}

/** The teacher's temperature; it changes epoch by epoch where its warm-up is given in epochs, as in the official code. */
function temperatures(
  options: PrototypeOptions,
  { steps, stepsPerEpoch }: Span,
): (position: number) => number {
  const [start, base] = [options.warmupTeacherTemp, options.teacherTemp];
  if (options.warmupTeacherTempSteps !== undefined) {
    const values = warmupSchedule({ start, base, warmup: options.warmupTeacherTempSteps, count: steps });
    return (position) => valueAt(values, position);
  }
  const epochs = Math.ceil(steps / stepsPerEpoch);
  const warmup = options.warmupTeacherTempEpochs ?? 0;
  const values = warmupSchedule({ start, base, warmup, count: epochs });
  return (position) => valueAt(values, Math.floor(position / stepsPerEpoch));
}

/** Steps during which the last layer stays. */
function frozenFor(
  { freezeLastLayer = 0, freezeLastLayerSteps }: PrototypeOptions,
  stepsPerEpoch: number,
): number {
  return freezeLastLayerSteps ?? freezeLastLayer * stepsPerEpoch;
}

/** What is said of settings before the first step: of the head, the targets, the batch and the views. */
export function prototypeConcerns(options: PrototypeOptions, plan: RunPlan): readonly Concern[] {
  return [...frozenHead(options, plan), ...settings(options, plan)];
}

function frozenHead(options: PrototypeOptions, { steps, stepsPerEpoch }: RunPlan): Concern[] {
  const frozen = frozenFor(options, stepsPerEpoch);
  if (frozen < steps) return [];
  return [
    {
      severity: 'warning',
      topic: 'frozen',
      title: 'The last layer never learns',
      detail: `It stays frozen for ${frozen} steps, and the run has ${steps}.`,
      advice: `Train longer, or set --freeze_last_layer_steps ${Math.round(steps / 50)}.`,
    },
  ];
}

/** Settings that no step can learn with, or that lead to a collapse. */
function settings(options: PrototypeOptions, { batch, images, crops }: RunPlan): Concern[] {
  const { outDim, teacherTemp, studentTemp, centerMomentum, centering, warmupTeacherTemp } = options;
  const { localCrops, globalScale } = crops;
  const cases: readonly (readonly [wrong: boolean, concern: Omit<Concern, 'severity'>])[] = [
    [
      outDim === 1,
      {
        topic: 'prototypes',
        title: 'One prototype',
        detail:
          'With --out_dim 1 every image gets the same distribution: the loss is 0 and nothing is learned.',
        advice: 'Give 256 or more.',
      },
    ],
    [
      outDim > 1 && outDim < 16,
      {
        topic: 'prototypes',
        title: 'Very few prototypes',
        detail: `--out_dim ${outDim} can tell ${outDim} kinds of images apart, less than features need.`,
        advice: 'Give 256 or more.',
      },
    ],
    [
      Math.max(teacherTemp, warmupTeacherTemp) >= studentTemp,
      {
        topic: 'temperature',
        title: 'The teacher is not sharper than the student',
        detail: `The temperature of the teacher (${Math.max(teacherTemp, warmupTeacherTemp)}) is not below that of the student (${studentTemp}): the outputs become uniform.`,
        advice: 'Set --teacher_temp and --warmup_teacher_temp to 0.02 to 0.07.',
      },
    ],
    [
      centering === 'center' && centerMomentum === 1,
      {
        topic: 'center',
        title: 'The center never moves',
        detail: '--center_momentum 1 keeps the center at 0, so that one prototype can win over all others.',
        advice: 'Set --center_momentum 0.9.',
      },
    ],
    [
      centering === 'none',
      {
        topic: 'center',
        title: 'Nothing keeps one prototype from winning',
        detail:
          'With --centering none every image can get the same prototype (Caron et al. 2021, figure 7): the loss is low and nothing is learned.',
        advice: 'Leave it out, or give --centering center.',
      },
    ],
    [
      batch < 8,
      {
        topic: 'batch',
        title: 'A very small batch',
        detail: `With ${counted(batch, 'image')} in a step the center, or the share of each prototype, is hardly known.`,
        advice: largerBatch(32, { batch, images }),
      },
    ],
    [
      localCrops === 0 && globalScale[0] === 1 && globalScale[1] === 1,
      {
        topic: 'views',
        title: 'The views hardly differ',
        detail:
          'Both global crops show the whole image and there are no local ones: the views differ in color, mirroring and blur alone.',
        advice: 'Set --global_crops_scale 0.3 1, or --local_crops_number 4.',
      },
    ],
  ];
  return cases.filter(([wrong]) => wrong).map(([, concern]) => ({ severity: 'warning', ...concern }));
}

/** K for so many images, where each prototype is to stand for some of them. */
export const prototypesFor = (images: number): readonly [value: number, reason: string] => [
  images < 2000 ? 512 : images < 200_000 ? 1024 : 4096,
  `${images} images do not fill the official 65536 prototypes`,
];

/** "head: K 256, hidden 512, bottleneck 128" */
export function describeHead({
  outDim,
  headHiddenDim,
  headBottleneckDim,
}: Pick<PrototypeOptions, 'outDim' | 'headHiddenDim' | 'headBottleneckDim'>): string {
  return `head: K ${outDim}, hidden ${headHiddenDim}, bottleneck ${headBottleneckDim}`;
}
