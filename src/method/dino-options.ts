/** What DINO can be told, what the recipes take for it, and what the doctor says of its settings. */
import { z } from 'zod';
import { cosineSchedule, valueAt, warmupSchedule } from '../optim/schedules.ts';
import {
  type Concern,
  defineMethod,
  official,
  type RecipeFacts,
  type RunPlan,
  type Span,
  type Suggestions,
} from './definition.ts';
import { dino } from './dino.ts';
import { readOlderVitals } from './dino-older-runs.ts';
import { dinoVariants } from './dino-variants.ts';
import { count, countOrZero, positive, share } from './fields.ts';

const head = {
  outDim: count('K, prototypes of the projection head'),
  headHiddenDim: count('hidden width of the projection head'),
  headBottleneckDim: count('width before the prototypes'),
  headLayers: count('linear layers of the projection head before the prototypes'),
  normLastLayer: z.boolean().describe("keep the prototypes' lengths at 1"),
  useBnInHead: z.boolean().describe('batch norm in the projection head'),
};

const teacher = {
  momentumTeacher: share('momentum of the teacher at the start; rises to 1 (cosine)'),
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

const stored = z.object({
  ...head,
  ...teacher,
  warmupTeacherTempEpochs: teacher.warmupTeacherTempEpochs.optional(),
  warmupTeacherTempSteps: teacher.warmupTeacherTempSteps.optional(),
  freezeLastLayer: teacher.freezeLastLayer.optional(),
  freezeLastLayerSteps: teacher.freezeLastLayerSteps.optional(),
  // Runs of earlier versions have none.
  centering: teacher.centering.default('center'),
});
type DinoOptions = z.infer<typeof stored>;

export const dinoDefinition = defineMethod({
  name: 'dino',
  title: 'DINO (Caron et al. 2021)',
  about: 'the student matches the centered and sharpened outputs of its own moving average across crops',
  groups: [
    { title: 'Projection head', fields: head },
    { title: 'Teacher and loss', fields: teacher },
  ],
  spans: [
    ['warmupTeacherTempEpochs', 'warmupTeacherTempSteps'],
    ['freezeLastLayer', 'freezeLastLayerSteps'],
  ],
  meaningless: [],
  shaping: Object.keys(head),
  hasTeacher: true,
  stored,
  suggest: (facts) => (facts.recipe === 'paper' ? paper : auto(facts)),
  make: (options, setup) =>
    dino({
      ...setup,
      head: {
        outDim: options.outDim,
        hiddenDim: options.headHiddenDim,
        bottleneckDim: options.headBottleneckDim,
        layers: options.headLayers,
        useBn: options.useBnInHead,
        normLastLayer: options.normLastLayer,
      },
      studentTemp: options.studentTemp,
      centering: options.centering,
      centerMomentum: options.centerMomentum,
    }),
  schedule: (options, span) => {
    const { steps, stepsPerEpoch } = span;
    const momentum = cosineSchedule({ base: options.momentumTeacher, final: 1, steps });
    const temperature = temperatures(options, span);
    const frozenSteps = frozenFor(options, stepsPerEpoch);
    return (position) => ({
      teacherMomentum: valueAt(momentum, position),
      freezeLastLayer: position < frozenSteps,
      scalars: { teacherTemp: temperature(position) },
    });
  },
  examine: (options, plan) => [...frozenHead(options, plan), ...settings(options, plan)],
  describe: ({ outDim, headHiddenDim, headBottleneckDim }) =>
    `head: K ${outDim}, hidden ${headHiddenDim}, bottleneck ${headBottleneckDim}`,
  readOlder: readOlderVitals,
  variants: dinoVariants,
});

/** The teacher's temperature; it changes epoch by epoch where its warm-up is given in epochs, as in the official code. */
function temperatures(options: DinoOptions, { steps, stepsPerEpoch }: Span): (position: number) => number {
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

function frozenFor(
  { freezeLastLayer = 0, freezeLastLayerSteps }: DinoOptions,
  stepsPerEpoch: number,
): number {
  return freezeLastLayerSteps ?? freezeLastLayer * stepsPerEpoch;
}

/** The defaults of main_dino.py. */
const paper: Suggestions = {
  outDim: [65536, official],
  headHiddenDim: [2048, official],
  headBottleneckDim: [256, official],
  headLayers: [3, official],
  normLastLayer: [true, official],
  useBnInHead: [false, official],
  momentumTeacher: [0.996, official],
  teacherTemp: [0.04, official],
  warmupTeacherTemp: [0.04, official],
  warmupTeacherTempEpochs: [0, official],
  studentTemp: [0.1, official],
  centering: ['center', official],
  centerMomentum: [0.9, official],
  freezeLastLayer: [1, official],
};

function auto(facts: RecipeFacts): Suggestions {
  const { wholeBatch, steps, warmup, begins } = facts;
  return {
    headLayers: [3, official],
    normLastLayer: [true, 'more stable; the official advice for small models'],
    useBnInHead: [
      wholeBatch,
      wholeBatch
        ? 'without it the features of a small network stay alike for too long'
        : 'micro-batches need images that do not depend on each other',
    ],
    momentumTeacher: [momentum(steps), 'the teacher averages over about a twentieth of the run'],
    warmupTeacherTempSteps: [0, official],
    studentTemp: [0.1, official],
    centering: ['center', official],
    centerMomentum: [0.9, official],
    freezeLastLayerSteps: [Math.min(warmup, 100), 'one official epoch would be too long for a short run'],
    ...byNetwork[facts.network](facts),
    ...(begins === 'backbone' ? gentle(steps) : {}),
  };
}

/** What changes for a network that knows something already and gets a fresh head. */
function gentle(steps: number): Suggestions {
  return {
    momentumTeacher: [Math.max(0.998, momentum(steps)), 'slow, so that the teacher outlasts the fresh head'],
    freezeLastLayerSteps: [Math.round(steps / 10), 'a tenth of the run, as the head is fresh'],
  };
}

/** Local crops of fewer pixels show too little. */
const LEAST_LOCAL = 24;

const smallHead: Suggestions = {
  headHiddenDim: [512, 'the head should not cost more than the network'],
  headBottleneckDim: [128, 'the same'],
};

const byNetwork: Readonly<Record<RecipeFacts['network'], (facts: RecipeFacts) => Suggestions>> = {
  hybrid: ({ local }) => ({
    outDim: [256, 'a batch of images has to be shared out among the prototypes'],
    ...smallHead,
    localCropsNumber:
      local >= LEAST_LOCAL
        ? [4, 'small crops that must match large ones teach where the object is']
        : [0, `crops of ${local} pixels show too little, and cost images per second`],
    localCropsScale: [[0.05, 0.3], 'they show a part'],
    centering: ['sinkhorn', 'prototypes are used from the first steps on'],
    ...temperature(0.03, 'sharp, as all prototypes are used'),
  }),
  convnet: ({ images }) => ({
    outDim: prototypes(images),
    ...smallHead,
    localCropsNumber: [0, 'crops smaller than these show too little, and cost images per second'],
    ...temperature(0.02, 'a sharper teacher than the official one finds groups sooner'),
  }),
  vit: ({ images }) => ({
    outDim: prototypes(images),
    headHiddenDim: [1024, 'the head should not cost more than the network'],
    headBottleneckDim: [256, 'the same'],
    localCropsNumber: [2, 'more local crops cost images per second'],
    ...temperature(0.04, official),
  }),
};

const temperature = (value: number, reason: string): Suggestions => ({
  teacherTemp: [value, reason],
  warmupTeacherTemp: [value, reason === official ? official : 'the same from the start'],
});

const prototypes = (images: number): Suggestions[string] => [
  images < 2000 ? 512 : images < 200_000 ? 1024 : 4096,
  `${images} images do not fill the official 65536 prototypes`,
];

/** A window of a twentieth of the run, at least 50 steps and at most the official 250. */
function momentum(steps: number): number {
  const window = Math.min(Math.max(steps / 20, 50), 250);
  return Math.round((1 - 1 / window) * 1000) / 1000;
}

function frozenHead(options: DinoOptions, { steps, stepsPerEpoch }: RunPlan): Concern[] {
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
function settings(options: DinoOptions, { batch, crops }: RunPlan): Concern[] {
  const { momentumTeacher, outDim, teacherTemp, studentTemp, centerMomentum, centering, warmupTeacherTemp } =
    options;
  const { localCrops, globalScale } = crops;
  const cases: readonly (readonly [wrong: boolean, concern: Omit<Concern, 'severity'>])[] = [
    [
      momentumTeacher === 1,
      {
        topic: 'momentum',
        title: 'The teacher never moves',
        detail:
          '--momentum_teacher 1 keeps the teacher at its random start, and the teacher is what is evaluated and exported.',
        advice: 'Give a value below 1: 0.99 for short runs, 0.996 for long ones.',
      },
    ],
    [
      momentumTeacher === 0,
      {
        topic: 'momentum',
        title: 'The teacher is the student',
        detail:
          '--momentum_teacher 0 makes the teacher a copy of the student of the step before, which does not learn (Caron et al. 2021, table 7).',
        advice: 'Give 0.99 for short runs, 0.996 for long ones.',
      },
    ],
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
        detail: `With ${batch} ${batch === 1 ? 'image' : 'images'} in a step the center, or the share of each prototype, is hardly known.`,
        advice: 'Give --batch_size_per_gpu 32 or more, with --micro_batch where memory is short.',
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
