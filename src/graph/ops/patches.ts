/** A convolution whose stride is its kernel, as a transformer takes it: one linear map of every patch of an image. */
import { GraphError } from '../errors.ts';
import { apply, type Op, type Tensor } from '../tensor.ts';
import { add } from './elementwise.ts';
import { pad, reshape, slice, transpose } from './layout.ts';
import { gemm, linear } from './product.ts';
import { sumTo } from './reduce.ts';

type None = Record<string, never>;

/** Inputs are the images, the weight and the bias. */
export const patchProjectionOp: Op<None> = {
  name: 'patchProjection',
  infer: ([images, weight, bias]) => {
    const [b, channels, height = 0, width = 0] = images?.shape ?? [];
    const [out, inputs, side = 1, columns] = weight?.shape ?? [];
    if (images === undefined || b === undefined || out === undefined)
      throw new GraphError('wants images [B, C, H, W] and a weight [out, C, side, side]');
    if (inputs !== channels || columns !== side || bias?.shape.length !== 1 || bias.shape[0] !== out)
      throw new GraphError(
        `a weight [${weight?.shape.join(', ')}] and a bias [${bias?.shape.join(', ')}] do not fit ${channels} channels`,
      );
    return [{ dtype: images.dtype, shape: [Math.floor(height / side) * Math.floor(width / side), b, out] }];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [images, weight, bias] = [node.input(0), node.input(1), node.input(2)];
    const rows = reshape(g, [-1, g.dim(2)]);
    const patches = patchRows(images, weight.dim(2));
    const ofWeight = gemm(rows, reshape(patches, [rows.dim(0), -1]), { transA: true });
    const ofPatches = reshape(gemm(rows, reshape(weight, [g.dim(2), -1])), patches.shape);
    return [
      fromPatchRows(ofPatches, images, weight.dim(2)),
      reshape(ofWeight, weight.shape),
      sumTo(g, bias.shape),
    ];
  },
  decompose: (node) => {
    const [images, weight, bias] = [node.input(0), node.input(1), node.input(2)];
    const flat = reshape(weight, [weight.dim(0), -1]);
    return [add(linear(patchRows(images, weight.dim(2)), flat), bias)];
  },
};

/** [B, C, H, W] -> [h * w, B, C * side * side] */
function patchRows(images: Tensor, side: number): Tensor {
  const [b, c, h, w] = [
    images.dim(0),
    images.dim(1),
    Math.floor(images.dim(2) / side),
    Math.floor(images.dim(3) / side),
  ];
  const whole = slice(slice(images, 2, 0, h * side), 3, 0, w * side);
  const grid = reshape(whole, [b, c, h, side, w, side]);
  return reshape(transpose(grid, [2, 4, 0, 1, 3, 5]), [h * w, b, c * side * side]);
}

/** What `patchRows` did, undone; pixels beyond the last whole patch are zero. */
function fromPatchRows(rows: Tensor, images: Tensor, side: number): Tensor {
  const [b, c, height, width] = [images.dim(0), images.dim(1), images.dim(2), images.dim(3)];
  const [h, w] = [Math.floor(height / side), Math.floor(width / side)];
  const grid = transpose(reshape(rows, [h, w, b, c, side, side]), [2, 3, 0, 4, 1, 5]);
  const whole = reshape(grid, [b, c, h * side, w * side]);
  return pad(pad(whole, 2, 0, height - h * side), 3, 0, width - w * side);
}

/**
 * @param images [B, C, H, W]; pixels beyond the last whole patch are left out
 * @param weight [out, C, side, side], as PyTorch keeps a convolution's
 * @param bias [out]
 * @returns the patches row by row, [h * w, B, out]
 */
export function patchProjection(images: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return apply(patchProjectionOp, [images, weight, bias], {});
}
