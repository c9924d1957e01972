/**
 * BYOL (Grill et al. 2020, Algorithm 1): from one view of an image the student predicts the teacher's projection of the other view.
 * There are no negative pairs; the predictor, which only the student has, and the teacher being a moving average keep all images
 * from getting one answer. The views pass one after the other, so that each is normalized by its own batch statistics, and the
 * teacher's running statistics are its own.
 *
 * The loss is the paper's (equation 2, both directions added up): 4 more than lightly's, with the same gradients.
 */
import {
  add,
  concat,
  l2Normalize,
  mean,
  mul,
  neg,
  type Scope,
  scale,
  shift,
  slice,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  sumAcross,
  type Tensor,
} from '../graph/index.ts';
import { type BackboneConfig, imageFeature } from '../model/backbone.ts';
import { type ByolHeadConfig, byolHead } from '../model/batch-norm-head.ts';
import { partOf, wholeBatch } from './across.ts';
import { checkSingle } from './batch-size.ts';
import { byolHealth, SPREAD } from './byol-health.ts';
import { groupViews, type Method, type Objective, type ObjectiveInputs } from './method.ts';

export interface ByolConfig {
  readonly backbone: BackboneConfig;
  /** Side of each view in pixels; the first two are those of the paper, smaller ones are predicted from by the student alone. */
  readonly viewSizes: readonly number[];
  /** Of the projector and of the predictor. */
  readonly head: ByolHeadConfig;
}

const single = { cause: 'BYOL normalizes by the statistics of a batch, which one image does not have' };

export function byol(config: ByolConfig): Method {
  return {
    name: 'byol',
    views: groupViews(config.viewSizes),
    coupling: { cause: 'batch norm in the heads', single, acrossRanks: true },
    stateShapes: {},
    sampleInputs: {},
    scalars: [],
    ...byolHealth,
    isLastLayer: () => false,
    objective: (inputs) => objective(inputs, config),
  };
}

/** @throws OptionError for a batch of one image */
function objective(inputs: ObjectiveInputs, config: ByolConfig): Objective {
  checkSingle(inputs.batch, single);
  const { p0, p1, z0, z1 } = byolOutputs(inputs, config);
  const [pairs, small] = [byolLoss(p0, p1, z0, z1), smallViews(inputs, config)];
  // Twice the mean over all pairs of a view of the student and another one of the teacher, which of two views is the sum.
  const both = small.map((p) => byolLoss(p, p, z0, z1));
  const loss = both.length === 0 ? pairs : scale(both.reduce(add, pairs), 1 / (1 + both.length));
  const { across = wholeBatch } = inputs;
  return {
    loss: partOf(loss, across),
    sums: {},
    nextState: () => ({}),
    measures: { [SPREAD]: partOf(spread(concat([z0, z1], 0), across.ranks), across) },
  };
}

/** The student's predictions p and the teacher's projections z of both views. [B, outDim] each */
export function byolOutputs(
  { student, teacher, crops, images }: Pick<ObjectiveInputs, 'student' | 'teacher' | 'crops' | 'images'>,
  { backbone, head }: Pick<ByolConfig, 'backbone' | 'head'>,
): Readonly<Record<'p0' | 'p1' | 'z0' | 'z1', Tensor>> {
  const v0 = slice(crops(0), 0, 0, images);
  const v1 = slice(crops(0), 0, images, 2 * images);
  const target = (view: Tensor): Tensor => stopGradient(projection(teacher, view, { backbone, head }));
  const predict = (view: Tensor): Tensor => prediction(student, view, { backbone, head });
  return { z0: target(v0), z1: target(v1), p0: predict(v0), p1: predict(v1) };
}

type Networks = Pick<ByolConfig, 'backbone' | 'head'>;

function projection(network: Scope, view: Tensor, { backbone, head }: Networks): Tensor {
  const feature = imageFeature(network.at('backbone'), view, backbone, 'train');
  return byolHead(network.at('projection_head'), feature, head, 'train');
}

function prediction(student: Scope, view: Tensor, networks: Networks): Tensor {
  return byolHead(student.at('prediction_head'), projection(student, view, networks), networks.head, 'train');
}

/** Predictions from the views after the first two, one after the other. */
function smallViews({ student, crops, images }: ObjectiveInputs, config: ByolConfig): Tensor[] {
  let view = 0;
  return groupViews(config.viewSizes).flatMap(({ count }, g) => {
    const first = view;
    view += count;
    return Array.from({ length: count }, (_, i) => i)
      .filter((i) => first + i >= 2)
      .map((i) => prediction(student, slice(crops(g), 0, i * images, (i + 1) * images), config));
  });
}

/**
 * The squared distance of normalized predictions from normalized projections of the other view: 0 to 8, 4 where they are unrelated.
 *
 * @param p0 predictions [B, D], as `p1`
 * @param z0 projections [B, D], as `z1`; they get no gradient
 */
export function byolLoss(p0: Tensor, p1: Tensor, z0: Tensor, z1: Tensor): Tensor {
  return shift(scale(add(negativeCosine(p1, stopGradient(z0)), negativeCosine(p0, stopGradient(z1))), 2), 4);
}

/** The mean of the rows' cosines, negative. Lengths below 1e-8 count as 1e-8. [B, D], [B, D] -> [] */
export function negativeCosine(p: Tensor, z: Tensor): Tensor {
  return neg(scale(sum(mul(l2Normalize(p, 1e-8), l2Normalize(z, 1e-8))), 1 / p.dim(0)));
}

/**
 * The standard deviation of normalized rows, of all processes: 1 where they lie all around the sphere and 0 where all are one.
 * [rows, D] -> []
 */
function spread(rows: Tensor, ranks: number): Tensor {
  const u = l2Normalize(rows);
  const overAll = (own: Tensor): Tensor => sumAcross(scale(own, 1 / ranks), ranks);
  const center = overAll(mean(u, { axes: [0], keep: true }));
  const variance = overAll(mean(square(sub(u, center)), { axes: [0] }));
  return scale(mean(sqrt(variance)), Math.sqrt(rows.dim(1)));
}
