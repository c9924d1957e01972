/**
 * How often a run with a budget in minutes evaluates its teacher, and on how many images: reading them once and showing them to
 * the network take a small share of the time, so that what is left is spent on training.
 */
import { viewSizes } from '../image/augment.ts';
import { methodNamed } from '../method/registry.ts';
import { forwardOperations } from '../model/backbone.ts';
import { backboneOf, cropRecipeOf } from './build.ts';
import { evalSizeOf, type TrainConfig } from './config.ts';

export interface EvaluationPlan {
  /** Online evaluations during the run, the last one at its end; there is one more before the first step. */
  readonly count: number;
  /** Images of each. */
  readonly images: number;
  /** Milliseconds of one. */
  readonly milliseconds: number;
}

/** Online evaluations of a run, and the images of each, where time allows. */
export const EVALUATIONS = 10;
export const EVALUATION_IMAGES = 5000;

/** Shares of the budget. */
const FOR_EVALUATIONS = 0.08;
const FOR_READING = 0.04;
/** Fewer images are taken only if a single evaluation on so many would be too long. */
const FEW_IMAGES = 500;
/** Below this nothing can be said. */
const FEWEST_IMAGES = 40;
/** A forward pass alone is less efficient than one within a step, and scores are to be computed. */
const OVERHEAD = 1.5;

/** Milliseconds for one image, from those of a training step: forward passes cost what their operations do. */
export function evaluationMilliseconds(config: TrainConfig, stepMilliseconds: number): number {
  const backbone = backboneOf(config);
  const forward = (size: number): number => forwardOperations(backbone, size);
  const sizes = viewSizes(cropRecipeOf(config));
  // The student goes forward and (at twice the cost) back through what it sees of all views, a teacher forward through the global ones.
  const { hasTeacher, seenShare } = methodNamed(config.method);
  const operations =
    3 * seenShare(config) * sizes.reduce((sum, size) => sum + forward(size), 0) +
    (hasTeacher ? 2 * forward(config.globalCropsSize) : 0);
  const perOperation = stepMilliseconds / (config.batchSizePerGpu * operations);
  return OVERHEAD * forward(evalSizeOf(config)) * perOperation;
}

/**
 * @param left milliseconds of the budget
 * @param perImage milliseconds to show it one image
 * @param perRead milliseconds to read one image
 */
export function planEvaluations(left: number, perImage: number, perRead: number): EvaluationPlan {
  const readable = Math.min(EVALUATION_IMAGES, Math.floor((FOR_READING * left) / perRead));
  const visits = Math.floor((FOR_EVALUATIONS * left) / perImage); // images, each time one is shown
  const often = Math.floor(visits / (EVALUATIONS + 1));
  const images = Math.max(
    FEWEST_IMAGES,
    Math.min(readable, Math.max(often, Math.min(FEW_IMAGES, visits >> 1))),
  );
  const count = Math.max(1, Math.min(EVALUATIONS, Math.floor(visits / images) - 1));
  return { count, images, milliseconds: images * perImage };
}

/**
 * Steps that fit into `left` milliseconds beside the evaluations.
 *
 * @param evalEvery steps between them, where they are given
 */
export function affordableSteps(
  left: number,
  step: number,
  evaluations: EvaluationPlan,
  evalEvery: number | undefined,
): number {
  const steps =
    evalEvery === undefined
      ? (left - (evaluations.count + 1) * evaluations.milliseconds) / step
      : evalEvery === 0
        ? left / step
        : (left - 2 * evaluations.milliseconds) / (step + evaluations.milliseconds / evalEvery);
  return Math.max(1, Math.round(steps));
}
