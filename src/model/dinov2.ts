/**
 * What DINOv2 adds to a Vision Transformer (Oquab et al. 2023; registers: Darcet et al. 2023): a learned factor for each channel
 * of a branch, a gated MLP, and tokens that belong to no patch.
 */
import {
  concat,
  expand,
  mul,
  one,
  type Scope,
  scale,
  shift,
  slice,
  type Tensor,
  tanh,
  transpose,
} from '../graph/index.ts';
import { dense, weightInit } from './layers.ts';

/** A branch [N, B, D] times a learned factor for each channel. */
export function layerScale(scope: Scope, branch: Tensor): Tensor {
  return mul(branch, scope.param('gamma', [branch.dim(-1)], one));
}

/** SwiGLU (Shazeer 2020): `silu(x W1) * (x W2)`, then a linear layer; `w12` holds both. [..., D] -> [..., D] */
export function swiglu(scope: Scope, x: Tensor, hidden: number): Tensor {
  const both = dense(scope.at('w12'), x, 2 * hidden);
  const last = both.rank - 1;
  const [gate, value] = [slice(both, last, 0, hidden), slice(both, last, hidden, 2 * hidden)];
  const open = mul(gate, scale(shift(tanh(scale(gate, 0.5)), 1), 0.5)); // SiLU: x sigmoid(x)
  return dense(scope.at('w3'), mul(open, value), x.dim(-1));
}

/** Registers behind the class token; they have no position. [N, B, D] -> [N + count, B, D] */
export function withRegisters(scope: Scope, tokens: Tensor, count: number): Tensor {
  if (count === 0) return tokens;
  const [n, b, dim] = [tokens.dim(0), tokens.dim(1), tokens.dim(2)];
  const registers = transpose(scope.param('register_tokens', [1, count, dim], weightInit), [1, 0, 2]);
  return concat([slice(tokens, 0, 0, 1), expand(registers, [count, b, dim]), slice(tokens, 0, 1, n)], 0);
}

/** [N + count, B, D] -> [N, B, D] */
export function withoutRegisters(tokens: Tensor, count: number): Tensor {
  if (count === 0) return tokens;
  return concat([slice(tokens, 0, 0, 1), slice(tokens, 0, 1 + count, tokens.dim(0))], 0);
}
