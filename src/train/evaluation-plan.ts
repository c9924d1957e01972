/**
 * How often a run with a budget in minutes looks at its teacher, and at how many images: reading them once and looking at
 * them take a small share of the time, so that what is left is spent on training.
 */
import { viewSizes } from '../data/augment.ts';
import { forwardOperations } from '../model/backbone.ts';
import { backboneOf, cropRecipeOf } from './build.ts';
import { evalSizeOf, type TrainConfig } from './config.ts';

export interface LookPlan {
  /** Looks during the run, the last one at its end; there is one more before the first step. */
  readonly count: number;
  /** Images that are looked at. */
  readonly images: number;
  /** Milliseconds of one look. */
  readonly milliseconds: number;
}

/** How often a run looks at its teacher, and at how many images, where time allows. */
export const LOOKS = 10;
export const LOOK_IMAGES = 5000;

/** Shares of the budget. */
const FOR_LOOKS = 0.08;
const FOR_READING = 0.04;
/** Fewer images are looked at only if a single look at so many would be too long. */
const FEW_IMAGES = 500;
/** Below this nothing can be said. */
const FEWEST_IMAGES = 40;
/** A forward pass alone is less efficient than one within a step, and scores are to be computed. */
const OVERHEAD = 1.5;

/** Milliseconds to look at one image, from those of a training step: forward passes cost what their operations do. */
export function lookMilliseconds(config: TrainConfig, stepMilliseconds: number): number {
  const backbone = backboneOf(config);
  const forward = (size: number): number => forwardOperations(backbone, size);
  const sizes = viewSizes(cropRecipeOf(config));
  // The student goes forward and (at twice the cost) back through all views, the teacher forward through the global ones.
  const operations =
    3 * sizes.reduce((sum, size) => sum + forward(size), 0) + 2 * forward(config.globalCropsSize);
  const perOperation = stepMilliseconds / (config.batchSizePerGpu * operations);
  return OVERHEAD * forward(evalSizeOf(config)) * perOperation;
}

/**
 * @param left milliseconds of the budget
 * @param perLook milliseconds to look at one image
 * @param perRead milliseconds to read one image
 */
export function planLooks(left: number, perLook: number, perRead: number): LookPlan {
  const readable = Math.min(LOOK_IMAGES, Math.floor((FOR_READING * left) / perRead));
  const visits = Math.floor((FOR_LOOKS * left) / perLook); // images, each time one is looked at
  const often = Math.floor(visits / (LOOKS + 1));
  const images = Math.max(
    FEWEST_IMAGES,
    Math.min(readable, Math.max(often, Math.min(FEW_IMAGES, visits >> 1))),
  );
  const count = Math.max(1, Math.min(LOOKS, Math.floor(visits / images) - 1));
  return { count, images, milliseconds: images * perLook };
}

/**
 * Steps that fit into `left` milliseconds beside the looks.
 *
 * @param evalEvery steps between looks, where they are given
 */
export function affordableSteps(
  left: number,
  step: number,
  looks: LookPlan,
  evalEvery: number | undefined,
): number {
  const steps =
    evalEvery === undefined
      ? (left - (looks.count + 1) * looks.milliseconds) / step
      : evalEvery === 0
        ? left / step
        : (left - 2 * looks.milliseconds) / (step + looks.milliseconds / evalEvery);
  return Math.max(1, Math.round(steps));
}
