/** Matrix products: `gemm` for plain matrices, `matmul` for batches of them in either of two layouts. */
import { GraphError } from '../errors.ts';
import { apply, type Lowering, type Op, type Shape, sameShape, type Tensor } from '../tensor.ts';
import { broadcastShape } from './elementwise.ts';
import { reshape, transpose } from './layout.ts';
import { sumTo } from './reduce.ts';

type GemmAttributes = { transA: boolean; transB: boolean; alpha: number };

export const gemmOp: Op<GemmAttributes> = {
  name: 'gemm',
  infer: ([a, b, c], { transA, transB }) => {
    if (a?.shape.length !== 2 || b?.shape.length !== 2) {
      throw new GraphError(`wants two matrices, got [${a?.shape.join(', ')}] and [${b?.shape.join(', ')}]`);
    }
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
  lower: (node, to) => {
    const { transA, transB, alpha } = node.attributes;
    const attributes = {
      transA: { int: transA ? 1 : 0 },
      transB: { int: transB ? 1 : 0 },
      alpha: { float: alpha },
    };
    return [
      to.emit(
        'Gemm',
        node.inputs.map((x) => to.name(x)),
        { attributes },
      ),
    ];
  },
  cut: (node, cut, slice) => {
    const { transA, alpha, transB } = node.attributes;
    const [a, b, plus] = node.inputs;
    if (cut.axis !== 0 || a === undefined || b === undefined) return undefined;
    const rows = slice(a, transA ? { ...cut, axis: 1 } : cut);
    return gemm(rows, b, {
      transA,
      transB,
      alpha,
      ...(plus === undefined ? {} : { plus: slice(plus, cut) }),
    });
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

const matmulOp: Op<MatmulAttributes> = {
  name: 'matmul',
  infer: ([a, b], { transA, transB, rowsFirstA, rowsFirstB }) => {
    if (a === undefined || b === undefined || a.shape.length < 2 || b.shape.length < 2) {
      throw new GraphError('wants two tensors of at least two axes');
    }
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
    const back = (x: Tensor, like: Tensor, rowsFirst: boolean): Tensor =>
      sumTo(rowsFirst ? rowsToFront(x) : x, like.shape);
    return [back(da, a, rowsFirstA), back(db, b, rowsFirstB)];
  },
  lower: (node, to) => {
    const { transA, transB, rowsFirstA, rowsFirstB, alpha } = node.attributes;
    const [a, b] = [node.input(0), node.input(1)];
    const plain = !transA && !transB && !rowsFirstA && !rowsFirstB && alpha === 1;
    if (plain) return [to.emit('MatMul', [to.name(a), to.name(b)])];
    if (to.device === 'cpu') {
      const flag = (on: boolean) => ({ int: on ? 1 : 0 });
      const attributes = {
        transA: flag(transA),
        transB: flag(transB),
        transBatchA: flag(rowsFirstA),
        transBatchB: flag(rowsFirstB),
        alpha: { float: alpha },
      };
      return [to.emit('FusedMatMul', [to.name(a), to.name(b)], { attributes, domain: 'com.microsoft' })];
    }
    const product = to.emit('MatMul', [
      plainOperand(a, rowsFirstA, transA, to),
      plainOperand(b, rowsFirstB, transB, to),
    ]);
    return [alpha === 1 ? product : to.emit('Mul', [product, to.floats([alpha], [])])];
  },
};

/** An operand as [...batch, rows, columns], transposed in memory: for devices without a fused product. */
function plainOperand(x: Tensor, rowsFirst: boolean, trans: boolean, to: Lowering): string {
  const rank = x.rank;
  const order = x.shape.map((_, i) => (rowsFirst ? (i < rank - 2 ? i + 1 : i === rank - 2 ? 0 : i) : i));
  const [last, beforeLast] = [order[rank - 1] ?? 0, order[rank - 2] ?? 0];
  const perm = trans ? [...order.slice(0, -2), last, beforeLast] : order;
  if (perm.every((axis, i) => axis === i)) return to.name(x);
  return to.emit('Transpose', [to.name(x)], { attributes: { perm: { ints: perm } } });
}

/** [...batch, rows, columns] -> [rows, ...batch, columns] */
export function rowsToFront(x: Tensor): Tensor {
  const rows = x.rank - 2;
  return transpose(x, [rows, ...Array.from({ length: rows }, (_, i) => i), x.rank - 1]);
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
  return apply(matmulOp, [a, b], { transA, transB, rowsFirstA, rowsFirstB, alpha });
}

/** `x W' ` over the last axis: x [..., in], weight [out, in] -> [..., out]. */
export function linear(x: Tensor, weight: Tensor): Tensor {
  const rows = reshape(x, [-1, x.dim(-1)]);
  return reshape(gemm(rows, weight, { transB: true }), [...x.shape.slice(0, -1), weight.dim(0)]);
}
