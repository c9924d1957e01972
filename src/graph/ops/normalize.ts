/** Normalizations: layer norm, batch norm, L2, weight norm. */
import { GraphError } from '../errors.ts';
import { Node, type Op, type Tensor } from '../tensor.ts';
import { gatherAcross, sumAcross } from './across.ts';
import { add, div, maximum, mul, scale, shift, sqrt, square, stopGradient, sub } from './elementwise.ts';
import { concat, expand, reshape, slice } from './layout.ts';
import { scalar } from './leaf.ts';
import { gemm } from './product.ts';
import { mean, sum, sumOfSquares, sumTo } from './reduce.ts';

type LayerNormAttributes = { eps: number };

export const layerNormOp: Op<LayerNormAttributes> = {
  name: 'layerNorm',
  infer: ([x, weight, bias]) => {
    const width = x?.shape.at(-1);
    if (
      x === undefined ||
      weight?.shape.length !== 1 ||
      weight.shape[0] !== width ||
      bias?.shape[0] !== width
    ) {
      throw new GraphError(`wants a weight and a bias of ${width} elements for [${x?.shape.join(', ')}]`);
    }
    const statistic = { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] };
    return [x, statistic, statistic]; // y, mean, 1 / standard deviation
  },
  // With xhat = (x - mean) / sd and h = g * weight: dx = (h - mean(h) - xhat mean(h xhat)) / sd.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [x, weight] = [node.input(0), node.input(1)];
    const inverse = node.output(2);
    const xhat = mul(sub(x, node.output(1)), inverse);
    const gx = mul(g, xhat);
    const last = { axes: [-1], keep: true };
    const h = mul(g, weight);
    const dx = mul(sub(sub(h, mean(h, last)), mul(xhat, mean(mul(h, xhat), last))), inverse);
    return [dx, sumTo(gx, weight.shape), sumTo(g, weight.shape)];
  },
  slice: (node, range, slice) => {
    if (range.axis === node.output().rank - 1) return undefined;
    return layerNorm(slice(node.input(0), range), node.input(1), node.input(2), node.attributes.eps);
  },
  decompose: (node) => {
    const [x, weight, bias] = [node.input(0), node.input(1), node.input(2)];
    const last = { axes: [-1], keep: true };
    const average = mean(x, last);
    const centered = sub(x, average);
    const inverse = div(scalar(1), sqrt(shift(mean(square(centered), last), node.attributes.eps)));
    return [add(mul(mul(centered, inverse), weight), bias), average, inverse];
  },
};

/** Normalizes the last axis to mean 0 and (biased) variance 1, then `* weight + bias`. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  return new Node(layerNormOp, [x, weight, bias], { eps }).output(0);
}

export interface BatchStatistics {
  /** [C] */
  readonly mean: Tensor;
  /** [C], biased */
  readonly variance: Tensor;
}

type BatchNormAttributes = { eps: number };

/**
 * Elements of a row in which channels are repeated before they are scaled: engines broadcast long rows at the speed of
 * memory and short ones (32 channels) at a third of it.
 */
const WIDE = 1024;

/** How many rows of channels make one wide row: the largest divisor of the rows that keeps it within `WIDE`. */
function rowsTogether(rows: number, channels: number): number {
  let together = Math.max(1, Math.floor(WIDE / channels));
  while (rows % together !== 0) together--;
  return together;
}

/** Wide rows of repeated channels, and how to sum and repeat along them. */
function channelsOf(x: Tensor, channels: number) {
  const together = x.dim(1) / channels;
  const rows = x.dim(0) * together;
  return {
    /** Values of each channel. */
    rows,
    /** Sums of [wide rows, width] by channel: [C] */
    perChannel: (wide: Tensor): Tensor => sum(reshape(wide, [rows, channels]), { axes: [0] }),
    /** [C] -> [1, width] */
    repeated: (perChannel: Tensor): Tensor =>
      reshape(expand(reshape(perChannel, [1, channels]), [together, channels]), [1, x.dim(1)]),
  };
}

const batchNormOp: Op<BatchNormAttributes> = {
  name: 'batchNorm',
  infer: ([x, weight, bias]) => {
    const channels = weight?.shape[0] ?? 0;
    if (x?.shape.length !== 2 || (x.shape[1] ?? 0) % channels !== 0 || bias?.shape[0] !== channels) {
      throw new GraphError(`wants rows of channels, a weight and a bias, got [${x?.shape.join(', ')}]`);
    }
    const statistic = { dtype: x.dtype, shape: [channels] };
    return [x, statistic, statistic, x]; // y, mean, biased variance, x - mean
  },
  // With c = x - mean, s = 1 / sd: dx = w s (g - mean(g)) - w s^3 mean(g c) c, one pass less than through xhat.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [x, weight, centered] = [node.input(0), node.input(1), node.output(3)];
    const { rows, perChannel, repeated } = channelsOf(x, weight.dim(0));
    const inverse = div(scalar(1), sqrt(shift(node.output(2), node.attributes.eps)));
    const total = perChannel(g); // d bias
    const correlation = perChannel(mul(g, centered));
    const factor = mul(weight, inverse);
    const alongX = scale(mul(mul(factor, square(inverse)), correlation), 1 / rows);
    const constant = scale(mul(factor, total), 1 / rows);
    const dx = sub(sub(mul(g, repeated(factor)), mul(centered, repeated(alongX))), repeated(constant));
    return [dx, mul(correlation, inverse), total];
  },
  decompose: (node) => {
    const [x, weight, bias] = [node.input(0), node.input(1), node.input(2)];
    const { rows, perChannel, repeated } = channelsOf(x, weight.dim(0));
    const average = scale(perChannel(x), 1 / rows);
    const centered = sub(x, repeated(average));
    const variance = scale(perChannel(square(centered)), 1 / rows);
    const factor = div(weight, sqrt(shift(variance, node.attributes.eps)));
    return [add(mul(centered, repeated(factor)), repeated(bias)), average, variance, centered];
  },
};

/**
 * Normalizes every channel by its mean and biased variance over all other axes, then `* weight + bias`. Channels are the
 * last axis. The statistics are results to read; gradients do not pass through them.
 *
 * @param ranks whose rows are normalized together
 */
export function batchNormTrain(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  eps: number,
  ranks = 1,
): { readonly y: Tensor; readonly statistics: BatchStatistics } {
  const channels = x.dim(-1);
  const together = rowsTogether(x.size / channels, channels);
  const wide = reshape(x, [-1, together * channels]);
  if (ranks > 1) {
    const { y, statistics } = batchNormAcross(wide, weight, bias, eps, ranks);
    return { y: reshape(y, x.shape), statistics };
  }
  const node = new Node(batchNormOp, [wide, weight, bias], { eps });
  return {
    y: reshape(node.output(0), x.shape),
    statistics: { mean: stopGradient(node.output(1)), variance: stopGradient(node.output(2)) },
  };
}

/**
 * The first half of batch norm over several ranks: what lies off this rank's mean, the mean, and the sum of squares. Its gradient is
 * that of the deviations alone, as the second half gives all of what reaches x.
 */
const deviationsOp: Op<{ channels: number }> = {
  name: 'deviations',
  infer: ([x], { channels }) => {
    if (x?.shape.length !== 2 || (x.shape[1] ?? 0) % channels !== 0)
      throw new GraphError(`wants rows of ${channels} channels, got [${x?.shape.join(', ')}]`);
    const statistic = { dtype: x.dtype, shape: [channels] };
    return [x, statistic, statistic]; // x - mean, mean, sum of squares
  },
  gradient: (_, [g]) => [g],
  decompose: (node) => {
    const x = node.input(0);
    const { rows, perChannel, repeated } = channelsOf(x, node.attributes.channels);
    const average = scale(perChannel(x), 1 / rows);
    const deviations = sub(x, repeated(average));
    return [deviations, average, perChannel(square(deviations))];
  },
};

/** The second half: inputs are the deviations, weight, bias, this rank's mean less that of all, and the variance of all. */
const normalizeAcrossOp: Op<BatchNormAttributes & { ranks: number }> = {
  name: 'normalizeAcross',
  infer: ([x]) => (x === undefined ? [] : [x]),
  // As that of batchNorm, where means are those over all ranks: with offset o, x - mean is deviation + o.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { eps, ranks } = node.attributes;
    const [x, weight, offset] = [node.input(0), node.input(1), node.input(3)];
    const channels = weight.dim(0);
    const { rows, perChannel, repeated } = channelsOf(x, channels);
    const inverse = div(scalar(1), sqrt(shift(node.input(4), eps)));
    const total = perChannel(g); // d bias
    const correlation = add(perChannel(mul(g, x)), mul(offset, total));
    const all = sumAcross(concat([total, correlation], 0), ranks);
    const factor = mul(weight, inverse);
    const along = scale(
      mul(mul(factor, square(inverse)), slice(all, 0, channels, 2 * channels)),
      1 / (rows * ranks),
    );
    const constant = add(
      scale(mul(factor, slice(all, 0, 0, channels)), 1 / (rows * ranks)),
      mul(offset, along),
    );
    const dx = sub(sub(mul(g, repeated(factor)), mul(x, repeated(along))), repeated(constant));
    return [dx, mul(correlation, inverse), total];
  },
  decompose: (node) => {
    const [x, weight, bias, offset] = [node.input(0), node.input(1), node.input(2), node.input(3)];
    const { repeated } = channelsOf(x, weight.dim(0));
    const factor = div(weight, sqrt(shift(node.input(4), node.attributes.eps)));
    return [add(mul(x, repeated(factor)), repeated(add(mul(offset, factor), bias)))];
  },
};

/** Batch norm over the rows of several ranks: each says its mean and sum of squared deviations, from which all find the common ones. */
function batchNormAcross(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  eps: number,
  ranks: number,
): { readonly y: Tensor; readonly statistics: BatchStatistics } {
  const channels = weight.dim(0);
  const own = new Node(deviationsOp, [x], { channels });
  const rows = x.size / channels;
  const all = gatherAcross(reshape(concat([own.output(1), own.output(2)], 0), [1, 2, channels]), ranks);
  const means = reshape(slice(all, 1, 0, 1), [ranks, channels]);
  const average = mean(means, { axes: [0] });
  const between = sum(square(sub(means, average)), { axes: [0] });
  const within = sum(reshape(slice(all, 1, 1, 2), [ranks, channels]), { axes: [0] });
  const variance = scale(add(within, scale(between, rows)), 1 / (rows * ranks));
  const inputs = [own.output(0), weight, bias, sub(own.output(1), average), variance];
  return {
    y: new Node(normalizeAcrossOp, inputs, { eps, ranks }).output(0),
    statistics: { mean: stopGradient(average), variance: stopGradient(variance) },
  };
}

/** Batch norm by given statistics: `(x - mean) / sqrt(variance + eps) * weight + bias`, channels last. */
export function batchNorm(
  x: Tensor,
  { mean, variance }: BatchStatistics,
  weight: Tensor,
  bias: Tensor,
  eps: number,
): Tensor {
  const factor = div(weight, sqrt(shift(variance, eps)));
  return add(mul(sub(x, mean), factor), bias);
}

/** `x / max(|x|, eps)` along the last axis (torch's `normalize`). */
export function l2Normalize(x: Tensor, eps = 1e-12): Tensor {
  const norm = sqrt(sumOfSquares(x, { axes: [-1], keep: true }));
  return div(x, maximum(norm, scalar(eps)));
}

/**
 * A linear layer without bias whose weight rows are `g v / |v|` (weight normalization, Salimans and Kingma 2016; torch's
 * `weight_norm` with dim 0). The rows' lengths scale the products instead of the weights, so that no normalized copy of a
 * large weight is made, forward or backward.
 *
 * @param x [rows, in]
 * @param v [out, in]
 * @param g [out, 1]
 * @returns [rows, out]
 */
export function weightNormLinear(x: Tensor, v: Tensor, g: Tensor): Tensor {
  const length = sqrt(sumOfSquares(v, { axes: [1], keep: true })); // [out, 1]
  const products = gemm(x, v, { transB: true }); // [rows, out]
  return mul(products, reshape(div(g, length), [1, -1]));
}
