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

/** Part 0, 1 or 2 of a linear layer whose rows are [q | k | v]: [..., D] -> [..., D] */
export function qkvPart(scope: Scope, x: Tensor, part: 0 | 1 | 2): Tensor {
  const dim = x.dim(-1);
  const rows = (all: Tensor): Tensor => slice(all, 0, part * dim, (part + 1) * dim);
  const weight = scope.param('weight', [3 * dim, dim], weightInit);
  return add(linear(x, rows(weight)), rows(scope.param('bias', [3 * dim], zero)));
}

/**
 * softmax(q k' / sqrt d) v for each head, then a projection. The rows of `qkv` are [q | k | v][head][D / heads].
 *
 * @param x [N, B, D]
 * @param queries [M, B, D]: the tokens that ask; all of them unless given
 * @returns context [M, B, D], probabilities [B, heads, M, N]
 */
export function selfAttention(
  scope: Scope,
  x: Tensor,
  heads: number,
  queries = x,
): { readonly context: Tensor; readonly probabilities: Tensor } {
  const dim = x.dim(-1);
  const qkv = scope.at('qkv');
  const [q, k, v] = [qkvPart(qkv, queries, 0), qkvPart(qkv, x, 1), qkvPart(qkv, x, 2)];
  const { context, probabilities } = attention(q, k, v, heads);
  return { context: dense(scope.at('proj'), context, dim), probabilities };
}
