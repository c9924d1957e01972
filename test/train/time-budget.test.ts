/** A budget in minutes: what of it goes to online evaluations, and how the pace follows the clock. */
import { describe, expect, it } from 'vitest';
import {
  affordableSteps,
  EVALUATION_IMAGES,
  EVALUATIONS,
  planEvaluations,
} from '../../src/train/evaluation-plan.ts';
import { Plan } from '../../src/train/plan.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import { TimeBudget } from '../../src/train/time-budget.ts';

const facts = { images: 5000, imageSide: 32, channels: 3, cores: 2, readMilliseconds: 1 } as const;
const config = (steps: number) => chooseRecipe({ steps }, { ...facts, steps }).config;

describe('online evaluations', () => {
  it('see all images ten times where that is a small share of the time', () => {
    const minutes = 30 * 60_000;
    expect(planEvaluations(minutes, 0.1, 0.1)).toEqual({
      count: EVALUATIONS,
      images: EVALUATION_IMAGES,
      milliseconds: 500,
    });
  });

  it('see fewer images, then fewer times, as the time becomes short', () => {
    const plans = [600_000, 120_000, 30_000, 8000].map((left) => planEvaluations(left, 2, 0.5));
    for (const [i, { images, count, milliseconds }] of plans.entries()) {
      const left = [600_000, 120_000, 30_000, 8000][i] ?? 0;
      expect((count + 1) * milliseconds).toBeLessThanOrEqual(0.08 * left);
      expect(images * 0.5).toBeLessThanOrEqual(0.04 * left);
    }
    expect(plans.map(({ images }) => images)).toEqual([2181, 500, 500, 160]);
    expect(plans.map(({ count }) => count)).toEqual([10, 8, 1, 1]);
  });

  it('are never of so few images that nothing can be said, however short the time', () => {
    expect(planEvaluations(1000, 100, 1000)).toEqual({ count: 1, images: 40, milliseconds: 4000 });
  });

  it('are paid for: what is left is for steps', () => {
    const evaluations = { count: 10, images: 100, milliseconds: 1000 };
    expect(affordableSteps(60_000, 100, evaluations, undefined)).toBe(490);
    expect(affordableSteps(60_000, 100, evaluations, 50)).toBe(483);
    expect(affordableSteps(60_000, 100, evaluations, 0)).toBe(600);
    expect(affordableSteps(-5, 100, evaluations, undefined)).toBe(1);
  });
});

describe('the plan of a run', () => {
  it('goes through its schedule step by step as long as the pace is not changed', () => {
    const plan = new Plan(config(400), 400, 39);
    for (const step of [0, 1, 7, 250, 399]) expect(plan.position(step)).toBe(step);
    expect(plan.at(399).lr).toBeGreaterThan(0);
    expect(() => plan.at(400)).toThrow('Step 400 is beyond the 400 of the run');
  });

  it('goes through the rest of it in more or fewer steps after a change', () => {
    for (const steps of [250, 700]) {
      const [plan, first] = [new Plan(config(400), 400, 39), new Plan(config(400), 400, 39)];
      expect(plan.change(100, steps)).toEqual({ step: 100, position: 100, steps });
      expect(plan.steps).toBe(steps);
      expect(plan.at(99)).toEqual(first.at(99));
      expect(plan.at(100)).toEqual(first.at(100));
      expect(plan.position(steps)).toBe(400);
      // Halfway through the steps that are left lies halfway through the schedule that is left.
      const middle = 100 + (steps - 100) / 2;
      expect(plan.position(middle)).toBeCloseTo(250, 9);
      expect(plan.at(middle).lr).toBeCloseTo(first.at(250).lr, 12);
      expect(plan.at(middle).teacherMomentum).toBeCloseTo(first.at(250).teacherMomentum, 12);
      expect(plan.at(steps - 1).lr).toBeLessThan(first.at(395).lr);
    }
  });

  it('can be changed again, and is the same when it is made from what was recorded', () => {
    const plan = new Plan(config(400), 400, 39);
    const paces = [plan.change(100, 700), plan.change(400, 500)];
    expect(plan.position(400)).toBeCloseTo(250, 9);
    expect(plan.position(450)).toBeCloseTo(325, 9);
    const again = new Plan(config(400), 400, 39, paces);
    for (const step of [50, 100, 333, 400, 499]) expect(again.at(step)).toEqual(plan.at(step));
    expect(again.isChangedFrom(400)).toBe(true);
    expect(again.isChangedFrom(401)).toBe(false);
    expect(new Plan(config(400), 400, 39).isChangedFrom(0)).toBe(false);
  });
});

describe('a time budget', () => {
  /** Runs a schedule of 400 steps on a clock; `speed` says how long a step takes then. @returns steps and time taken */
  function simulate(minutes: number, speed: (at: number) => number, look = 0): { steps: number; at: number } {
    let at = 0;
    const plan = new Plan(config(400), 400, 39);
    const budget = new TimeBudget({
      plan,
      milliseconds: minutes * 60_000,
      evaluations: look > 0 ? 10 : 0,
      now: () => at,
    });
    let step = 0;
    while (step < plan.steps) {
      const took = speed(at);
      at += took;
      step++;
      budget.step(took);
      if (look > 0 && Math.floor(plan.position(step) / 40) > Math.floor(plan.position(step - 1) / 40)) {
        at += look;
        budget.evaluated(look);
      }
      const steps = budget.revisedSteps(step);
      if (steps !== undefined) plan.change(step, steps);
    }
    return { steps: plan.steps, at: at / 60_000 };
  }

  it('leaves a plan alone that was right', () => {
    expect(simulate(4, () => 600)).toEqual({ steps: 400, at: 4 });
    expect(simulate(4, (at) => 600 + 10 * Math.sin(at))).toMatchObject({ steps: 400 });
  });

  it('is used when the machine turns out to be faster, and kept when it is slower', () => {
    for (const [minutes, speed] of [
      [4, () => 200],
      [4, () => 1500],
      [4, (at: number) => (at < 60_000 ? 600 : 150)],
      [4, (at: number) => (at < 60_000 ? 200 : 900)],
    ] as const) {
      const { at } = simulate(minutes, speed);
      expect(at).toBeGreaterThan(0.93 * minutes);
      expect(at).toBeLessThan(1.07 * minutes);
    }
  });

  it('counts the online evaluations', () => {
    const { at } = simulate(4, () => 600, 4000);
    expect(at).toBeGreaterThan(3.75);
    expect(at).toBeLessThan(4.25);
  });
});
