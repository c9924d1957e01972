/** Layers that networks have in common, with the official names and initialization of their parameters. */
import {
  add,
  attention,
  gelu,
  type Initializer,
  layerNorm,
  linear,
  one,
  type Scope,
  slice,
  type Tensor,
  truncNormal,
  zero,
} from '../graph/index.ts';

/** The official initialization of weights, class token and positions. */
export const weightInit: Initializer = truncNormal(0.02);

/** `x W' + b` over the last axis, parameters `weight` and `bias`: [..., in] -> [..., width] */
export function dense(scope: Scope, x: Tensor, width: number): Tensor {
  const weight = scope.param('weight', [width, x.dim(-1)], weightInit);
  return add(linear(x, weight), scope.param('bias', [width], zero));
}

/** Layer norm over the last axis, parameters `weight` and `bias`. */
export function norm(scope: Scope, x: Tensor, eps: number): Tensor {
  const dim = x.dim(-1);
  return layerNorm(x, scope.param('weight', [dim], one), scope.param('bias', [dim], zero), eps);
}

/** Two linear layers with a GELU between, `fc1` and `fc2`: [..., D] -> [..., D] */
export function mlp(scope: Scope, x: Tensor, hidden: number): Tensor {
  return dense(scope.at('fc2'), gelu(dense(scope.at('fc1'), x, hidden)), x.dim(-1));
}

/**
 * softmax(q k' / sqrt d) v for each head, then a projection. The rows of `qkv` are [q | k | v][head][D / heads].
 *
 * @param x [N, B, D]
 */
export function selfAttention(
  scope: Scope,
  x: Tensor,
  heads: number,
): { readonly context: Tensor; readonly probabilities: Tensor } {
  const dim = x.dim(-1);
  const weight = scope.at('qkv').param('weight', [3 * dim, dim], weightInit);
  const bias = scope.at('qkv').param('bias', [3 * dim], zero);
  const third = (i: number): Tensor =>
    add(linear(x, slice(weight, 0, i * dim, (i + 1) * dim)), slice(bias, 0, i * dim, (i + 1) * dim));
  const { context, probabilities } = attention(third(0), third(1), third(2), heads);
  return { context: dense(scope.at('proj'), context, dim), probabilities };
}
