/**
 * Local rewrites for targets that multiply matrices with a factor and an addend (`gemm`) in one pass. Each removes a pass over
 * memory and changes nothing but the order of rounding:
 *
 * - a GELU whose parts the backward pass computes anyway is put together from those parts;
 * - factors known now move into the matrix product before or after them (`Gemm` multiplies by alpha for free);
 * - products of weight gradients take what they are added to as their addend.
 */
import { geluOp, geluParts } from '../ops/activation.ts';
import { add, addends, addOp, erfOp, factors, mul, mulOp, scale, scaleFactor } from '../ops/elementwise.ts';
import { concat, concatOp, reshape, reshapeOp, slice } from '../ops/layout.ts';
import { inputName } from '../ops/leaf.ts';
import { gemmOp } from '../ops/product.ts';
import { sumOp } from '../ops/reduce.ts';
import { isOp, madeBy, Node, type NodeOf, sameShape, type Tensor } from '../tensor.ts';
import { countUses, rewrite } from '../traverse.ts';
import { shareSubexpressions } from './share.ts';

/** @returns the same tensors, computed with fewer passes over memory */
export function simplify(roots: readonly Tensor[]): Tensor[] {
  const shared = shareSubexpressions(splitGelus(roots));
  return shareSubexpressions(accumulateInPlace(foldFactors(shared)));
}

/** Computes a GELU from `geluParts` where its error function is needed by other nodes too. */
function splitGelus(roots: readonly Tensor[]): Tensor[] {
  const withErf = new Set<Tensor>();
  rewrite(roots, (node) => {
    if (isOp(node, erfOp)) withErf.add(scaledFrom(node.input(0)));
    return undefined;
  });
  return rewrite(roots, (node, inputs) => {
    const [x] = inputs;
    if (!isOp(node, geluOp) || x === undefined || !withErf.has(node.input(0))) return undefined;
    const { u, gate } = geluParts(x);
    return [scale(mul(u, gate), Math.SQRT1_2)];
  });
}

/**
 * total + gemm(...) as one Gemm, also row range by row range, through a reshape and for each product of a sum: gradients
 * of a weight then add up inside the products. Only for products over many rows (transA): their results are as small as a
 * weight, and ORT copies the addend in one thread.
 */
function accumulateInPlace(roots: readonly Tensor[]): Tensor[] {
  const onto = (total: Tensor, part: Tensor): Tensor | undefined => {
    const { node } = part;
    if (isOp(node, gemmOp) && node.attributes.transA) {
      const [a, b, c] = node.inputs;
      if (a === undefined || b === undefined) return undefined;
      const before = c === undefined ? total : (onto(total, c) ?? add(total, c));
      return new Node(node.op, [a, b, before], node.attributes).output();
    }
    if (isOp(node, addOp) && sameShape(node.input(0).shape, node.input(1).shape)) {
      const [a, b] = [node.input(0), node.input(1)];
      const last = onto(add(total, a), b);
      return last ?? onto(add(total, b), a);
    }
    if (isOp(node, reshapeOp)) {
      const inner = node.input(0);
      const added = onto(reshape(total, inner.shape), inner);
      return added === undefined ? undefined : reshape(added, part.shape);
    }
    if (isOp(node, concatOp) && node.attributes.axis === 0) {
      let start = 0;
      const rows = node.inputs.map((piece) => {
        const from = start;
        start += piece.dim(0);
        const range = slice(total, 0, from, start);
        return onto(range, piece) ?? add(range, piece);
      });
      return concat(rows, 0);
    }
    return undefined;
  };
  return rewrite(roots, (node, inputs) => {
    const [a, b] = inputs;
    if (!isOp(node, addOp) || a === undefined || b === undefined || !sameShape(a.shape, b.shape))
      return undefined;
    // A concatenation is only taken apart for the sake of an input, whose rows are views.
    const splits = inputName(a) !== undefined;
    const added = splits || !isConcat(b) ? onto(a, b) : undefined;
    return added === undefined ? undefined : [added];
  });
}

function isConcat(x: Tensor): boolean {
  return madeBy(x, concatOp) !== undefined;
}

function scaledFrom(x: Tensor): Tensor {
  return scaleFactor(x) === undefined ? x : x.node.input(0);
}

function unreshaped(x: Tensor): Tensor {
  return madeBy(x, reshapeOp)?.input(0) ?? x;
}

function foldFactors(roots: readonly Tensor[]): Tensor[] {
  const uses = countUses(roots);
  const once = (x: Tensor): boolean => uses.get(x) === 1;
  return rewrite(roots, (node, inputs) => {
    if (isOp(node, gemmOp)) return foldIntoGemm(node, inputs);
    if (isOp(node, sumOp)) return factorOutOfSum(node, inputs);
    if (isOp(node, mulOp)) return shareFactor(inputs);
    const [x] = inputs;
    const [before] = node.inputs;
    const factor = node.outputs[0] === undefined ? undefined : scaleFactor(node.outputs[0]);
    if (factor === undefined || x === undefined || before === undefined) return undefined;
    const pushed = pushFactor(x, before, factor, once);
    return pushed === undefined ? undefined : [pushed];
  });
}

/** gemm(f x, W) = gemm(x, W) with alpha f, for either operand and through reshapes. */
function foldIntoGemm(node: NodeOf<typeof gemmOp>, inputs: readonly Tensor[]): readonly Tensor[] | undefined {
  let factor = 1;
  const bare = inputs.map((x, i) => {
    if (i === 2) return x;
    const inner = unreshaped(x);
    const f = scaleFactor(inner);
    if (f === undefined) return x;
    factor *= f;
    return reshape(inner.node.input(0), x.shape);
  });
  if (factor === 1) return undefined;
  return new Node(node.op, bare, { ...node.attributes, alpha: node.attributes.alpha * factor }).outputs;
}

/** (f x) y = x (f y) where y is smaller. */
function shareFactor(inputs: readonly Tensor[]): readonly Tensor[] | undefined {
  const [a, b] = inputs;
  if (a === undefined || b === undefined || a.size === b.size) return undefined;
  const [large, small] = a.size > b.size ? [a, b] : [b, a];
  const factor = scaleFactor(large);
  return factor === undefined ? undefined : [mul(large.node.input(0), scale(small, factor))];
}

/** sum(f x) = f sum(x): the sum is smaller. */
function factorOutOfSum(
  node: NodeOf<typeof sumOp>,
  inputs: readonly Tensor[],
): readonly Tensor[] | undefined {
  const [x] = inputs;
  const inner = x && unreshaped(x);
  const factor = inner === undefined ? undefined : scaleFactor(inner);
  if (x === undefined || inner === undefined || factor === undefined) return undefined;
  return [
    scale(new Node(node.op, [reshape(inner.node.input(0), x.shape)], node.attributes).output(), factor),
  ];
}

/** f * gemm(...), f * (large * small) and f * (gemm(...) + bias), where nothing else reads the unscaled values. */
function pushFactor(
  x: Tensor,
  original: Tensor,
  factor: number,
  once: (x: Tensor) => boolean,
): Tensor | undefined {
  if (!once(original)) return undefined;
  const { node } = x;
  if (isOp(node, gemmOp) && node.inputs.length === 2) {
    const { alpha } = node.attributes;
    return new Node(node.op, node.inputs, { ...node.attributes, alpha: alpha * factor }).output();
  }
  if (isOp(node, reshapeOp)) {
    const inner = pushFactor(node.input(0), original.node.input(0), factor, once);
    return inner === undefined ? undefined : reshape(inner, x.shape);
  }
  const [large, small] = factors(x) ?? [];
  if (large !== undefined && small !== undefined && small.size < large.size)
    return mul(large, scale(small, factor));
  const [a, b] = addends(x) ?? [];
  if (a === undefined || b === undefined || b.size >= a.size) return undefined;
  const product = pushFactor(a, original.node.input(0), factor, once);
  return product === undefined ? undefined : add(product, scale(b, factor));
}
