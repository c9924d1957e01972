/**
 * A convolutional stem for a ViT (after Xiao et al. 2021, "Early convolutions help transformers see better"): convolutions
 * of stride 2 with doubling widths in place of one large linear map. Small networks learn faster with it. Normalized over
 * channels instead of the batch, so that images stay independent and micro-batches exact.
 */
import { conv2d, drawn, gelu, type Initializer, type Scope, type Tensor, transpose } from '../graph/index.ts';
import { dense, norm } from './layers.ts';

const EPS = 1e-6;

/** He normal over the fan-in. */
const convInit: Initializer = (random, shape) => {
  const fanIn = (shape[1] ?? 1) * (shape[2] ?? 1) * (shape[3] ?? 1);
  const std = Math.sqrt(2 / fanIn);
  return drawn(shape, () => std * random.normal());
};

/**
 * @param images [B, C, H, W]
 * @param patchSize a power of 2: the stride of the whole stem
 * @returns [B, h, w, D]
 */
export function convStem(scope: Scope, images: Tensor, patchSize: number, dim: number): Tensor {
  const halvings = Math.log2(patchSize);
  if (!Number.isInteger(halvings))
    throw new Error(`A convolutional stem needs a patch size that is a power of 2, not ${patchSize}.`);
  let x = transpose(images, [0, 2, 3, 1]); // [B, H, W, C]
  for (let i = 0; i < halvings; i++) {
    const width = Math.max(16, dim >> (halvings - i));
    const layer = scope.at('stem').at(i);
    const weight = layer.at('conv').param('weight', [width, x.dim(3), 3, 3], convInit);
    x = gelu(norm(layer.at('norm'), conv2d(x, weight, { stride: 2, padding: 1 }), EPS));
  }
  return dense(scope.at('proj'), x, dim);
}
