/**
 * Scaled dot-product attention with several heads, tokens first.
 *
 * Tensors are [tokens, images, dim]: then a head's rows can be read with strides by the fused products, heads and images
 * are one batch axis for ONNX's Attention operator without any transposition, and the class tokens of all images lie
 * together at the start.
 */
import { GraphError } from '../errors.ts';
import { Node, type Op, type Tensor } from '../tensor.ts';
import { softmax } from './activation.ts';
import { add, mul, sub } from './elementwise.ts';
import { reshape, transpose } from './layout.ts';
import { matmul, rowsToFront } from './product.ts';
import { sum } from './reduce.ts';

type AttentionAttributes = { heads: number };

export const attentionOp: Op<AttentionAttributes> = {
  name: 'attention',
  infer: ([q, k, v], { heads }) => {
    const [queries, images, dim] = q?.shape ?? [];
    const tokens = k?.shape[0];
    if (
      queries === undefined ||
      images === undefined ||
      dim === undefined ||
      tokens === undefined ||
      q === undefined
    ) {
      throw new GraphError('wants queries, keys and values of shape [tokens, images, dim]');
    }
    for (const x of [k, v]) {
      if (x?.shape.length !== 3 || x.shape[0] !== tokens || x.shape[1] !== images || x.shape[2] !== dim) {
        throw new GraphError(
          `keys and values must be [${tokens}, ${images}, ${dim}], got [${x?.shape.join(', ')}]`,
        );
      }
    }
    if (dim % heads !== 0) throw new GraphError(`${heads} heads do not divide a width of ${dim}`);
    return [q, { dtype: q.dtype, shape: [images, heads, queries, tokens] }];
  },
  gradient: (node, [g, gProbabilities]) => {
    const { heads } = node.attributes;
    const [q, k, v] = [node.input(0), node.input(1), node.input(2)];
    const [context, p] = [node.output(0), node.output(1)]; // [M, B, D], [B, H, M, N]
    const [m, b, d] = [q.dim(0), q.dim(1), q.dim(2)];
    const factor = headScale(node);
    const byHead = (x: Tensor): Tensor => reshape(x, [x.dim(0), b, heads, d / heads]); // [n, B, H, d]
    const [q4, k4, v4] = [byHead(q), byHead(k), byHead(v)];
    const merged = (x: Tensor): Tensor => reshape(rowsToFront(x), [x.dim(2), b, d]); // [B, H, n, d] -> [n, B, D]
    let dp: Tensor | undefined;
    let dv: Tensor | undefined;
    let mean: Tensor | undefined; // sum over keys of p dp = context . dcontext, without touching [N, N]
    if (g !== undefined) {
      const g4 = byHead(g);
      dp = matmul(g4, v4, { rowsFirstA: true, rowsFirstB: true, transB: true }); // [B, H, M, N]
      dv = merged(matmul(p, g4, { transA: true, rowsFirstB: true }));
      const dots = sum(reshape(mul(g, context), [m, b, heads, d / heads]), { axes: [3] }); // [M, B, H]
      mean = reshape(transpose(dots, [1, 2, 0]), [b, heads, m, 1]);
    }
    if (gProbabilities !== undefined) {
      dp = dp === undefined ? gProbabilities : add(dp, gProbabilities);
      mean = sum(mul(p, dp), { axes: [-1], keep: true });
    }
    if (dp === undefined || mean === undefined) return [];
    const ds = mul(p, sub(dp, mean)); // [B, H, M, N]
    const dq = matmul(ds, k4, { rowsFirstB: true, alpha: factor });
    const dk = matmul(ds, q4, { transA: true, rowsFirstB: true, alpha: factor });
    return [merged(dq), merged(dk), dv];
  },
  // Queries are independent of each other: rows of the result need the same rows of the queries, and all keys and values.
  slice: (node, range, slice) =>
    range.axis === 0
      ? attention(slice(node.input(0), range), node.input(1), node.input(2), node.attributes.heads).context
      : undefined,
  // softmax(q k' / sqrt d) v
  decompose: (node) => {
    const { heads } = node.attributes;
    const q = node.input(0);
    const [m, b, d] = [q.dim(0), q.dim(1), q.dim(2)];
    const [q4, k4, v4] = node.inputs.map((x) => reshape(x, [x.dim(0), b, heads, d / heads])); // [n, B, H, d]
    if (q4 === undefined || k4 === undefined || v4 === undefined) return [];
    const alpha = headScale(node);
    const scores = matmul(q4, k4, { rowsFirstA: true, rowsFirstB: true, transB: true, alpha });
    const p = softmax(scores); // [B, H, M, N]
    const context = matmul(p, v4, { rowsFirstB: true }); // [B, H, M, d]
    return [reshape(rowsToFront(context), [m, b, d]), p];
  },
};

/** What scores are multiplied by: 1 / sqrt(width of a head). */
export function headScale(node: Node<AttentionAttributes>): number {
  return (node.input(0).dim(2) / node.attributes.heads) ** -0.5;
}

export interface Attended {
  /** [queries, images, dim] */
  readonly context: Tensor;
  /** softmax(q k' / sqrt d): [images, heads, queries, tokens] */
  readonly probabilities: Tensor;
}

/**
 * Multi-head attention.
 *
 * @param q [queries, images, dim]
 * @param k [tokens, images, dim]
 * @param v [tokens, images, dim]
 * @param heads divides dim; head h takes columns h * dim/heads and following
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, heads: number): Attended {
  const node = new Node(attentionOp, [q, k, v], { heads });
  return { context: node.output(0), probabilities: node.output(1) };
}
