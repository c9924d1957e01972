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
import { type BackboneConfig, featureDim, imageFeature, usesBatchNorm } from '../model/backbone.ts';
import type { Mode } from '../model/batch-norm.ts';
import { dense } from '../model/layers.ts';
import { nearestWhole, placesAlong, trainedPatch } from '../model/places.ts';
import { vit } from '../model/vit.ts';
import { counted } from '../numbers/counted.ts';
import { COSINE, distillHealth, PATCH_COSINE } from './distill-health.ts';
import { dropPathInputsOf, dropPathOf } from './drop-path-input.ts';
import type { Method, Objective, ObjectiveInputs } from './method.ts';
import { OptionError } from './option-error.ts';

export interface DistillConfig {
  readonly backbone: BackboneConfig;
  /** The network that stays as it is. */
  readonly teacher: BackboneConfig;
  /** Side of the view in pixels; teacher and student see the same one. */
  readonly size: number;
  /** Weight of the patch term; 0 for none. */
  readonly patchWeight: number;
  readonly dropPathRate: number;
}

/** @throws OptionError where the networks cannot see the same views, or have no patches to compare */
export function distill(config: DistillConfig): Method {
  checkNetworks(config);
  const { backbone, teacher, size, dropPathRate, patchWeight } = config;
  const views = [{ size, count: 1 }];
  return {
    name: 'distill',
    views,
    coupling: usesBatchNorm(backbone)
      ? { cause: 'batch norm in the network', wayOut: '--arch vit', acrossRanks: true }
      : undefined,
    stateShapes: {
      ...momentShapes('image', featureDim(teacher)),
      ...(patchWeight > 0 ? momentShapes('patch', featureDim(teacher)) : {}),
    },
    sampleInputs: dropPathInputsOf(backbone, dropPathRate, views),
    scalars: [],
    ...distillHealth(patchWeight > 0),
    isLastLayer: () => false,
    objective: (inputs) => objective(inputs, config),
  };
}

function objective(inputs: ObjectiveInputs, config: DistillConfig): Objective {
  const { student, frozen, batch } = inputs;
  const { backbone, teacher, patchWeight, size, dropPathRate } = config;
  const x = inputs.crops(0);
  const s = features(
    student.at('backbone'),
    x,
    backbone,
    'train',
    dropPathOf(inputs, backbone, dropPathRate, 0),
  );
  const t = features(frozen.at('backbone'), x, teacher, 'eval');
  const images = agreement('image', inputs, batch, student.at('projection'), {
    student: s.image,
    teacher: t.image,
  });
  const patches =
    patchWeight > 0 && s.patches !== undefined && t.patches !== undefined
      ? agreement('patch', inputs, batch * placesAlong(backbone, size) ** 2, student.at('patch_projection'), {
          student: s.patches,
          teacher: t.patches,
        })
      : undefined;
  // 1 - cosine, summed over this part of the step
  const distance = ({ cosine }: Agreement): Tensor => shift(scale(cosine, -1), inputs.images / batch);
  return {
    loss:
      patches === undefined ? distance(images) : add(distance(images), scale(distance(patches), patchWeight)),
    sums: { ...images.sums, ...patches?.sums },
    nextState: (total) => ({ ...images.next(total), ...patches?.next(total) }),
    measures: {
      [COSINE]: images.cosine,
      ...(patches === undefined ? {} : { [PATCH_COSINE]: patches.cosine }),
    },
  };
}

/** Momentum of the teacher's moments: about the latest hundred steps. */
const MOMENTUM = 0.99;

/** Moving averages of a teacher's features and of their squares, and how much of them is there (1 - momentum^steps). */
function momentShapes(kind: string, width: number): Record<string, readonly number[]> {
  return { [`${kind}Mean`]: [1, width], [`${kind}Square`]: [1, width], [`${kind}Weight`]: [1, 1] };
}

/** How far projected features of the student point where the teacher's do. */
interface Agreement {
  /** Mean of all cosines that the step has, as far as this part of it goes. */
  readonly cosine: Tensor;
  readonly sums: Readonly<Record<string, Tensor>>;
  next(total: (sum: string) => Tensor): Record<string, Tensor>;
}

/**
 * The features of different images have much in common, which would make any two of them agree: the teacher's are standardized with
 * their own moments over the latest steps, so that what is left is what tells images apart. The moments are known from the step
 * before, so images stay independent of each other.
 *
 * @param kind what the state and the sums are named by
 * @param count rows of the whole step
 * @param features the student's [..., D] and the teacher's [..., E], as many rows
 */
function agreement(
  kind: string,
  { state }: ObjectiveInputs,
  count: number,
  projection: Scope,
  features: { readonly student: Tensor; readonly teacher: Tensor },
): Agreement {
  const rows = (x: Tensor): Tensor => reshape(x, [-1, x.dim(-1)]);
  const t = stopGradient(rows(features.teacher));
  const p = l2Normalize(dense(projection, rows(features.student), t.dim(1)));
  const [mean, square, weight] = [state(`${kind}Mean`), state(`${kind}Square`), state(`${kind}Weight`)];
  const target = l2Normalize(standardized(t, mean, square, weight));
  const moved = (old: Tensor, latest: Tensor): Tensor => add(scale(old, MOMENTUM), latest);
  return {
    cosine: scale(sum(mul(p, target)), 1 / count),
    sums: {
      [`${kind}Sum`]: sum(t, { axes: [0], keep: true }),
      [`${kind}Squares`]: sum(mul(t, t), { axes: [0], keep: true }),
    },
    next: (total) => ({
      [`${kind}Mean`]: moved(mean, scale(total(`${kind}Sum`), (1 - MOMENTUM) / count)),
      [`${kind}Square`]: moved(square, scale(total(`${kind}Squares`), (1 - MOMENTUM) / count)),
      [`${kind}Weight`]: shift(scale(weight, MOMENTUM), 1 - MOMENTUM),
    }),
  };
}

/** Before the first step, which has no moments, features are taken as they are. */
function standardized(t: Tensor, mean: Tensor, square: Tensor, weight: Tensor): Tensor {
  const isKnown = greater(weight, scalar(0));
  const there = where(isKnown, weight, scalar(1));
  const m = div(mean, there);
  const variance = maximum(sub(div(square, there), mul(m, m)), scalar(1e-8));
  return where(isKnown, div(sub(t, m), sqrt(variance)), t);
}

interface Features {
  /** [B, D] */
  readonly image: Tensor;
  /** [B, N, D] of a ViT. */
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

function checkNetworks({ backbone, teacher, size, patchWeight }: DistillConfig): void {
  if (teacher.channels !== backbone.channels)
    throw new OptionError(
      `The teacher takes images of ${counted(teacher.channels, 'channel')} and the student of ${backbone.channels}: give --channels ${teacher.channels}, or another --teacher.`,
    );
  const patch = trainedPatch(teacher);
  if (size % patch !== 0)
    throw new OptionError(
      `--global_crops_size ${size} is not a multiple of the teacher's patches of ${patch}: give ${nearestWhole(size, patch)}.`,
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
