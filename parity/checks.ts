/** Which fixture is checked by what, and the report of one file. */
import { attention } from './attention.ts';
import { byolHeads, byolLosses, byolTau, byolTraining } from './byol.ts';
import { cluster } from './cluster.ts';
import { Comparison, type Row } from './comparison.ts';
import { cropBoxes } from './crop-boxes.ts';
import { davisMeasures } from './davis-measures.ts';
import { dinov2Positions, huggingFaceDinov2Weights } from './dinov2.ts';
import { dinov2DinoLosses, ibotLosses, koleoLoss } from './dinov2-losses.ts';
import { dinov2Masking } from './dinov2-masking.ts';
import { dinov2Block, dinov2DropPath, dinov2FeedForward, dinov2Vit } from './dinov2-network.ts';
import { dinov2Optim, dinov2Step } from './dinov2-step.ts';
import { Fixture } from './fixture.ts';
import { head } from './head.ts';
import { huggingFaceVit } from './hugging-face.ts';
import { augmentOps, augmentPipeline } from './images.ts';
import { knn } from './knn.ts';
import { linear } from './linear.ts';
import { loss } from './loss.ts';
import { maeModel, maePositions, maeSchedule, maeTraining } from './mae.ts';
import { multicrop } from './multicrop.ts';
import { resnetNetwork } from './resnet.ts';
import { multiscale, retrieval } from './retrieval.ts';
import { schedules, truncatedNormal } from './schedules.ts';
import { ntXentLoss, simclrHeads } from './simclr.ts';
import { training } from './training.ts';
import { video } from './video.ts';
import { dropPath, positionInterpolation, vitBackward, vitForward } from './vit.ts';
import { copies, pca } from './whitening.ts';
import { xcitNetwork } from './xcit.ts';

export type Check = (fixture: Fixture, comparison: Comparison) => Promise<void> | void;

/** By the name that the fixture's configuration states. */
export const checks: Readonly<Record<string, Check>> = {
  vit_forward: vitForward,
  vit_init: vitForward,
  vit_backward: vitBackward,
  pos_interp: positionInterpolation,
  head,
  loss,
  droppath: dropPath,
  multicrop,
  train_adamw: training,
  train_adamw_free: training,
  train_adamw_bn: training,
  train_sgd: training,
  train_lars: training,
  schedules,
  trunc_normal: truncatedNormal,
  augment_ops: augmentOps,
  augment_pipeline: augmentPipeline,
  crop_boxes: cropBoxes,
  knn,
  attention,
  davis_measures: davisMeasures,
  video,
  linear,
  cluster,
  retrieval,
  multiscale,
  pca,
  copies,
  hf_vit: huggingFaceVit,
  hf_dinov2: huggingFaceDinov2Weights,
  dinov2_pos_interp: dinov2Positions,
  byol_heads: byolHeads,
  byol_loss: byolLosses,
  byol_tau: byolTau,
  byol_train_sgd: byolTraining,
  byol_train_lars: byolTraining,
  simclr_ntxent: ntXentLoss,
  simclr_head: simclrHeads,
  mae_model: maeModel,
  mae_pos_embed: maePositions,
  mae_schedule: maeSchedule,
  mae_train: maeTraining,
  dinov2_ffn: dinov2FeedForward,
  dinov2_block: dinov2Block,
  dinov2_droppath: dinov2DropPath,
  dinov2_vit: dinov2Vit,
  dinov2_dino_loss: dinov2DinoLosses,
  dinov2_ibot_loss: ibotLosses,
  dinov2_koleo: koleoLoss,
  dinov2_step: dinov2Step,
  dinov2_optim: dinov2Optim,
  dinov2_masking: dinov2Masking,
  resnet18: resnetNetwork,
  resnet50: resnetNetwork,
  xcit: xcitNetwork,
};

export type FileReport =
  | {
      readonly kind: 'checked';
      readonly fixture: string;
      readonly rows: readonly Row[];
      /** Tensors that nothing was compared with. */
      readonly unread: readonly string[];
    }
  | { readonly kind: 'not covered'; readonly fixture: string }
  | { readonly kind: 'error'; readonly fixture: string; readonly message: string };

/**
 * Checks one fixture. Never throws: what goes wrong is part of the report.
 *
 * @param file the file's name without its ending
 */
export async function checkFile(bytes: Uint8Array, file: string): Promise<FileReport> {
  try {
    const fixture = new Fixture(bytes, file);
    const check = Object.hasOwn(checks, fixture.name) ? checks[fixture.name] : undefined;
    if (check === undefined) return { kind: 'not covered', fixture: file };
    const comparison = new Comparison();
    await check(fixture, comparison);
    if (comparison.rows.length === 0) {
      return { kind: 'error', fixture: file, message: `${file}: the fixture has no cases to compare.` };
    }
    return { kind: 'checked', fixture: file, rows: comparison.rows, unread: fixture.unread() };
  } catch (error) {
    return { kind: 'error', fixture: file, message: error instanceof Error ? error.message : String(error) };
  }
}

/** True when nothing is beyond its tolerance and nothing went wrong. */
export function passes(report: FileReport): boolean {
  return report.kind === 'not covered' || (report.kind === 'checked' && report.rows.every((row) => row.ok));
}
