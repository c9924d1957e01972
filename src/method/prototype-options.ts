/** Options of methods that match distributions over prototypes, DINO and DINOv2: the head, the teacher, and their schedules. */
import { z } from 'zod';
import type { HeadConfig } from '../model/head.ts';
import { cosineSchedule, valueAt, warmupSchedule } from '../optim/schedules.ts';
import type { MethodNumbers, Span } from './definition.ts';
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
export function frozenFor(
  { freezeLastLayer = 0, freezeLastLayerSteps }: PrototypeOptions,
  stepsPerEpoch: number,
): number {
  return freezeLastLayerSteps ?? freezeLastLayer * stepsPerEpoch;
}
