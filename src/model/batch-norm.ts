/** Batch normalization with running statistics, in PyTorch's names and conventions. Channels are the last axis. */
import {
  add,
  type BatchStatistics,
  batchNorm,
  batchNormTrain,
  one,
  type Scope,
  scale,
  shift,
  type Tensor,
  zero,
} from '../graph/index.ts';

const EPS = 1e-5;
const MOMENTUM = 0.1;

export type Mode = 'train' | 'eval';

/**
 * In train mode normalizes by the batch of all ranks (biased variance) and moves the running statistics (unbiased variance);
 * in eval mode normalizes by the running statistics.
 *
 * @param x [..., C]
 */
export function batchNormLayer(scope: Scope, x: Tensor, mode: Mode): Tensor {
  const channels = x.dim(-1);
  const weight = scope.param('weight', [channels], one);
  const bias = scope.param('bias', [channels], zero);
  const running: BatchStatistics = {
    mean: scope.buffer('running_mean', [channels], zero),
    variance: scope.buffer('running_var', [channels], one),
  };
  const count = scope.buffer('num_batches_tracked', [], zero);
  if (mode === 'eval') return batchNorm(x, running, weight, bias, EPS);
  const { y, statistics: batch } = batchNormTrain(x, weight, bias, EPS, scope.ranks);
  const rows = (scope.ranks * x.size) / channels;
  const move = (old: Tensor, now: Tensor): Tensor => add(scale(old, 1 - MOMENTUM), scale(now, MOMENTUM));
  scope.update('running_mean', move(running.mean, batch.mean));
  scope.update('running_var', move(running.variance, scale(batch.variance, rows / Math.max(rows - 1, 1))));
  scope.update('num_batches_tracked', shift(count, 1));
  return y;
}
