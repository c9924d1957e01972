/** What the recipes have in common: what they are told and what they give, the shape of a ViT, and what depends on the machine. */
import type { Suggestions } from '../method/definition.ts';
import { EVALUATION_IMAGES, EVALUATIONS, type EvaluationPlan } from './evaluation-plan.ts';

/** What a recipe goes by. */
export interface RunFacts {
  /** Images in the source. */
  readonly images: number;
  /** Processes that share a step; 1 unless given. */
  readonly ranks?: number;
  /** Median short side of the images, pixels. */
  readonly imageSide: number;
  readonly channels: 1 | 3;
  /** Cores of the machine. */
  readonly cores: number;
  /** What a run that does not begin from nothing begins with. */
  readonly begins?: 'checkpoint' | 'backbone' | undefined;
  /** Steps of the run, as far as they are known; undefined while a budget in minutes is still to be measured. */
  readonly steps?: number;
  /** Milliseconds to read one of them. */
  readonly readMilliseconds: number;
  /** How a budget in minutes is shared between steps and online evaluations. */
  readonly evaluations?: EvaluationPlan | undefined;
}

/** Fewer images for each rank are no faster. */
const FEWEST_IMAGES = 8;

/** Images of each rank, where a batch has so many of all. */
export function shareOut(batch: number, { images, ranks = 1 }: Pick<RunFacts, 'images' | 'ranks'>): number {
  const each = Math.max(Math.ceil(batch / ranks), Math.min(batch, FEWEST_IMAGES));
  return Math.max(1, Math.min(each, Math.floor(images / ranks)));
}

const officialShapes = { vit_tiny: [192, 12, 3], vit_small: [384, 12, 6], vit_base: [768, 12, 12] } as const;

export function vitShape(arch: string, patchSize: number, reason: string): Suggestions {
  const [dim, depth, heads] =
    arch === 'vit_tiny' || arch === 'vit_small' || arch === 'vit_base' ? officialShapes[arch] : [128, 6, 4];
  return {
    patchSize: [patchSize, reason],
    dim: [dim, reason],
    depth: [depth, reason],
    heads: [heads, reason],
  };
}

export function machine(
  cores: number,
  steps: number | undefined,
  evaluations: EvaluationPlan | undefined,
): Suggestions {
  const { count = EVALUATIONS, images = EVALUATION_IMAGES } = evaluations ?? {};
  return {
    numWorkers: [Math.max(1, Math.min(cores, 4)), 'one for each core, four at most'],
    threads: [cores, 'one for each core'],
    evalEvery: [
      steps === undefined ? 0 : Math.max(1, Math.ceil(steps / count)),
      count === EVALUATIONS
        ? 'ten online evaluations during the run'
        : 'few online evaluations: the time is for training',
    ],
    evalImages: [
      images,
      images === EVALUATION_IMAGES
        ? 'enough to follow the training'
        : 'as many as can be evaluated on in a twelfth of the time',
    ],
    saveEvery: [200, 'a stop costs at most this many steps'],
  };
}
