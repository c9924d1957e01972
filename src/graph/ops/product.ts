/**
 * Products. `product` is the primitive: any axes are summed over, any run along both operands (the einsum of two tensors);
 * `gemm` is for plain matrices, `matmul` for batches of them in either of two layouts.
 */
import { GraphError } from '../errors.ts';
import { apply, axisOf, type Op, type Shape, sameShape, type Tensor, type TensorType } from '../tensor.ts';
import { add, broadcastShape, scale } from './elementwise.ts';
import { expand, reshape, transpose } from './layout.ts';
import { sumTo } from './reduce.ts';

type ProductAttributes = {
  batchA: readonly number[];
  batchB: readonly number[];
  contractA: readonly number[];
  contractB: readonly number[];
};

function requireSameType(a: TensorType, b: TensorType): void {
  if (a.dtype !== b.dtype) throw new GraphError(`types ${a.dtype} and ${b.dtype} differ`);
}

/** Axes that are neither summed over nor in step. */
export function freeAxes(x: TensorType, batch: readonly number[], contract: readonly number[]): number[] {
  return Array.from(x.shape.keys()).filter((axis) => !batch.includes(axis) && !contract.includes(axis));
}

export const productOp: Op<ProductAttributes> = {
  name: 'product',
  infer: ([a, b], { batchA, batchB, contractA, contractB }) => {
    if (a === undefined || b === undefined) throw new GraphError('wants two tensors');
    requireSameType(a, b);
    const sizes = (x: TensorType, axes: readonly number[]): number[] =>
      axes.map((axis) => x.shape[axisOf(axis, x.shape.length)] ?? 0);
    for (const [axesA, axesB, what] of [
      [batchA, batchB, 'batch'],
      [contractA, contractB, 'inner'],
    ] as const) {
      if (!sameShape(sizes(a, axesA), sizes(b, axesB)))
        throw new GraphError(
          `${what} sizes differ: axes ${axesA.join(', ')} of [${a.shape.join(', ')}] and ${axesB.join(', ')} of [${b.shape.join(', ')}]`,
        );
    }
    const shape = [
      ...sizes(a, batchA),
      ...sizes(a, freeAxes(a, batchA, contractA)),
      ...sizes(b, freeAxes(b, batchB, contractB)),
    ];
    return [{ dtype: a.dtype, shape }];
  },
  // Each operand's gradient is the product of the result's with the other operand, its axes put back in their order.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { batchA, batchB, contractA, contractB } = node.attributes;
    const [a, b] = [node.input(0), node.input(1)];
    const [freeA, freeB] = [freeAxes(a, batchA, contractA), freeAxes(b, batchB, contractB)];
    const batch = batchA.map((_, i) => i);
    const ofA = freeA.map((_, i) => batch.length + i);
    const ofB = freeB.map((_, i) => batch.length + freeA.length + i);
    const da = product(g, b, { batch: [batch, batchB], contract: [ofB, freeB] }); // batch, freeA, contractB by axis
    const db = product(g, a, { batch: [batch, batchA], contract: [ofA, freeA] });
    const back = (
      x: Tensor,
      like: Tensor,
      own: readonly number[],
      free: readonly number[],
      contract: readonly (readonly [own: number, other: number])[],
    ): Tensor => {
      const byOther = contract.toSorted(([, p], [, q]) => p - q).map(([axis]) => axis);
      const held = [...own, ...free, ...byOther]; // the axis of `like` that each axis of x is
      return transpose(
        x,
        like.shape.map((_, axis) => held.indexOf(axis)),
      );
    };
    const pairs = contractA.map((axis, i) => [axis, contractB[i] ?? 0] as const);
    return [
      back(da, a, batchA, freeA, pairs),
      back(
        db,
        b,
        batchB,
        freeB,
        pairs.map(([p, q]) => [q, p] as const),
      ),
    ];
  },
};

export interface ProductOptions {
  /** Axes of a and of b that run together and stay. */
  readonly batch?: readonly [readonly number[], readonly number[]];
  /** Axes of a and of b that are multiplied and summed over. */
  readonly contract: readonly [readonly number[], readonly number[]];
}

/**
 * The general product of two tensors (`dot_general`, an einsum of two operands).
 *
 * @returns [...batch, ...the other axes of a, ...the other axes of b]
 */
export function product(
  a: Tensor,
  b: Tensor,
  { batch: [batchA, batchB] = [[], []], contract: [contractA, contractB] }: ProductOptions,
): Tensor {
  return apply(productOp, [a, b], { batchA, batchB, contractA, contractB });
}

type GemmAttributes = { transA: boolean; transB: boolean; alpha: number };

export const gemmOp: Op<GemmAttributes> = {
  name: 'gemm',
  infer: ([a, b, c], { transA, transB }) => {
    if (a?.shape.length !== 2 || b?.shape.length !== 2) {
      throw new GraphError(`wants two matrices, got [${a?.shape.join(', ')}] and [${b?.shape.join(', ')}]`);
    }
    requireSameType(a, b);
    const [m, k] = transA ? [a.shape[1] ?? 0, a.shape[0]] : [a.shape[0] ?? 0, a.shape[1]];
    const [l, n] = transB ? [b.shape[1], b.shape[0] ?? 0] : [b.shape[0], b.shape[1] ?? 0];
    if (k !== l) {
      throw new GraphError(
        `inner sizes differ: [${a.shape.join(', ')}]${transA ? "'" : ''} x [${b.shape.join(', ')}]${transB ? "'" : ''}`,
      );
    }
    if (c !== undefined && !sameShape(c.shape, [m, n])) {
      throw new GraphError(`cannot add [${c.shape.join(', ')}] to a product of shape [${m}, ${n}]`);
    }
    return [{ dtype: a.dtype, shape: [m, n] }];
  },
  // Y = alpha op(A) op(B) + C: dA = alpha dY op(B)', dB = alpha op(A)' dY, each transposed back if the operand was.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { transA, transB, alpha } = node.attributes;
    const [a, b] = [node.input(0), node.input(1)];
    const da = transA
      ? gemm(b, g, { transA: transB, transB: true, alpha })
      : gemm(g, b, { transB: !transB, alpha });
    const db = transB
      ? gemm(g, a, { transA: true, transB: transA, alpha })
      : gemm(a, g, { transA: !transA, alpha });
    return node.inputs.length === 3 ? [da, db, g] : [da, db];
  },
  slice: (node, range, slice) => {
    const { transA, alpha, transB } = node.attributes;
    const [a, b, plus] = node.inputs;
    if (range.axis !== 0 || a === undefined || b === undefined) return undefined;
    const rows = slice(a, transA ? { ...range, axis: 1 } : range);
    return gemm(rows, b, {
      transA,
      transB,
      alpha,
      ...(plus === undefined ? {} : { plus: slice(plus, range) }),
    });
  },
  decompose: (node) => {
    const { transA, alpha, transB } = node.attributes;
    const [, , plus] = node.inputs;
    const scaled = scale(
      product(node.input(0), node.input(1), { contract: [[transA ? 0 : 1], [transB ? 1 : 0]] }),
      alpha,
    );
    return [plus === undefined ? scaled : add(scaled, plus)];
  },
};

export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
  /** Added to the product; of the product's shape. */
  readonly plus?: Tensor;
}

/** `alpha op(a) op(b) + plus` for matrices; op transposes where asked. */
export function gemm(
  a: Tensor,
  b: Tensor,
  { transA = false, transB = false, alpha = 1, plus }: GemmOptions = {},
): Tensor {
  return apply(gemmOp, plus === undefined ? [a, b] : [a, b, plus], { transA, transB, alpha });
}

type MatmulAttributes = {
  transA: boolean;
  transB: boolean;
  rowsFirstA: boolean;
  rowsFirstB: boolean;
  alpha: number;
};

/** Shape as [...batch, rows, columns], from either layout. */
function batched(shape: Shape, rowsFirst: boolean): Shape {
  return rowsFirst ? [...shape.slice(1, -1), shape[0] ?? 0, shape.at(-1) ?? 0] : shape;
}

export const matmulOp: Op<MatmulAttributes> = {
  name: 'matmul',
  infer: ([a, b], { transA, transB, rowsFirstA, rowsFirstB }) => {
    if (a === undefined || b === undefined || a.shape.length < 2 || b.shape.length < 2) {
      throw new GraphError('wants two tensors of at least two axes');
    }
    requireSameType(a, b);
    const [sa, sb] = [batched(a.shape, rowsFirstA), batched(b.shape, rowsFirstB)];
    const [m, k] = transA ? [sa.at(-1) ?? 0, sa.at(-2)] : [sa.at(-2) ?? 0, sa.at(-1)];
    const [l, n] = transB ? [sb.at(-1), sb.at(-2) ?? 0] : [sb.at(-2), sb.at(-1) ?? 0];
    if (k !== l)
      throw new GraphError(`inner sizes differ: [${a.shape.join(', ')}] x [${b.shape.join(', ')}]`);
    return [{ dtype: a.dtype, shape: [...broadcastShape(sa.slice(0, -2), sb.slice(0, -2)), m, n] }];
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const { transA, transB, rowsFirstA, rowsFirstB, alpha } = node.attributes;
    const [a, b] = [node.input(0), node.input(1)];
    const da = transA
      ? matmul(b, g, { transA: transB, transB: true, rowsFirstA: rowsFirstB, alpha })
      : matmul(g, b, { transB: !transB, rowsFirstB, alpha });
    const db = transB
      ? matmul(g, a, { transA: true, transB: transA, rowsFirstB: rowsFirstA, alpha })
      : matmul(a, g, { transA: !transA, rowsFirstA, alpha });
    // Broadcast batch axes are summed over before the rows go to the front.
    const back = (x: Tensor, like: Tensor, rowsFirst: boolean): Tensor =>
      rowsFirst ? rowsToFront(sumTo(x, batched(like.shape, true))) : sumTo(x, like.shape);
    return [back(da, a, rowsFirstA), back(db, b, rowsFirstB)];
  },
  decompose: (node) => {
    const { transA, transB, rowsFirstA, rowsFirstB, alpha } = node.attributes;
    const [a, b] = [node.input(0), node.input(1)];
    const batch = node.output().shape.slice(0, -2);
    const operand = (x: Tensor, rowsFirst: boolean): Tensor => {
      const plain = rowsFirst ? rowsToBack(x) : x; // [...batch, rows, columns]
      return expand(plain, [...batch, ...plain.shape.slice(-2)]);
    };
    const axes = batch.map((_, i) => i);
    const contract = [[batch.length + (transA ? 0 : 1)], [batch.length + (transB ? 1 : 0)]] as const;
    const both = product(operand(a, rowsFirstA), operand(b, rowsFirstB), { batch: [axes, axes], contract });
    return [scale(both, alpha)];
  },
};

/** [...batch, rows, columns] -> [rows, ...batch, columns] */
export function rowsToFront(x: Tensor): Tensor {
  const rows = x.rank - 2;
  return transpose(x, [rows, ...Array.from({ length: rows }, (_, i) => i), x.rank - 1]);
}

/** [rows, ...batch, columns] -> [...batch, rows, columns] */
function rowsToBack(x: Tensor): Tensor {
  const batch = Array.from({ length: x.rank - 2 }, (_, i) => i + 1);
  return transpose(x, [...batch, 0, x.rank - 1]);
}

export interface MatmulOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** a is stored [rows, ...batch, columns] instead of [...batch, rows, columns]. */
  readonly rowsFirstA?: boolean;
  readonly rowsFirstB?: boolean;
  readonly alpha?: number;
}

/**
 * Batched matrix product over the last two axes, batch axes broadcast; the result is [...batch, rows, columns].
 * `rowsFirst` reads an operand whose row axis comes before its batch axes, so that a transformer's [tokens, images,
 * heads, d] needs no transposition.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transA = false, transB = false, rowsFirstA = false, rowsFirstB = false, alpha = 1 } = options;
  const rank = Math.max(a.rank, b.rank);
  return apply(matmulOp, [withBatch(a, rank, rowsFirstA), withBatch(b, rank, rowsFirstB)], {
    transA,
    transB,
    rowsFirstA,
    rowsFirstB,
    alpha,
  });
}

/** An operand with as many axes, batch axes of size 1 where it has none. */
function withBatch(x: Tensor, rank: number, rowsFirst: boolean): Tensor {
  if (x.rank < 2 || x.rank === rank) return x;
  const ones = new Array<number>(rank - x.rank).fill(1);
  return reshape(x, rowsFirst ? [x.dim(0), ...ones, ...x.shape.slice(1)] : [...ones, ...x.shape]);
}

/** `x W' ` over the last axis: x [..., in], weight [out, in] -> [..., out]. */
export function linear(x: Tensor, weight: Tensor): Tensor {
  const rows = reshape(x, [-1, x.dim(-1)]);
  return reshape(gemm(rows, weight, { transB: true }), [...x.shape.slice(0, -1), weight.dim(0)]);
}
