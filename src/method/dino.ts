/**
 * DINO (Caron et al. 2021, Algorithm 1): the student's distribution for every view is matched with the teacher's
 * distribution for every other global view. The teacher is centered and sharpened, so that neither one prototype nor the
 * uniform distribution wins; it is a moving average of the student (`optim/`), and gets no gradient.
 */
import {
  add,
  concat,
  crossEntropy,
  div,
  exp,
  gelu,
  logSoftmax,
  mul,
  neg,
  reshape,
  type Scope,
  scale,
  slice,
  softmax,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../graph/index.ts';
import { type BackboneConfig, imageFeature, usesBatchNorm } from '../model/backbone.ts';
import { type HeadConfig, projectionHead } from '../model/head.ts';
import { dense } from '../model/layers.ts';
import { wholeBatch } from './across.ts';
import { DIVERGENCE, dinoHealth, TEACHER_ENTROPY } from './dino-health.ts';
import { dropPathInputsOf, dropPathOf } from './drop-path-input.ts';
import { type Coupling, groupViews, type Method, type Objective, type ObjectiveInputs } from './method.ts';
import { logSinkhornKnopp } from './sinkhorn.ts';

export interface DinoConfig {
  readonly backbone: BackboneConfig;
  readonly head: HeadConfig;
  /** Side of each view in pixels; the first two are the global ones, which the teacher sees. */
  readonly viewSizes: readonly number[];
  readonly studentTemp: number;
  /**
   * How no prototype wins: a moving center is taken off (DINO, the default), or all are used equally (Sinkhorn-Knopp); `none`
   * leaves it to chance, as the paper does to show the collapse.
   */
  readonly centering?: 'center' | 'sinkhorn' | 'none';
  readonly centerMomentum: number;
  /** How distributions are matched: by their cross-entropy (DINO, the default) or by the squares of their differences (Table 7). */
  readonly loss?: 'cross_entropy' | 'mse';
  /** An MLP behind the student's head alone, as BYOL has one (Table 7); it maps logits to logits. */
  readonly predictor?: boolean;
  readonly dropPathRate: number;
}

export function dino(config: DinoConfig): Method {
  const views = groupViews(config.viewSizes);
  return {
    name: 'dino',
    views,
    coupling: couplingOf(config),
    stateShapes: { center: [1, config.head.outDim] },
    sampleInputs: dropPathInputsOf(config.backbone, config.dropPathRate, views),
    scalars: ['teacherTemp'],
    ...dinoHealth(config.head.outDim, config.loss),
    isLastLayer: (name) => name.startsWith('head.last_layer.'),
    objective: (inputs) => objective(inputs, config),
  };
}

/** Batch norm and Sinkhorn-Knopp look at all images of a step. */
function couplingOf({ backbone, head, centering }: DinoConfig): Coupling | undefined {
  if (!usesBatchNorm(backbone) && !(head.useBn && head.layers > 1) && centering !== 'sinkhorn')
    return undefined;
  return {
    cause: 'batch norm by any --arch but a ViT or by --use_bn_in_head true, or --centering sinkhorn',
    wayOut: '--arch vit --use_bn_in_head false --centering center',
    acrossRanks: true,
  };
}

function objective(inputs: ObjectiveInputs, config: DinoConfig): Objective {
  // gt = teacher([x1, x2]);  gs = student(all views): logits, view after view
  const gt = stopGradient(teacherLogits(inputs, config)); // [2B, K]
  const gs = studentLogits(inputs, config); // [V B, K]
  return selfDistillation(gt, gs, inputs, config);
}

/**
 * The objective on logits (official `DINOLoss`).
 *
 * @param gt the teacher's, of the two global views: [2B, K]
 * @param gs the student's, of all views: [V B, K]
 */
export function selfDistillation(
  gt: Tensor,
  gs: Tensor,
  inputs: Pick<ObjectiveInputs, 'images' | 'batch' | 'scalar' | 'state' | 'across'>,
  config: Pick<DinoConfig, 'viewSizes' | 'studentTemp' | 'centering' | 'centerMomentum' | 'loss'>,
): Objective {
  const { images, batch } = inputs;
  const views = config.viewSizes.length;

  // t = softmax((gt - C) / tpt)
  const tpt = inputs.scalar('teacherTemp');
  const centered = config.centering === 'none' ? gt : sub(gt, inputs.state('center'));
  const { ranks } = inputs.across ?? wholeBatch;
  const logT =
    config.centering === 'sinkhorn' ? logSinkhornKnopp(gt, tpt, { ranks }) : logSoftmax(div(centered, tpt));
  const t = exp(logT);
  const [t1, t2] = [slice(t, 0, 0, images), slice(t, 0, images, 2 * images)];

  // H(t, s) of every pair of a teacher view and another student view. Pairs that share a student view share its softmax:
  // a global view must match the other global one, a local view both.
  const s = scale(gs, 1 / config.studentTemp);
  const pairs = 2 * (views - 1);
  let entropy = crossEntropy(slice(s, 0, 0, 2 * images), concat([t2, t1], 0));
  if (views > 2) {
    const local = reshape(slice(s, 0, 2 * images, views * images), [views - 2, images, -1]);
    entropy = add(entropy, crossEntropy(local, add(t1, t2), 2));
  }
  const matched = scale(entropy, 1 / (pairs * batch));
  const loss =
    config.loss === 'mse' ? scale(squaredDistances(softmax(s), t1, t2), 1 / (pairs * batch)) : matched;
  const teacherEntropy = scale(neg(sum(mul(t, logT))), 1 / (2 * batch));
  return {
    loss,
    sums: { teacherLogits: sum(gt, { axes: [0], keep: true }) },
    // C = m C + (1 - m) mean(gt), after the loss has used the old one
    nextState: (total) => ({
      center: add(
        scale(inputs.state('center'), config.centerMomentum),
        scale(total('teacherLogits'), (1 - config.centerMomentum) / (2 * batch)),
      ),
    }),
    measures: { [TEACHER_ENTROPY]: teacherEntropy, [DIVERGENCE]: sub(matched, teacherEntropy) },
  };
}

/**
 * The same pairs, by the squares of the differences of their probabilities.
 *
 * @param p the student's, of all views: [V B, K]
 * @param t1 the teacher's, of the first view, as `t2` of the second: [B, K]
 */
function squaredDistances(p: Tensor, t1: Tensor, t2: Tensor): Tensor {
  const images = t1.dim(0);
  const distance = (q: Tensor, t: Tensor): Tensor => sum(square(sub(q, t)));
  const global = distance(slice(p, 0, 0, 2 * images), concat([t2, t1], 0));
  if (p.dim(0) === 2 * images) return global;
  const local = reshape(slice(p, 0, 2 * images, p.dim(0)), [-1, images, p.dim(1)]);
  return add(global, add(distance(local, t1), distance(local, t2)));
}

/** Logits of the global views, view after view: [2B, K] */
export function teacherLogits(
  { teacher, crops, images }: Pick<ObjectiveInputs, 'teacher' | 'crops' | 'images'>,
  { backbone, head, viewSizes }: DinoConfig,
): Tensor {
  const groups = groupViews(viewSizes.slice(0, 2));
  const features = groups.map((group, g) => {
    const all = crops(g); // the first group may go on with views that only the student sees
    return imageFeature(teacher.at('backbone'), slice(all, 0, 0, group.count * images), backbone, 'train');
  });
  return projectionHead(teacher.at('head'), concat(features, 0), head, 'train');
}

/** Logits of all views, view after view: [V B, K] */
export function studentLogits(
  inputs: Pick<ObjectiveInputs, 'student' | 'crops' | 'sample'>,
  { backbone, head, viewSizes, dropPathRate, predictor = false }: DinoConfig,
): Tensor {
  const groups = groupViews(viewSizes);
  const scope: Scope = inputs.student;
  const features = groups.map((_, g) =>
    imageFeature(
      scope.at('backbone'),
      inputs.crops(g),
      backbone,
      'train',
      dropPathOf(inputs, backbone, dropPathRate, g),
    ),
  );
  const logits = projectionHead(scope.at('head'), concat(features, 0), head, 'train');
  return predictor ? predicted(scope.at('predictor'), logits, head.hiddenDim) : logits;
}

/** A linear layer, a GELU and another one: [rows, K] -> [rows, K] */
function predicted(scope: Scope, logits: Tensor, hidden: number): Tensor {
  return dense(scope.at('1'), gelu(dense(scope.at('0'), logits, hidden)), logits.dim(1));
}
