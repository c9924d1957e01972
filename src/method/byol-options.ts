/** What BYOL can be told, what the recipes take for it, and what the doctor says of its settings. */
import { z } from 'zod';
import { cosineSchedule, valueAt } from '../optim/schedules.ts';
import { byol } from './byol.ts';
import { type Concern, defineMethod, official, type RecipeFacts, type Suggestions } from './definition.ts';
import { count, momentumTeacher } from './fields.ts';
import { momentumConcerns, teacherMomentum } from './teacher-options.ts';

const head = {
  projectionHiddenDim: count('hidden width of projector and predictor'),
  projectionDim: count('width of the projections'),
};
const teacher = { momentumTeacher };
const stored = z.object({ ...head, ...teacher });

export const byolDefinition = defineMethod({
  name: 'byol',
  label: 'BYOL',
  paper: 'Grill et al. 2020',
  about: "from one view the student predicts its moving average's projection of the other view",
  groups: [
    { title: 'Projector and predictor', fields: head },
    { title: 'Teacher', fields: teacher },
  ],
  meaningless: [],
  shaping: Object.keys(head),
  hasTeacher: true,
  stored,
  suggest: (facts) => (facts.recipe === 'paper' ? paper : auto(facts)),
  make: ({ projectionHiddenDim, projectionDim }, { backbone, viewSizes }) =>
    byol({ backbone, viewSizes, head: { hiddenDim: projectionHiddenDim, outDim: projectionDim } }),
  schedule: (options, { steps }) => {
    const momentum = cosineSchedule({ base: options.momentumTeacher, final: 1, steps });
    return (position) => ({ teacherMomentum: valueAt(momentum, position) });
  },
  examine: ({ momentumTeacher: momentum }, { crops }) => settings(momentum, crops.localCrops),
  describe: ({ projectionHiddenDim, projectionDim }) =>
    `projector and predictor: hidden ${projectionHiddenDim}, out ${projectionDim}`,
});

const twoViews: Suggestions = {
  localCropsNumber: [
    0,
    'two views: BYOL falls from 71.4 to 64.8 % with small crops (Caron et al. 2021, table 14)',
  ],
};

/** Of 1000 epochs with LARS (appendix J); for 300 epochs --lr 0.3 --weight_decay 0.000001 --momentum_teacher 0.99. */
const paper: Suggestions = {
  projectionHiddenDim: [4096, official],
  projectionDim: [256, official],
  momentumTeacher: [0.996, official],
  ...twoViews,
  globalCropsScale: [[0.08, 1], official],
  optimizer: ['lars', official],
  lr: [0.2, official],
  minLr: [0, official],
  weightDecay: [1.5e-6, official],
  weightDecayEnd: [1.5e-6, official],
  clipGrad: [0, official],
  epochs: [1000, official],
  batchSizePerGpu: [4096, official],
  dropPathRate: [0, official],
};

function auto(facts: RecipeFacts): Suggestions {
  return {
    projectionHiddenDim: [512, 'the heads should not cost more than the network'],
    projectionDim: [128, 'the heads should not cost more than the network'],
    ...teacherMomentum(facts),
    ...twoViews,
    weightDecayEnd: [0.04, 'a short run does not need strong decay at its end'],
  };
}

function settings(momentum: number, localCrops: number): readonly Concern[] {
  const concerns = momentumConcerns(momentum);
  if (localCrops === 0) return concerns;
  return [
    ...concerns,
    {
      severity: 'warning',
      topic: 'views',
      title: 'Small crops harm BYOL',
      detail: `--local_crops_number ${localCrops}: with them it falls from 71.4 to 64.8 % (Caron et al. 2021, table 14).`,
      advice: 'Leave --local_crops_number at 0.',
    },
  ];
}
