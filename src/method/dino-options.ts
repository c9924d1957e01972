/** What DINO can be told, what the recipes take for it, and what the doctor says of its settings. */
import { z } from 'zod';
import {
  type Concern,
  defineMethod,
  type MethodNumbers,
  official,
  type RecipeFacts,
  type RunPlan,
  type Span,
  type Suggestions,
} from './definition.ts';
import { dino } from './dino.ts';
import { readOlderVitals } from './dino-older-runs.ts';
import { dinoVariants } from './dino-variants.ts';
import {
  frozenFor,
  headFields,
  headOf,
  prototypeSchedule,
  prototypeSpans,
  storedPrototypes,
  teacherFields,
} from './prototype-options.ts';

const exchanged = {
  loss: z
    .enum(['cross_entropy', 'mse'])
    .describe(
      'how distributions are matched: by cross-entropy (DINO), or by the squares of their differences',
    ),
  predictor: z.boolean().describe("an MLP behind the student's head alone, as BYOL has one"),
  teacherRule: z
    .enum(['average', 'student', 'previous_step', 'previous_epoch'])
    .describe(
      'what the teacher is: a moving average of the student (DINO), the student itself, or the student of the step or epoch before',
    ),
};

const stored = z.object({
  ...storedPrototypes,
  // Runs of earlier versions have none.
  loss: exchanged.loss.default('cross_entropy'),
  predictor: exchanged.predictor.default(false),
  teacherRule: exchanged.teacherRule.default('average'),
});
type DinoOptions = z.infer<typeof stored>;

export const dinoDefinition = defineMethod({
  name: 'dino',
  label: 'DINO',
  paper: 'Caron et al. 2021',
  about: 'the student matches the centered and sharpened outputs of its own moving average across crops',
  groups: [
    { title: 'Projection head', fields: headFields },
    { title: 'Teacher and loss', fields: teacherFields },
    { title: 'Parts to exchange, as the ablations of the paper do', fields: exchanged },
  ],
  spans: prototypeSpans,
  meaningless: [],
  shaping: [...Object.keys(headFields), 'predictor'],
  hasTeacher: true,
  stored,
  suggest: (facts) => (facts.recipe === 'paper' ? paper : auto(facts)),
  make: (options, setup) =>
    dino({
      ...setup,
      head: headOf(options),
      loss: options.loss,
      predictor: options.predictor,
      studentTemp: options.studentTemp,
      centering: options.centering,
      centerMomentum: options.centerMomentum,
    }),
  schedule: (options, span) => {
    const usual = prototypeSchedule(options, span);
    return (position) => ({ ...usual(position), ...teacherBy(options.teacherRule, position, span) });
  },
  examine: (options, plan) => [...frozenHead(options, plan), ...settings(options, plan)],
  describe: ({ outDim, headHiddenDim, headBottleneckDim }) =>
    `head: K ${outDim}, hidden ${headHiddenDim}, bottleneck ${headBottleneckDim}`,
  readOlder: readOlderVitals,
  variants: dinoVariants,
});

/** How the teacher follows, where it is no average (paper, section 5.2). */
function teacherBy(
  rule: DinoOptions['teacherRule'],
  position: number,
  { stepsPerEpoch }: Span,
): Partial<MethodNumbers> {
  switch (rule) {
    case 'average':
      return {};
    case 'student':
      return { teacherMomentum: 0 };
    case 'previous_step':
      return { teacherMomentum: 0, teacherLags: true };
    case 'previous_epoch': {
      const isLast = Math.floor((position + 1) / stepsPerEpoch) > Math.floor(position / stepsPerEpoch);
      return { teacherMomentum: isLast ? 0 : 1 };
    }
  }
}

const asInPaper: Suggestions = {
  loss: ['cross_entropy', official],
  predictor: [false, official],
  teacherRule: ['average', official],
};

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
  ...asInPaper,
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
    ...asInPaper,
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
  const {
    momentumTeacher,
    outDim,
    teacherTemp,
    studentTemp,
    centerMomentum,
    centering,
    warmupTeacherTemp,
    teacherRule,
  } = options;
  const { localCrops, globalScale } = crops;
  const cases: readonly (readonly [wrong: boolean, concern: Omit<Concern, 'severity'>])[] = [
    [
      momentumTeacher === 1 && teacherRule === 'average',
      {
        topic: 'momentum',
        title: 'The teacher never moves',
        detail:
          '--momentum_teacher 1 keeps the teacher at its random start, and the teacher is what is evaluated and exported.',
        advice: 'Give a value below 1: 0.99 for short runs, 0.996 for long ones.',
      },
    ],
    [
      momentumTeacher === 0 && teacherRule === 'average',
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
