/**
 * The projection head of DINO (official `DINOHead`): an MLP, L2 normalization, and a weight-normalized linear layer onto
 * `outDim` prototypes.
 */
import {
  gelu,
  l2Normalize,
  one,
  type Scope,
  type Tensor,
  uniform,
  weightNormLinear,
} from '../graph/index.ts';
import { batchNormLayer, type Mode } from './batch-norm.ts';
import { dense } from './layers.ts';

export interface HeadConfig {
  readonly outDim: number;
  readonly hiddenDim: number;
  readonly bottleneckDim: number;
  /** Number of linear layers before the normalization; 1 leaves out everything hidden. */
  readonly layers: number;
  readonly useBn: boolean;
  /** Keeps the length of the last layer's rows at 1 instead of learning it. */
  readonly normLastLayer: boolean;
}

/**
 * @param x [rows, D]
 * @returns logits [rows, outDim]
 */
export function projectionHead(scope: Scope, x: Tensor, config: HeadConfig, mode: Mode): Tensor {
  const { outDim, hiddenDim, bottleneckDim, layers, useBn, normLastLayer } = config;
  let h = x;
  const mlp = scope.at('mlp');
  if (layers === 1) {
    h = dense(mlp, h, bottleneckDim);
  } else {
    // Keys count every module of the official Sequential: Linear, [BatchNorm], GELU, ...
    let key = 0;
    for (let i = 0; i < layers - 1; i++) {
      h = dense(mlp.at(key++), h, hiddenDim);
      if (useBn) h = batchNormLayer(mlp.at(key++), h, mode);
      h = gelu(h);
      key++;
    }
    h = dense(mlp.at(key), h, bottleneckDim);
  }
  const last = scope.at('last_layer');
  const g = last.param('weight_g', [outDim, 1], one, { trainable: !normLastLayer });
  // Made after the official initialization has run, so it keeps nn.Linear's own.
  const v = last.param('weight_v', [outDim, bottleneckDim], uniform(bottleneckDim ** -0.5));
  return weightNormLinear(l2Normalize(h), v, g);
}
