/**
 * The numbers of every step of a run: schedules resolved from a config. A span may be counted in epochs (the official way;
 * the teacher's temperature and the frozen last layer then change epoch by epoch) or in steps.
 */
import { cosineSchedule, warmupSchedule } from '../optim/schedules.ts';
import type { TrainConfig } from './config.ts';
import type { StepSettings } from './trainer.ts';

export interface Plan {
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** The settings of step i, counted from 0. */
  at(step: number): StepSettings;
}

/**
 * @param steps length of the run
 * @param stepsPerEpoch whole batches in the data
 */
export function makePlan(config: TrainConfig, steps: number, stepsPerEpoch: number): Plan {
  const warmupSteps = config.warmupSteps ?? Math.round((config.warmupEpochs ?? 0) * stepsPerEpoch);
  const lr = cosineSchedule({
    base: (config.lr * config.batchSizePerGpu) / 256,
    final: config.minLr,
    steps,
    warmupSteps,
  });
  const weightDecay = cosineSchedule({ base: config.weightDecay, final: config.weightDecayEnd, steps });
  const momentum = cosineSchedule({ base: config.momentumTeacher, final: 1, steps });
  const temperature = temperatures(config, steps, stepsPerEpoch);
  const frozenSteps = config.freezeLastLayerSteps ?? (config.freezeLastLayer ?? 0) * stepsPerEpoch;
  return {
    steps,
    stepsPerEpoch,
    at: (step) => ({
      step,
      lr: entry(lr, step),
      weightDecay: entry(weightDecay, step),
      clip: config.clipGrad,
      teacherMomentum: entry(momentum, step),
      freezeLastLayer: step < frozenSteps,
      scalars: { teacherTemp: temperature(step) },
    }),
  };
}

function temperatures(config: TrainConfig, steps: number, stepsPerEpoch: number): (step: number) => number {
  const [start, base] = [config.warmupTeacherTemp, config.teacherTemp];
  if (config.warmupTeacherTempSteps !== undefined) {
    const values = warmupSchedule({ start, base, warmup: config.warmupTeacherTempSteps, count: steps });
    return (step) => entry(values, step);
  }
  const count = Math.ceil(steps / stepsPerEpoch);
  const values = warmupSchedule({ start, base, warmup: config.warmupTeacherTempEpochs ?? 0, count });
  return (step) => entry(values, Math.floor(step / stepsPerEpoch));
}

function entry(values: Float64Array, i: number): number {
  const value = values[i];
  if (value === undefined) throw new RangeError(`step ${i} is beyond the ${values.length} of the run`);
  return value;
}
