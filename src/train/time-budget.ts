/**
 * A budget in minutes, kept: from time to time the steps that are left are counted again from how long steps have taken
 * lately, so that a run that was begun on a busy machine uses the time it was given when the machine becomes free.
 */
import type { Plan } from './plan.ts';

/** Into how many parts of the schedule a run is divided; after each the pace may change. */
const PARTS = 20;
/** Deviations below this share of the steps that are left are noise. */
const TOLERANCE = 0.04;

export interface TimeBudgetOptions {
  readonly plan: Plan;
  /** What is left of the budget, for steps and online evaluations. */
  readonly milliseconds: number;
  /** Online evaluations during the whole schedule, the one at its end included. */
  readonly evaluations: number;
  /** A clock in milliseconds. */
  readonly now?: () => number;
}

export class TimeBudget {
  readonly #plan: Plan;
  readonly #evaluations: number;
  readonly #now: () => number;
  readonly #end: number;
  /** Since the pace was last looked at. */
  #steps = 0;
  #stepMilliseconds = 0;
  #evaluationMilliseconds = 0;

  constructor({ plan, milliseconds, evaluations, now = () => performance.now() }: TimeBudgetOptions) {
    this.#plan = plan;
    this.#evaluations = evaluations;
    this.#now = now;
    this.#end = now() + milliseconds;
  }

  /** What is left, in milliseconds. */
  get left(): number {
    return this.#end - this.#now();
  }

  step(milliseconds: number): void {
    this.#steps++;
    this.#stepMilliseconds += milliseconds;
  }

  /** The latest online evaluation stands for those to come. */
  evaluated(milliseconds: number): void {
    this.#evaluationMilliseconds = milliseconds;
  }

  /**
   * How many steps the run should have in all, asked after `step` steps; undefined where nothing is to change: within a
   * part of the schedule, close to the plan, or in the last part.
   */
  revisedSteps(step: number): number | undefined {
    const { scheduleSteps, steps } = this.#plan;
    const part = (at: number): number => Math.floor((PARTS * this.#plan.position(at)) / scheduleSteps);
    if (part(step) === part(step - 1) || part(step) >= PARTS - 1 || this.#steps === 0) return undefined;
    const evaluationsLeft = this.#evaluations * (1 - this.#plan.position(step) / scheduleSteps);
    const forSteps = this.left - evaluationsLeft * this.#evaluationMilliseconds;
    const stepsLeft = Math.max(1, Math.round((forSteps * this.#steps) / this.#stepMilliseconds));
    this.#steps = 0;
    this.#stepMilliseconds = 0;
    const isNear = Math.abs(step + stepsLeft - steps) <= TOLERANCE * (steps - step);
    return isNear ? undefined : step + stepsLeft;
  }
}
