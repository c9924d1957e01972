/**
 * The numbers of every step of a run: schedules resolved from a config. A span may be counted in epochs (the official way;
 * the teacher's temperature and the frozen last layer then change epoch by epoch) or in steps.
 *
 * A budget in minutes is turned into steps by a measurement, which may be wrong: other work ran beside it, or ends. The run
 * then changes its *pace*: the same schedule is gone through in more or in fewer steps. Every change is recorded with the
 * step it was made at, so that what a step does is a function of stored settings alone.
 */
import { methodNamed } from '../method/registry.ts';
import { cosineSchedule, valueAt } from '../optim/schedules.ts';
import { batchOf, type TrainConfig } from './config.ts';
import type { StepSettings } from './trainer.ts';

/** From this step on the rest of the schedule takes as many steps as are left to `steps`. */
export interface Pace {
  readonly step: number;
  /** Place on the schedule at that step, in steps of the schedule as it was first made. */
  readonly position: number;
  /** Steps of the whole run. */
  readonly steps: number;
}

export class Plan {
  readonly stepsPerEpoch: number;
  /** Steps of the schedule as it was first made. */
  readonly scheduleSteps: number;
  readonly #paces: Pace[];
  readonly #settings: (position: number, step: number) => StepSettings;

  /**
   * @param scheduleSteps length of the schedule
   * @param stepsPerEpoch whole batches in the data
   * @param paces changes of pace, oldest first
   */
  constructor(
    config: TrainConfig,
    scheduleSteps: number,
    stepsPerEpoch: number,
    paces: readonly Pace[] = [],
  ) {
    this.scheduleSteps = scheduleSteps;
    this.stepsPerEpoch = stepsPerEpoch;
    this.#paces = [{ step: 0, position: 0, steps: scheduleSteps }, ...paces];
    this.#settings = schedules(config, scheduleSteps, stepsPerEpoch);
  }

  /** Steps of the whole run. */
  get steps(): number {
    return this.#paceAt(Number.POSITIVE_INFINITY).steps;
  }

  /** All changes of pace, oldest first. */
  get paces(): readonly Pace[] {
    return this.#paces.slice(1);
  }

  /** The place of step i on the schedule: i itself as long as the pace was never changed. */
  position(step: number): number {
    const pace = this.#paceAt(step);
    const left = pace.steps - pace.step;
    return pace.position + ((step - pace.step) * (this.scheduleSteps - pace.position)) / left;
  }

  /** The settings of step i, counted from 0. */
  at(step: number): StepSettings {
    if (!(step < this.steps)) throw new RangeError(`Step ${step} is beyond the ${this.steps} of the run.`);
    return this.#settings(this.position(step), step);
  }

  /** Makes the run that has done `step` steps end after `steps`. @returns what is to be recorded */
  change(step: number, steps: number): Pace {
    const pace = { step, position: this.position(step), steps: Math.max(steps, step + 1) };
    this.#paces.push(pace);
    return pace;
  }

  /** Whether the pace was changed at this step or later. */
  isChangedFrom(step: number): boolean {
    return this.#paces.some((pace) => pace.step > 0 && pace.step >= step);
  }

  #paceAt(step: number): Pace {
    return this.#paces.findLast((pace) => pace.step <= step) ?? { step: 0, position: 0, steps: 0 };
  }
}

/** The learning rate after its warm-up: it is given for a batch of 256 and grows with the batch. */
export function baseRate(config: TrainConfig): number {
  return (config.lr * batchOf(config)) / 256;
}

export function warmupStepsOf({ warmupSteps, warmupEpochs = 0 }: TrainConfig, stepsPerEpoch: number): number {
  return warmupSteps ?? Math.round(warmupEpochs * stepsPerEpoch);
}

/** The settings at a place of the schedule; between two entries of a table they are interpolated. */
function schedules(
  config: TrainConfig,
  steps: number,
  stepsPerEpoch: number,
): (position: number, step: number) => StepSettings {
  const { schedule, rateMeetsBaseOnce = false } = methodNamed(config.method);
  const lr = cosineSchedule({
    base: baseRate(config),
    final: config.minLr,
    steps,
    warmupSteps: warmupStepsOf(config, stepsPerEpoch),
    baseOnce: rateMeetsBaseOnce,
  });
  const weightDecay = cosineSchedule({ base: config.weightDecay, final: config.weightDecayEnd, steps });
  const own = schedule(config, { steps, stepsPerEpoch });
  return (position, step) => ({
    step,
    lr: valueAt(lr, position),
    weightDecay: valueAt(weightDecay, position),
    clip: config.clipGrad,
    freezeBackbone: position < config.freezeBackboneSteps,
    ...own(position, step),
  });
}
