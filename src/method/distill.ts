/**
 * Distillation of a trained network into another one, without labels (the loss of Romero et al. 2015, "FitNets", on normalized
 * features): a projection of the student's feature of a view is turned toward the teacher's feature of the same view. The
 * teacher does not move, so nothing can collapse.
 */

import {
  add,
  div,
  greater,
  l2Normalize,
  maximum,
  mul,
  reshape,
  type Scope,
  scalar,
  scale,
  shift,
  sqrt,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from '../graph/index.ts';
import {
  type BackboneConfig,
  dropPathInputs,
  dropPathRates,
  featureDim,
  imageFeature,
  usesBatchNorm,
} from '../model/backbone.ts';
import type { Mode } from '../model/batch-norm.ts';
import { dense } from '../model/layers.ts';
import { placesAlong } from '../model/places.ts';
import { vit } from '../model/vit.ts';
import { counted } from '../numbers/counted.ts';
import { COSINE, distillHealth, PATCH_COSINE } from './distill-health.ts';
import { dropPathInput } from './drop-path-input.ts';
import { groupViews, type Method, type Objective, type ObjectiveInputs } from './method.ts';
import { OptionError } from './option-error.ts';

export interface DistillConfig {
  readonly backbone: BackboneConfig;
  /** The network that stays as it is. */
  readonly teacher: BackboneConfig;
  /** Side of each view in pixels; teacher and student see the same ones. */
  readonly viewSizes: readonly number[];
  /** Weight of the patch term; 0 for none. */
  readonly patchWeight: number;
  readonly dropPathRate: number;
}

/** @throws OptionError where the networks cannot see the same views, or have no patches to compare */
export function distill(config: DistillConfig): Method {
  checkNetworks(config);
  const { backbone, teacher, dropPathRate, patchWeight } = config;
  const views = groupViews(config.viewSizes);
  const drops = dropPathInputs(backbone, dropPathRate) > 0;
  return {
    name: 'distill',
    views,
    coupling: usesBatchNorm(backbone)
      ? { cause: 'batch norm in the network', wayOut: '--arch vit' }
      : undefined,
    stateShapes: {
      ...momentShapes('image', featureDim(teacher)),
      ...(patchWeight > 0 ? momentShapes('patch', featureDim(teacher)) : {}),
    },
    sampleInputs: drops
      ? Object.fromEntries(
          views.map(({ count }, g) => [
            `dropPath${g}`,
            dropPathInput(dropPathRates(backbone, dropPathRate), count),
          ]),
        )
      : {},
    scalars: [],
    ...distillHealth(patchWeight > 0),
    isLastLayer: () => false,
    objective: (inputs) => objective(inputs, config, drops),
  };
}

function objective(inputs: ObjectiveInputs, config: DistillConfig, drops: boolean): Objective {
  const { student, frozen, batch } = inputs;
  const { backbone, teacher, patchWeight, viewSizes } = config;
  const [images, patches] = [new Agreement('image', inputs), new Agreement('patch', inputs)];
  groupViews(viewSizes).forEach((_, g) => {
    const x = inputs.crops(g);
    const dropPath = drops ? inputs.sample(`dropPath${g}`) : undefined;
    const s = features(student.at('backbone'), x, backbone, 'train', dropPath);
    const t = features(frozen.at('backbone'), x, teacher, 'eval');
    images.add(student.at('projection'), s.image, t.image);
    if (patchWeight > 0 && s.patches !== undefined && t.patches !== undefined)
      patches.add(student.at('patch_projection'), s.patches, t.patches);
  });
  const cosine = images.mean(viewSizes.length * batch);
  const places = patchWeight > 0 ? placesAlong(backbone, viewSizes[0] ?? 0) ** 2 : 0;
  const patchCosine = places > 0 ? patches.mean(viewSizes.length * batch * places) : undefined;
  // 1 - cosine, summed over this part of the step
  const distance = (agreed: Tensor): Tensor => shift(scale(agreed, -1), inputs.images / batch);
  return {
    loss:
      patchCosine === undefined
        ? distance(cosine)
        : add(distance(cosine), scale(distance(patchCosine), patchWeight)),
    sums: { ...images.sums(), ...(patchCosine === undefined ? {} : patches.sums()) },
    nextState: (total) => ({
      ...images.next(total, viewSizes.length * batch),
      ...(patchCosine === undefined ? {} : patches.next(total, viewSizes.length * batch * places)),
    }),
    measures: {
      [COSINE]: cosine,
      ...(patchCosine === undefined ? {} : { [PATCH_COSINE]: patchCosine }),
    },
  };
}

/** Momentum of the teacher's moments: about the latest hundred steps. */
const MOMENTUM = 0.99;

/** Moving averages of a teacher's features and of their squares, and how much of them is there (1 - momentum^steps). */
function momentShapes(kind: string, width: number): Record<string, readonly number[]> {
  return { [`${kind}Mean`]: [1, width], [`${kind}Square`]: [1, width], [`${kind}Weight`]: [1, 1] };
}

/**
 * How far projected features of the student point where the teacher's do. The features of different images have much in common,
 * which would make any two of them agree: the teacher's are standardized with their own moments over the latest steps, so that what
 * is left is what tells images apart. The moments are known from the step before, so images stay independent of each other.
 */
class Agreement {
  readonly #kind: string;
  readonly #inputs: ObjectiveInputs;
  #cosine: Tensor | undefined;
  #sum: Tensor | undefined;
  #squares: Tensor | undefined;

  constructor(kind: string, inputs: ObjectiveInputs) {
    this.#kind = kind;
    this.#inputs = inputs;
  }

  /** @param student [..., D] @param teacher [..., E], as many rows */
  add(projection: Scope, student: Tensor, teacher: Tensor): void {
    const rows = (x: Tensor): Tensor => reshape(x, [-1, x.dim(-1)]);
    const t = stopGradient(rows(teacher));
    const p = l2Normalize(dense(projection, rows(student), t.dim(1)));
    this.#cosine = plus(this.#cosine, sum(mul(p, l2Normalize(this.#standardized(t)))));
    this.#sum = plus(this.#sum, sum(t, { axes: [0], keep: true }));
    this.#squares = plus(this.#squares, sum(mul(t, t), { axes: [0], keep: true }));
  }

  /** Mean of all cosines that the step has, as far as this part of it goes. */
  mean(count: number): Tensor {
    return scale(this.#known(this.#cosine), 1 / count);
  }

  sums(): Record<string, Tensor> {
    return {
      [`${this.#kind}Sum`]: this.#known(this.#sum),
      [`${this.#kind}Squares`]: this.#known(this.#squares),
    };
  }

  /** @param count rows of the whole step */
  next(total: (sum: string) => Tensor, count: number): Record<string, Tensor> {
    const [mean, square, weight] = this.#moments();
    const moved = (old: Tensor, latest: Tensor): Tensor => add(scale(old, MOMENTUM), latest);
    return {
      [`${this.#kind}Mean`]: moved(mean, scale(total(`${this.#kind}Sum`), (1 - MOMENTUM) / count)),
      [`${this.#kind}Square`]: moved(square, scale(total(`${this.#kind}Squares`), (1 - MOMENTUM) / count)),
      [`${this.#kind}Weight`]: shift(scale(weight, MOMENTUM), 1 - MOMENTUM),
    };
  }

  /** Before the first step, which has no moments, features are taken as they are. */
  #standardized(t: Tensor): Tensor {
    const [mean, square, weight] = this.#moments();
    const isKnown = greater(weight, scalar(0));
    const there = where(isKnown, weight, scalar(1));
    const m = div(mean, there);
    const variance = maximum(sub(div(square, there), mul(m, m)), scalar(1e-8));
    return where(isKnown, div(sub(t, m), sqrt(variance)), t);
  }

  #moments(): readonly [mean: Tensor, square: Tensor, weight: Tensor] {
    const { state } = this.#inputs;
    return [state(`${this.#kind}Mean`), state(`${this.#kind}Square`), state(`${this.#kind}Weight`)];
  }

  #known(x: Tensor | undefined): Tensor {
    if (x === undefined) throw new RangeError('Distillation needs a view to compare.');
    return x;
  }
}

const plus = (sum: Tensor | undefined, x: Tensor): Tensor => (sum === undefined ? x : add(sum, x));

interface Features {
  /** [V B, D] */
  readonly image: Tensor;
  /** [V B, N, D] of a ViT. */
  readonly patches?: Tensor;
}

function features(
  scope: Scope,
  images: Tensor,
  config: BackboneConfig,
  mode: Mode,
  dropPath?: Tensor,
): Features {
  if (config.kind !== 'vit') return { image: imageFeature(scope, images, config, mode, dropPath) };
  const { cls, patches } = vit(scope, images, config, dropPath);
  return { image: cls, patches };
}

function checkNetworks({ backbone, teacher, viewSizes, patchWeight }: DistillConfig): void {
  if (teacher.channels !== backbone.channels)
    throw new OptionError(
      `The teacher takes images of ${counted(teacher.channels, 'channel')} and the student of ${backbone.channels}: give --channels ${teacher.channels}, or another --teacher.`,
    );
  const [size = 0] = viewSizes;
  if ((teacher.kind === 'vit' || teacher.kind === 'xcit') && size % teacher.patchSize !== 0)
    throw new OptionError(
      `--global_crops_size ${size} is not a multiple of the teacher's patches of ${teacher.patchSize}: give ${Math.max(1, Math.round(size / teacher.patchSize)) * teacher.patchSize}.`,
    );
  if (patchWeight === 0) return;
  if (teacher.kind !== 'vit' || backbone.kind !== 'vit')
    throw new OptionError(
      '--patch_weight compares patches, which only ViTs have, and needs one on both sides: give --arch vit and a ViT as --teacher, or --patch_weight 0.',
    );
  const [own, wanted] = [placesAlong(backbone, size), placesAlong(teacher, size)];
  if (own !== wanted)
    throw new OptionError(
      `--patch_weight compares patches one by one, and the student has ${own} x ${own} where the teacher has ${wanted} x ${wanted}: give --patch_size ${teacher.patchSize}, or --patch_weight 0.`,
    );
}
