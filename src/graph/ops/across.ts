/**
 * Where values of several ranks meet: processes that run one program on different images. Each has its own values for a tensor; the
 * loss of the step is the sum of their losses. With one rank they are the identity and leave no node.
 *
 * They are primitives that no program of one process can compute: an engine has to stop there and speak with the others.
 */
import { GraphError } from '../errors.ts';
import { apply, type Op, type Tensor, type TensorType } from '../tensor.ts';

type AcrossAttributes = { ranks: number };

function floats(x: TensorType | undefined): TensorType {
  if (x?.dtype !== 'f32') throw new GraphError('wants a tensor of float32');
  return x;
}

/** @returns how many rows the leading axis has */
function rowsOf({ shape }: TensorType): number {
  const [rows] = shape;
  if (rows === undefined) throw new GraphError('wants a tensor with a leading axis');
  return rows;
}

export const sumAcrossOp: Op<AcrossAttributes> = {
  name: 'sumAcross',
  infer: ([x]) => [floats(x)],
  // Every rank's loss depends on every rank's value.
  gradient: (node, [g]) => (g === undefined ? [] : [sumAcross(g, node.attributes.ranks)]),
};

export const gatherAcrossOp: Op<AcrossAttributes> = {
  name: 'gatherAcross',
  infer: ([x], { ranks }) => {
    const type = floats(x);
    return [{ dtype: 'f32', shape: [rowsOf(type) * ranks, ...type.shape.slice(1)] }];
  },
  gradient: (node, [g]) => (g === undefined ? [] : [scatterAcross(g, node.attributes.ranks)]),
};

export const scatterAcrossOp: Op<AcrossAttributes> = {
  name: 'scatterAcross',
  infer: ([x], { ranks }) => {
    const type = floats(x);
    const rows = rowsOf(type);
    if (rows % ranks !== 0) throw new GraphError(`cannot share ${rows} rows out to ${ranks} ranks`);
    return [{ dtype: 'f32', shape: [rows / ranks, ...type.shape.slice(1)] }];
  },
  gradient: (node, [g]) => (g === undefined ? [] : [gatherAcross(g, node.attributes.ranks)]),
};

function across(op: Op<AcrossAttributes>, x: Tensor, ranks: number): Tensor {
  return ranks === 1 ? x : apply(op, [x], { ranks });
}

/** The sum of all ranks' values, on each of them. */
export const sumAcross = (x: Tensor, ranks: number): Tensor => across(sumAcrossOp, x, ranks);

/** The rows of all ranks, on each of them, one rank's after the other's: [n, ...] -> [ranks * n, ...] */
export const gatherAcross = (x: Tensor, ranks: number): Tensor => across(gatherAcrossOp, x, ranks);

/** Each rank's part of the rows of the sum, the transpose of `gatherAcross`: [ranks * n, ...] -> [n, ...] */
export const scatterAcross = (x: Tensor, ranks: number): Tensor => across(scatterAcrossOp, x, ranks);
