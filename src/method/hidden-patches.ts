/**
 * Which patches are hidden, as a graph needs it. Programs have fixed sizes, so the numbers of hidden patches enter as a list of
 * fixed length, filled up with a number one past the last patch; mask and weights follow from the list.
 */
import {
  concat,
  constant,
  div,
  expand,
  gather,
  greater,
  maximum,
  pad,
  reshape,
  scalar,
  scatterAdd,
  slice,
  sum,
  type Tensor,
} from '../graph/index.ts';

export interface HiddenPatches {
  /** True for hidden patches: [views, patches] */
  readonly masks: Tensor;
  /** 1 for rows of the list that are patches, 0 for those that fill up: [rows, 1] */
  readonly counts: Tensor;
  /** 1 / hidden patches of the same view, 0 for rows that fill up (official `masks_weight`): [rows, 1] */
  readonly weights: Tensor;
  /** The rows of the list: [views, patches, D] -> [rows, D]. Rows that fill up are those of some patch. */
  of(patches: Tensor): Tensor;
}

/** @param list numbers of the hidden patches in row-major order of [views, patches], then `views * patches`: i64 [rows] */
export function hiddenPatches(list: Tensor, views: number, patches: number): HiddenPatches {
  const [rows, all] = [list.dim(0), views * patches];
  const ones = constant(new Float32Array(rows).fill(1), [rows, 1]);
  const flat = slice(scatterAdd(ones, list, all + 1, 0), 0, 0, all); // [all, 1]
  const perView = reshape(flat, [views, patches]);
  const hidden = maximum(sum(perView, { axes: [1], keep: true }), scalar(1));
  const share = reshape(expand(div(scalar(1), hidden), [views, patches]), [all, 1]);
  const orZero = (values: Tensor): Tensor => gather(pad(values, 0, 0, 1), list, 0);
  return {
    masks: greater(perView, scalar(0)),
    counts: orZero(flat),
    weights: orZero(share),
    of: (tokens) => {
      const each = reshape(tokens, [all, -1]);
      return gather(concat([each, slice(each, 0, 0, 1)], 0), list, 0);
    },
  };
}
