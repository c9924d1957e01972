/** The form in which a graph is written for any ONNX runtime, and in which it is the same whatever the size of the images. */
import { scaleFactor, scaleOp } from '../../ops/elementwise.ts';
import { reshape, reshapeOp } from '../../ops/layout.ts';
import { gemmOp, product } from '../../ops/product.ts';
import { sumOp } from '../../ops/reduce.ts';
import { decompose } from '../../passes/decompose.ts';
import { shareSubexpressions } from '../../passes/share.ts';
import { apply, isOp, madeBy, type Op, sameShape, type Tensor } from '../../tensor.ts';
import { rewrite } from '../../traverse.ts';
import { channelsFirst, ofWindows } from './channels-first.ts';

/** @param keeps whether there is a rule for an op */
export function portableForm(roots: readonly Tensor[], keeps: (op: Op) => boolean): Tensor[] {
  const apart = decompose(roots, (op) => keeps(op) || ofWindows.has(op));
  return shareSubexpressions(means(linearLayers(channelsFirst(apart))));
}

/** Linear layers over tokens [..., in] as one product: no matrix of all rows, whose count is known only at the end. */
function linearLayers(roots: readonly Tensor[]): Tensor[] {
  return rewrite(roots, (node, [x]) => {
    if (!isOp(node, reshapeOp) || x === undefined) return undefined;
    const { shape } = node.attributes;
    const gemm = madeBy(x, gemmOp);
    if (gemm === undefined || gemm.inputs.length > 2) return [reshape(x, shape)];
    const { transA, transB, alpha } = gemm.attributes;
    const source = madeBy(gemm.input(0), reshapeOp)?.input(0);
    const lead = shape.slice(0, -1);
    const isLinear = source !== undefined && sameShape(source.shape.slice(0, lead.length), lead);
    if (!isLinear || transA || !transB || alpha !== 1) return undefined;
    const tokens = reshape(source, [...lead, gemm.input(0).dim(1)]);
    return [product(tokens, gemm.input(1), { contract: [[lead.length], [1]] })];
  });
}

type MeanAttributes = { axes: readonly number[]; keep: boolean };

export const meanOp: Op<MeanAttributes> = { name: 'mean', infer: sumOp.infer };

/** Sums that are divided by how many elements were added up: that number is known only at the end. */
function means(roots: readonly Tensor[]): Tensor[] {
  return rewrite(roots, (node, [x]) => {
    const sum = x === undefined ? undefined : madeBy(x, sumOp);
    if (!isOp(node, scaleOp) || sum === undefined) return undefined;
    const summed = sum.input(0);
    return scaleFactor(node.output()) === sum.output().size / summed.size
      ? [apply(meanOp, [summed], sum.attributes)]
      : undefined;
  });
}
