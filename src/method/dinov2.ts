/**
 * DINOv2 (Oquab et al. 2023; official `SSLMetaArch`): DINO on class tokens, iBOT on hidden patches, and KoLeo, which spreads the
 * class tokens of a batch. The teacher sees the global views whole; the student sees them with hidden patches, and local views.
 */
import {
  add,
  div,
  exp,
  maximum,
  mul,
  neg,
  scalar,
  scale,
  slice,
  stopGradient,
  sub,
  sum,
  sumAcross,
  type Tensor,
} from '../graph/index.ts';
import type { BackboneConfig } from '../model/backbone.ts';
import { type HeadConfig, projectionHead } from '../model/head.ts';
import { layerDecay } from '../model/layer-decay.ts';
import { placesAlong } from '../model/places.ts';
import { vit } from '../model/vit.ts';
import { type Across, wholeBatch } from './across.ts';
import { drawMasks, type Grid, hiddenList, type MaskShares, mostHidden } from './block-masks.ts';
import { DIVERGENCE, TEACHER_ENTROPY } from './dino-health.ts';
import { dinov2DinoLoss, otherViewFirst } from './dinov2-dino-loss.ts';
import {
  CLOSEST,
  dinov2Health,
  GLOBAL_LOSS,
  IBOT_LOSS,
  KOLEO_LOSS,
  LOCAL_LOSS,
  PATCH_DIVERGENCE,
  PATCH_ENTROPY,
} from './dinov2-health.ts';
import { centerSums, logTargets, nextCenter } from './dinov2-targets.ts';
import { keptImagesInput } from './drop-path-input.ts';
import { type HiddenPatches, hiddenPatches } from './hidden-patches.ts';
import { ibotLoss } from './ibot-loss.ts';
import { koleo, koleoSingle } from './koleo.ts';
import { groupViews, type Method, type Objective, type ObjectiveInputs, type SampleInput } from './method.ts';

export interface Dinov2Config {
  /** With `maskToken` where patches are hidden, and as a rule with `layerScale`. */
  readonly backbone: Extract<BackboneConfig, { kind: 'vit' }>;
  /** Side of each view in pixels; the first two are the global ones, of one size, which the teacher sees. */
  readonly viewSizes: readonly number[];
  /** Of class tokens (`dino_head`). */
  readonly head: HeadConfig;
  readonly dinoLossWeight: number;
  /** Of hidden patches; undefined without that part. */
  readonly ibot:
    | {
        readonly lossWeight: number;
        readonly masks: MaskShares;
        /** Its own head (`ibot_head`); that of class tokens unless given. */
        readonly head?: HeadConfig;
      }
    | undefined;
  /** 0 for none. */
  readonly koleoLossWeight: number;
  readonly centering: 'center' | 'sinkhorn';
  readonly studentTemp: number;
  readonly centerMomentum: number;
  /** The same for all blocks. */
  readonly dropPathRate: number;
  /** What the learning rate of a block is multiplied by for each block above it; 1 for the same rate everywhere. */
  readonly layerwiseDecay: number;
  /** What that of the patch embedding is multiplied by besides. */
  readonly patchEmbedLrFactor: number;
}

export function dinov2(config: Dinov2Config): Method {
  const { backbone, head, ibot, koleoLossWeight, viewSizes, centering, dropPathRate } = config;
  const views = viewsOf(config);
  const decay = layerDecay(backbone, config.layerwiseDecay);
  const patchHead = ibot?.head ?? head;
  return {
    name: 'dinov2',
    views: groupViews(viewSizes),
    coupling:
      ibot !== undefined || koleoLossWeight > 0 || centering === 'sinkhorn' || dropPathRate > 0 || head.useBn
        ? {
            cause:
              'hidden patches and stochastic depth are spread over a batch, KoLeo and Sinkhorn-Knopp look at all of it',
            ...(koleoLossWeight > 0 ? { single: koleoSingle } : {}),
            acrossRanks: true,
          }
        : undefined,
    stateShapes:
      centering === 'sinkhorn'
        ? {}
        : {
            center: [1, head.outDim],
            ...(ibot === undefined ? {} : { patchCenter: [1, patchHead.outDim] }),
          },
    sampleInputs: {
      ...(ibot === undefined ? {} : { hidden: hiddenInput(views.grid, ibot.masks) }),
      ...(dropPathRate === 0 ? {} : { dropPath0: keptImagesInput(dropPathRate, backbone.depth, 2) }),
      ...(dropPathRate === 0 || views.local === 0
        ? {}
        : { dropPath1: keptImagesInput(dropPathRate, backbone.depth, views.local) }),
    },
    scalars: ['teacherTemp'],
    ...dinov2Health({
      outDim: head.outDim,
      lossWeight: config.dinoLossWeight,
      hasLocalViews: views.local > 0,
      koleoWeight: koleoLossWeight,
      ibot: ibot && {
        outDim: patchHead.outDim,
        lossWeight: ibot.lossWeight,
        probability: ibot.masks.probability,
      },
    }),
    isLastLayer: (name) => name.includes('.last_layer.'),
    heldBy: 'rate',
    lrFactor: (name) => decay(name) * (name.includes('.patch_embed.') ? config.patchEmbedLrFactor : 1),
    clipGroup: (name) => name.slice(0, name.indexOf('.')), // backbone, dino_head, ibot_head
    objective: (inputs) => objective(inputs, config),
  };
}

/** One part of the objective. */
interface Part {
  /** With its weight. */
  readonly loss: Tensor;
  readonly measures: Readonly<Record<string, Tensor>>;
  /** The moving center of its targets, where they have one. */
  readonly center?: Center | undefined;
}

interface Center {
  /** Of the state. */
  readonly name: string;
  /** What it needs of a step. */
  readonly sums: Readonly<Record<'rows' | 'count', Tensor>>;
}

function objective(inputs: ObjectiveInputs, config: Dinov2Config): Objective {
  const { student, teacher, images } = inputs;
  const { backbone, ibot, koleoLossWeight, centerMomentum } = config;
  const { global, local } = pixelsOf(inputs, config);
  const { rows, columns } = viewsOf(config).grid;
  const hidden = ibot && hiddenPatches(inputs.sample('hidden'), 2 * images, rows * columns);
  const drops = (pass: number): Tensor | undefined =>
    config.dropPathRate > 0 ? inputs.sample(`dropPath${pass}`) : undefined;

  const seen = vit(teacher.at('backbone'), global, backbone);
  const shown = vit(student.at('backbone'), global, backbone, drops(0), hidden?.masks);
  const parts = local && vit(student.at('backbone'), local, backbone, drops(1));

  const all: readonly Part[] = [
    dinoPart(seen.cls, shown.cls, parts?.cls, inputs, config),
    ...(hidden === undefined ? [] : [ibotPart(seen.patches, shown.patches, hidden, inputs, config)]),
    ...(koleoLossWeight > 0 ? [koleoPart(shown.cls, koleoLossWeight, inputs.across)] : []),
  ];
  const centers = all.flatMap(({ center }) => (center === undefined ? [] : [center]));
  return {
    loss: all.map(({ loss }) => loss).reduce(add),
    sums: Object.fromEntries(
      centers.flatMap(({ name, sums }) => [
        [`${name}.rows`, sums.rows],
        [`${name}.count`, sums.count],
      ]),
    ),
    nextState: (total) =>
      Object.fromEntries(
        centers.map(({ name }) => [
          name,
          nextCenter(
            inputs.state(name),
            { rows: total(`${name}.rows`), count: total(`${name}.count`) },
            centerMomentum,
          ),
        ]),
      ),
    measures: Object.fromEntries(all.flatMap(({ measures }) => Object.entries(measures))),
  };
}

/** Class tokens: of the teacher's global views [2B, D], of the student's, and of its local views [L B, D]. */
function dinoPart(
  seen: Tensor,
  shown: Tensor,
  parts: Tensor | undefined,
  inputs: ObjectiveInputs,
  config: Dinov2Config,
): Part {
  const { student, teacher, batch } = inputs;
  const { head, studentTemp, dinoLossWeight } = config;
  const localViews = config.viewSizes.length - 2;
  // Of the other view, so that row i of the targets is for row i of the student.
  const gt = stopGradient(projectionHead(teacher.at('dino_head'), otherViewFirst(seen), head, 'train')); // [2B, K]
  const gs = (cls: Tensor): Tensor => projectionHead(student.at('dino_head'), cls, head, 'train');
  const { logT, center } = targetsOf(gt, 'center', inputs, config);
  const t = exp(logT);
  const { global, local } = dinov2DinoLoss(t, gs(shown), parts && gs(parts), {
    batch,
    localViews,
    studentTemp,
  });
  const loss = local === undefined ? global : add(global, local);
  const entropy = scale(neg(sum(mul(t, logT))), 1 / (2 * batch));
  // The mean over all pairs; without local views the official loss divides by 3 for 2.
  const cross = scale(loss, localViews === 0 ? 3 / 2 : 1);
  return {
    loss: scale(loss, dinoLossWeight),
    center,
    measures: {
      [TEACHER_ENTROPY]: entropy,
      [DIVERGENCE]: sub(cross, entropy),
      [GLOBAL_LOSS]: global,
      ...(local === undefined ? {} : { [LOCAL_LOSS]: local }),
    },
  };
}

/** Patch tokens of the global views [2B, patches, D]: the teacher saw them all, of the student some were hidden. */
function ibotPart(
  seen: Tensor,
  shown: Tensor,
  hidden: HiddenPatches,
  inputs: ObjectiveInputs,
  config: Dinov2Config,
): Part {
  const { student, teacher, batch } = inputs;
  const { ibot, studentTemp } = config;
  const [at, head] = ibot?.head === undefined ? ['dino_head', config.head] : ['ibot_head', ibot.head];
  const gt = stopGradient(projectionHead(teacher.at(at), hidden.of(seen), head, 'train')); // [rows, K]
  const gs = projectionHead(student.at(at), hidden.of(shown), head, 'train');
  const { logT, center } = targetsOf(gt, 'patchCenter', inputs, config, hidden.counts);
  const t = exp(logT);
  const loss = ibotLoss(t, gs, hidden.weights, { views: 2 * batch, studentTemp });
  // For those who read them these are means over the views that have hidden patches.
  const { ranks } = inputs.across ?? wholeBatch;
  const views = maximum(sumAcross(sum(hidden.weights), ranks), scalar(1));
  const entropy = div(neg(sum(mul(mul(t, logT), hidden.weights))), views);
  return {
    loss: scale(loss, ibot?.lossWeight ?? 0),
    center,
    measures: {
      [IBOT_LOSS]: scale(loss, 1 / 2),
      [PATCH_ENTROPY]: entropy,
      [PATCH_DIVERGENCE]: sub(div(scale(loss, 2 * batch), views), entropy),
    },
  };
}

/** The student's class tokens of the global views [2B, D], before the head: those of one image are not kept apart. */
function koleoPart(cls: Tensor, weight: number, across?: Across): Part {
  const images = cls.dim(0) / 2;
  const [first, second] = [
    koleo(slice(cls, 0, 0, images), across),
    koleo(slice(cls, 0, images, 2 * images), across),
  ];
  const loss = scale(add(first.loss, second.loss), weight);
  return {
    loss,
    measures: {
      [KOLEO_LOSS]: scale(loss, 1 / 2),
      [CLOSEST]: neg(maximum(neg(first.closest), neg(second.closest))),
    },
  };
}

/** Logarithms of the teacher's distributions, and the center that they were taken with. */
function targetsOf(
  logits: Tensor,
  name: string,
  { scalar: scheduled, state, across }: ObjectiveInputs,
  { centering }: Dinov2Config,
  counts?: Tensor,
): { readonly logT: Tensor; readonly center?: Center } {
  const temperature = scheduled('teacherTemp');
  if (centering === 'sinkhorn')
    return { logT: logTargets(logits, temperature, { kind: 'sinkhorn', ranks: across?.ranks ?? 1 }, counts) };
  return {
    logT: logTargets(logits, temperature, { kind: 'center', center: state(name) }, counts),
    center: { name, sums: centerSums(logits, counts) },
  };
}

/** How many local views there are, and the patches of a global one. */
function viewsOf({ viewSizes, backbone }: Dinov2Config): { readonly local: number; readonly grid: Grid } {
  const side = placesAlong(backbone, viewSizes[0] ?? 0);
  return { local: viewSizes.length - 2, grid: { rows: side, columns: side } };
}

/** Pixels of the global views [2B, C, S, S] and of the local ones [L B, C, s, s], which may be of one size. */
function pixelsOf(
  { crops, images }: ObjectiveInputs,
  { viewSizes }: Dinov2Config,
): { readonly global: Tensor; readonly local: Tensor | undefined } {
  const first = crops(0);
  const global = slice(first, 0, 0, 2 * images);
  if (viewSizes.length === 2) return { global, local: undefined };
  const isOneGroup = first.dim(0) > 2 * images;
  return { global, local: isOneGroup ? slice(first, 0, 2 * images, first.dim(0)) : crops(1) };
}

/** Numbers of the hidden patches of the global views, view after view. */
function hiddenInput(grid: Grid, shares: MaskShares): SampleInput {
  const most = (images: number): number =>
    Math.max(mostHidden(2 * images, grid.rows * grid.columns, shares), 1);
  return {
    dtype: 'i64',
    shape: (images) => [most(images)],
    values: ({ start, images, random }) =>
      hiddenList(drawMasks(random(start), 2 * images, grid, shares), most(images)),
  };
}
