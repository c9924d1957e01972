/** What DINO can be told, what the recipes take for it, and what the doctor says of its settings. */
import { z } from 'zod';
import {
  type Concern,
  defineMethod,
  type MethodNumbers,
  official,
  type RecipeFacts,
  type Span,
  type Suggestions,
} from './definition.ts';
import { dino } from './dino.ts';
import { readOlderVitals } from './dino-older-runs.ts';
import { dinoVariants } from './dino-variants.ts';
import {
  describeHead,
  headFields,
  headOf,
  officialPrototypes,
  prototypeConcerns,
  prototypeSchedule,
  prototypeSpans,
  prototypesFor,
  storedPrototypes,
  teacherFields,
} from './prototype-options.ts';
import { momentumConcerns, teacherMomentum } from './teacher-options.ts';

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
    return (position, step) => ({ ...usual(position), ...teacherBy(options.teacherRule, step, span) });
  },
  examine: (options, plan) => [
    ...(options.teacherRule === 'average' ? averageConcerns(options.momentumTeacher) : []),
    ...prototypeConcerns(options, plan),
  ],
  describe: describeHead,
  readsOfficial: true,
  readOlder: readOlderVitals,
  variants: dinoVariants,
});

/** How the teacher follows in a step, where it is no average (paper, section 5.2). */
function teacherBy(
  rule: DinoOptions['teacherRule'],
  step: number,
  { stepsPerEpoch }: Span,
): Partial<MethodNumbers> {
  switch (rule) {
    case 'average':
      return {};
    case 'student':
      return { teacherMomentum: 0 };
    case 'previous_step':
      return { teacherMomentum: 0, teacherLags: true };
    case 'previous_epoch':
      return { teacherMomentum: (step + 1) % stepsPerEpoch === 0 ? 0 : 1 };
  }
}

/** What is said of an average that does not follow, or is none. */
function averageConcerns(momentum: number): readonly Concern[] {
  if (momentum > 0) return momentumConcerns(momentum);
  return [
    {
      severity: 'warning',
      topic: 'momentum',
      title: 'The teacher is the student',
      detail:
        'With --momentum_teacher 0 the teacher begins as a copy of the student, which does not learn (Caron et al. 2021, table 7), and rises from there.',
      advice: 'Give 0.99 for short runs, 0.996 for long ones.',
    },
  ];
}

const asInPaper: Suggestions = {
  loss: ['cross_entropy', official],
  predictor: [false, official],
  teacherRule: ['average', official],
};

/** The defaults of main_dino.py. */
const paper: Suggestions = {
  ...officialPrototypes,
  normLastLayer: [true, official],
  momentumTeacher: [0.996, official],
  teacherTemp: [0.04, official],
  warmupTeacherTempEpochs: [0, official],
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
    ...teacherMomentum(facts),
    warmupTeacherTempSteps: [0, official],
    studentTemp: [0.1, official],
    centering: ['center', official],
    centerMomentum: [0.9, official],
    freezeLastLayerSteps: [Math.min(warmup, 100), 'one official epoch would be too long for a short run'],
    ...asInPaper,
    ...byNetwork[facts.network](facts),
    ...(begins === 'backbone'
      ? { freezeLastLayerSteps: [Math.round(steps / 10), 'a tenth of the run, as the head is fresh'] }
      : {}),
  };
}

/** Local crops of fewer pixels show too little. */
const LEAST_LOCAL = 24;

const smallHead: Suggestions = {
  headHiddenDim: [512, 'the head should not cost more than the network'],
  headBottleneckDim: [128, 'the head should not cost more than the network'],
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
    outDim: prototypesFor(images),
    ...smallHead,
    localCropsNumber: [0, 'crops smaller than these show too little, and cost images per second'],
    ...temperature(0.02, 'a sharper teacher than the official one finds groups sooner'),
  }),
  vit: ({ images }) => ({
    outDim: prototypesFor(images),
    headHiddenDim: [1024, 'the head should not cost more than the network'],
    headBottleneckDim: [256, 'the head should not cost more than the network'],
    localCropsNumber: [2, 'more local crops cost images per second'],
    ...temperature(0.04, official),
  }),
};

const temperature = (value: number, reason: string): Suggestions => ({
  teacherTemp: [value, reason],
  warmupTeacherTemp: [value, reason === official ? official : 'the same from the start'],
});
