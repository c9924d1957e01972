/** Depthwise convolution: every channel of a map has a kernel of its own. [images, height, width, channels], stride 1. */
import { GraphError } from '../errors.ts';
import { apply, type Op, type Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { gather, reshape, transpose } from './layout.ts';
import { indices } from './leaf.ts';
import { sum } from './reduce.ts';
import { unfold, windowsAlong } from './windows.ts';

type DepthwiseAttributes = { padding: number };

/** Inputs are x and the weight. */
export const depthwiseOp: Op<DepthwiseAttributes> = {
  name: 'depthwise',
  infer: ([x, weight], { padding }) => {
    const [images, height, width, channels] = x?.shape ?? [];
    const [out, one, kernel = 0, columns] = weight?.shape ?? [];
    if (x === undefined || images === undefined || height === undefined || width === undefined)
      throw new GraphError(`wants [images, height, width, channels], got [${x?.shape.join(', ')}]`);
    if (out === undefined || out !== channels || one !== 1 || columns !== kernel)
      throw new GraphError(`weight [${weight?.shape.join(', ')}] does not fit ${channels} channels`);
    const along = (pixels: number): number => windowsAlong(pixels, { kernel, stride: 1, padding });
    return [{ dtype: x.dtype, shape: [images, along(height), along(width), out] }];
  },
  // Of x: the same with the kernels turned around. Of the weight: each tap with what it met.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [x, weight, { padding }] = [node.input(0), node.input(1), node.attributes];
    const kernel = weight.dim(2);
    const taps = Array.from({ length: kernel * kernel }, (_, tap) => kernel * kernel - 1 - tap);
    const turned = gather(reshape(weight, [weight.dim(0), kernel * kernel]), indices(taps), 1);
    const ofX = depthwise(g, reshape(turned, weight.shape), { padding: kernel - 1 - padding });
    const met = mul(windows(x, kernel, padding), reshape(g, [-1, 1, g.dim(3)]));
    const ofWeight = transpose(sum(met, { axes: [0] }), [1, 0]); // [C, k k]
    return [ofX, reshape(ofWeight, weight.shape)];
  },
  decompose: (node) => {
    const [weight, y] = [node.input(1), node.output()];
    const kernel = weight.dim(2);
    const byTap = transpose(reshape(weight, [weight.dim(0), kernel * kernel]), [1, 0]); // [k k, C]
    const met = mul(windows(node.input(0), kernel, node.attributes.padding), byTap);
    return [reshape(sum(met, { axes: [1] }), y.shape)];
  },
};

/** The elements of every window: [B H' W', k k, C] */
function windows(x: Tensor, kernel: number, padding: number): Tensor {
  return reshape(unfold(x, { kernel, padding }), [-1, kernel * kernel, x.dim(3)]);
}

/**
 * A convolution of each channel by itself.
 *
 * @param x [B, H, W, C]
 * @param weight [C, 1, kernel, kernel], as PyTorch keeps it
 * @param options `padding`: at most kernel - 1
 * @returns [B, H', W', C]
 */
export function depthwise(
  x: Tensor,
  weight: Tensor,
  { padding = 0 }: { readonly padding?: number } = {},
): Tensor {
  return apply(depthwiseOp, [x, weight], { padding });
}
