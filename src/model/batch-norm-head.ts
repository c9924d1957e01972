/**
 * The heads of SimCLR and BYOL: linear layers with batch norm and ReLU between them. Parameters are named as lightly names them,
 * `layers.<place among the modules>`. The codes put biases and norms at different places:
 *
 *     SimCLR            Linear, BN, ReLU, Linear, BN           no bias beside a norm; the last layer has a norm too
 *     BYOL, lightly     Linear, BN, ReLU, Linear + bias
 *     BYOL, deepmind    Linear + bias, BN, ReLU, Linear
 */
import { add, linear, relu, type Scope, type Tensor, uniform } from '../graph/index.ts';
import { batchNormLayer, type Mode } from './batch-norm.ts';

export interface SimclrHeadConfig {
  readonly hiddenDim: number;
  readonly outDim: number;
  /** Number of linear layers, 2 in the paper. */
  readonly layers: number;
  /** Without it linear layers have biases. */
  readonly batchNorm: boolean;
}

export interface ByolHeadConfig {
  readonly hiddenDim: number;
  readonly outDim: number;
  /** Where the biases are: `deepmind` is the official code's and the default. */
  readonly layout?: 'deepmind' | 'lightly';
}

/** SimCLR's projection head: [rows, D] -> [rows, outDim] */
export function simclrHead(scope: Scope, x: Tensor, config: SimclrHeadConfig, mode: Mode): Tensor {
  const { hiddenDim, outDim, layers, batchNorm } = config;
  const each = { bias: !batchNorm, norm: batchNorm };
  const hidden = Array.from({ length: layers - 1 }, () => ({ ...each, width: hiddenDim, activates: true }));
  return layered(scope, x, [...hidden, { ...each, width: outDim, activates: false }], mode);
}

/** BYOL's projector, and its predictor: [rows, D] -> [rows, outDim] */
export function byolHead(
  scope: Scope,
  x: Tensor,
  { hiddenDim, outDim, layout = 'deepmind' }: ByolHeadConfig,
  mode: Mode,
): Tensor {
  const biasFirst = layout === 'deepmind';
  const layers = [
    { width: hiddenDim, bias: biasFirst, norm: true, activates: true },
    { width: outDim, bias: !biasFirst, norm: false, activates: false },
  ];
  return layered(scope, x, layers, mode);
}

interface HeadLayer {
  readonly width: number;
  readonly bias: boolean;
  readonly norm: boolean;
  /** A ReLU follows. */
  readonly activates: boolean;
}

function layered(scope: Scope, x: Tensor, layers: readonly HeadLayer[], mode: Mode): Tensor {
  let place = 0;
  const next = (): Scope => scope.at('layers').at(place++);
  let h = x;
  for (const { width, bias, norm, activates } of layers) {
    const at = next();
    const init = uniform(h.dim(-1) ** -0.5); // nn.Linear's own
    h = linear(h, at.param('weight', [width, h.dim(-1)], init));
    if (bias) h = add(h, at.param('bias', [width], init));
    if (norm) h = batchNormLayer(next(), h, mode);
    if (activates) {
      h = relu(h);
      place++;
    }
  }
  return h;
}
