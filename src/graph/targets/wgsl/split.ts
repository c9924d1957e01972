/**
 * Long sums of few results become two: a device computes thousands of things at a time. Also brings reductions into the form that
 * kernels know: one run of axes of more than one element.
 */
import { reshape } from '../../ops/layout.ts';
import { freeAxes, product, productOp } from '../../ops/product.ts';
import { maxOp, sum, sumOp } from '../../ops/reduce.ts';
import { isOp, Node, type NodeOf, sizeOf, type Tensor } from '../../tensor.ts';
import { rewrite } from '../../traverse.ts';
import { gathered, type Reduction, spaceOf } from './space.ts';

export function splitLongSums(roots: readonly Tensor[]): Tensor[] {
  return rewrite(roots, (node, [x, other]) => {
    if (x === undefined) return undefined;
    if (isOp(node, sumOp) || isOp(node, maxOp)) return splitReduction(node, x);
    return isOp(node, productOp) && other !== undefined ? splitProduct(node, x, other) : undefined;
  });
}

/** The results of these many at a time keep a device busy. */
const BUSY = 64;

function splitReduction(node: Reduction, x: Tensor): Tensor[] | undefined {
  const { shape } = node.output();
  const space = spaceOf(x.shape, node.attributes.axes);
  if (space === undefined) return [gathered(node, x)];
  const { outer, along, inner } = space;
  if (along === 1) return [reshape(x, shape)];
  const rows = outer * inner;
  const [wanted, least] =
    inner === 1 ? [Math.ceil(BUSY / rows), 2048] : [Math.ceil((BUSY * 128) / (rows * 16)), 64];
  const parts = rows >= BUSY * (inner === 1 ? 0.5 : 64) ? 1 : divisor(along, Math.min(wanted, along / least));
  if (parts === 1) return undefined;
  const apart = reshape(x, [outer, parts, along / parts, inner]);
  const first = new Node(node.op, [apart], { axes: [2], keep: false }).output();
  return [reshape(new Node(node.op, [first], { axes: [1], keep: false }).output(), shape)];
}

/** The largest divisor that is at most that. */
function divisor(of: number, atMost: number): number {
  for (let i = Math.floor(atMost); i > 1; i--) if (of % i === 0) return i;
  return 1;
}

/** Elements that are summed at least in each part of a product. */
const LEAST = 256;

function splitProduct(node: NodeOf<typeof productOp>, a: Tensor, b: Tensor): Tensor[] | undefined {
  const { batchA, batchB, contractA, contractB } = node.attributes;
  const of = (x: Tensor, axes: readonly number[]): number => sizeOf(axes.map((axis) => x.dim(axis)));
  const [rows, columns] = [of(a, freeAxes(a, batchA, contractA)), of(b, freeAxes(b, batchB, contractB))];
  const tiles = Math.ceil(rows / 64) * Math.ceil(columns / 64) * of(a, batchA);
  const sizes = contractA.map((axis) => a.dim(axis));
  const at = sizes.indexOf(Math.max(...sizes));
  const [axisA, axisB] = [contractA[at], contractB[at]];
  if (axisA === undefined || axisB === undefined || tiles >= BUSY / 2) return undefined;
  const others = of(a, contractA) / a.dim(axisA);
  const parts = divisor(a.dim(axisA), Math.min(BUSY / tiles, (a.dim(axisA) * others) / LEAST));
  if (parts === 1) return undefined;
  const apart = (x: Tensor, axis: number): Tensor =>
    reshape(x, [...x.shape.slice(0, axis), parts, x.dim(axis) / parts, ...x.shape.slice(axis + 1)]);
  /** Axes after the split: the parts come in before the elements of a part. */
  const moved = (axes: readonly number[], split: number): number[] =>
    axes.map((axis) => (axis >= split ? axis + 1 : axis));
  const partial = product(apart(a, axisA), apart(b, axisB), {
    batch: [
      [axisA, ...moved(batchA, axisA)],
      [axisB, ...moved(batchB, axisB)],
    ],
    contract: [moved(contractA, axisA), moved(contractB, axisB)],
  });
  return [sum(partial, { axes: [0] })];
}
