/**
 * What DINOv2 adds to a Vision Transformer (Oquab et al. 2023; registers: Darcet et al. 2023): a learned factor for each channel
 * of a branch, a gated MLP, tokens that belong to no patch, and one that stands for hidden patches.
 */
import {
  concat,
  expand,
  type Initializer,
  mul,
  reshape,
  type Scope,
  scale,
  shift,
  slice,
  type Tensor,
  tanh,
  transpose,
  truncNormal,
  where,
  zero,
} from '../graph/index.ts';
import { dense } from './layers.ts';

/** A branch [N, B, D] times a learned factor for each channel, which begins as `start`. */
export function layerScale(scope: Scope, branch: Tensor, start = 1): Tensor {
  const init: Initializer = (_, [dim = 0]) => new Float32Array(dim).fill(start);
  return mul(branch, scope.param('gamma', [branch.dim(-1)], init));
}

/** The width behind the gate that gives a gated MLP as many weights as one of `hidden`: two thirds, up to a multiple of 8. */
export function gatedWidth(hidden: number): number {
  return Math.ceil(Math.trunc((hidden * 2) / 3) / 8) * 8;
}

/** SwiGLU (Shazeer 2020): `silu(x W1) * (x W2)`, then a linear layer; `w12` holds both. [..., D] -> [..., D] */
export function swiglu(scope: Scope, x: Tensor, hidden: number): Tensor {
  const both = dense(scope.at('w12'), x, 2 * hidden);
  const last = both.rank - 1;
  const [gate, value] = [slice(both, last, 0, hidden), slice(both, last, hidden, 2 * hidden)];
  const open = mul(gate, scale(shift(tanh(scale(gate, 0.5)), 1), 0.5)); // SiLU: x sigmoid(x)
  return dense(scope.at('w3'), mul(open, value), x.dim(-1));
}

/** A learned token in place of the patches where `masks` [B, n] is true, everywhere else the patches: [n, B, D] -> [n, B, D] */
export function maskToken(scope: Scope, patches: Tensor, masks: Tensor | undefined): Tensor {
  const token = scope.param('mask_token', [1, patches.dim(-1)], zero);
  if (masks === undefined) return patches;
  return where(reshape(transpose(masks, [1, 0]), [masks.dim(1), masks.dim(0), 1]), token, patches);
}

/** Registers behind the class token; they have no position. [N, B, D] -> [N + count, B, D] */
export function withRegisters(scope: Scope, tokens: Tensor, count: number): Tensor {
  if (count === 0) return tokens;
  const [n, b, dim] = [tokens.dim(0), tokens.dim(1), tokens.dim(2)];
  const registers = transpose(scope.param('register_tokens', [1, count, dim], truncNormal(1e-6)), [1, 0, 2]);
  return concat([slice(tokens, 0, 0, 1), expand(registers, [count, b, dim]), slice(tokens, 0, 1, n)], 0);
}

/** [N + count, B, D] -> [N, B, D] */
export function withoutRegisters(tokens: Tensor, count: number): Tensor {
  if (count === 0) return tokens;
  return concat([slice(tokens, 0, 0, 1), slice(tokens, 0, 1 + count, tokens.dim(0))], 0);
}
