/** GELU, softmax and the cross-entropy of distributions. */
import { GraphError } from '../errors.ts';
import { apply, Node, type Op, type Tensor } from '../tensor.ts';
import { add, div, erf, exp, log, mul, neg, scale, shift, square, sub } from './elementwise.ts';
import { max, sum } from './reduce.ts';

type None = Record<string, never>;

export const geluOp: Op<None> = {
  name: 'gelu',
  infer: ([x]) => {
    if (x === undefined) throw new GraphError('wants a tensor');
    return [x];
  },
  // With u = x / sqrt 2: gelu(x) = (1 / sqrt 2) u (1 + erf u), so dx = g / 2 ((1 + erf u) + (2 / sqrt pi) u exp(-u^2)).
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { u, gate } = geluParts(node.input(0));
    const bell = scale(div(u, exp(square(u))), 2 / Math.sqrt(Math.PI));
    return [scale(mul(g, add(gate, bell)), 0.5)];
  },
  slice: (node, range, slice) => gelu(slice(node.input(0), range)),
  decompose: (node) => {
    const { u, gate } = geluParts(node.input(0));
    return [scale(mul(u, gate), Math.SQRT1_2)];
  },
};

/**
 * The pieces of a GELU that its gradient needs too. A training program computes the GELU from them (a pass sees to it)
 * instead of computing the error function twice.
 */
export function geluParts(x: Tensor): { readonly u: Tensor; readonly gate: Tensor } {
  const u = scale(x, Math.SQRT1_2);
  return { u, gate: shift(erf(u), 1) };
}

/** `0.5 x (1 + erf(x / sqrt 2))`, the exact form. */
export function gelu(x: Tensor): Tensor {
  return apply(geluOp, [x], {});
}

export const softmaxOp: Op<None> = {
  name: 'softmax',
  infer: ([x]) => {
    if (x === undefined || x.shape.length === 0) throw new GraphError('wants at least one axis');
    return [x];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const weighted = mul(g, node.output());
    return [sub(weighted, mul(node.output(), sum(weighted, { axes: [-1], keep: true })))];
  },
  slice: (node, range, slice) =>
    range.axis === node.output().rank - 1 ? undefined : softmax(slice(node.input(0), range)),
  decompose: (node) => {
    const { exponentials, total } = softmaxParts(node.input(0));
    return [div(exponentials, total)];
  },
};

/** The largest value is taken off before the exponentials, which then cannot overflow. */
function softmaxParts(x: Tensor): Record<'shifted' | 'exponentials' | 'total', Tensor> {
  const last = { axes: [-1], keep: true };
  const shifted = sub(x, max(x, last));
  const exponentials = exp(shifted);
  return { shifted, exponentials, total: sum(exponentials, last) };
}

/** Softmax over the last axis. */
export function softmax(x: Tensor): Tensor {
  return apply(softmaxOp, [x], {});
}

export const logSoftmaxOp: Op<None> = {
  name: 'logSoftmax',
  infer: ([x]) => {
    if (x === undefined || x.shape.length === 0) throw new GraphError('wants at least one axis');
    return [x];
  },
  gradient: (node, [g]) =>
    g === undefined ? [] : [sub(g, mul(exp(node.output()), sum(g, { axes: [-1], keep: true })))],
  slice: (node, range, slice) =>
    range.axis === node.output().rank - 1 ? undefined : logSoftmax(slice(node.input(0), range)),
  decompose: (node) => {
    const { shifted, total } = softmaxParts(node.input(0));
    return [sub(shifted, log(total))];
  },
};

/** Logarithm of the softmax over the last axis. */
export function logSoftmax(x: Tensor): Tensor {
  return apply(logSoftmaxOp, [x], {});
}

type CrossEntropyAttributes = { mass: number };

const crossEntropyOp: Op<CrossEntropyAttributes> = {
  name: 'crossEntropy',
  infer: ([logits, target]) => {
    if (logits === undefined || target === undefined || target.shape.at(-1) !== logits.shape.at(-1)) {
      throw new GraphError(
        `wants logits and a target of one width, got [${logits?.shape.join(', ')}] and [${target?.shape.join(', ')}]`,
      );
    }
    return [{ dtype: logits.dtype, shape: [] }, logits];
  },
  // d/ds of -<q, log softmax s> is (sum q) softmax(s) - q, and the sum is known: no reduction is needed.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { mass } = node.attributes;
    const difference = sub(exp(node.output(1)), scale(node.input(1), 1 / mass)); // the target may be the smaller tensor
    return [scale(mul(difference, g), mass)];
  },
  decompose: (node) => {
    const logProbabilities = logSoftmax(node.input(0));
    return [neg(sum(mul(logProbabilities, node.input(1)))), logProbabilities];
  },
};

/**
 * `-sum target * log softmax(logits)` over everything, a scalar. The target is a constant for the gradient.
 *
 * @param logits [..., K]
 * @param target [..., K], broadcast against logits; each row sums to `mass`
 */
export function crossEntropy(logits: Tensor, target: Tensor, mass = 1): Tensor {
  return new Node(crossEntropyOp, [logits, target], { mass }).output(0);
}
