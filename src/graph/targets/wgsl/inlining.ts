/**
 * Which values are computed where they are read, instead of being stored: changes of layout, gathering, and arithmetic on single numbers.
 */
import { concatOp, expandOp, gatherOp, padOp, reshapeOp, sliceOp, transposeOp } from '../../ops/layout.ts';
import { constantOp, inputOp } from '../../ops/leaf.ts';
import { freeAxes, productOp } from '../../ops/product.ts';
import { isOp, type Node, type Op, sizeOf, type Tensor } from '../../tensor.ts';
import { pointwise } from './pointwise.ts';
import { isIdentity, viewOf } from './views.ts';

const layouts = new Set<Op>([reshapeOp, transposeOp, sliceOp, expandOp, padOp, concatOp, gatherOp]);

/** What reading a value may cost, in additions, before it is stored instead. */
const DEAR = 32;
/** How often an operand of a product may be computed anew. */
const OFTEN = 4;

export class Inlining {
  readonly #inline = new Set<Node>();

  constructor(order: readonly Node[], roots: readonly Tensor[]) {
    const costs = new Map<Node, number>();
    for (const node of order) {
      const own = ownCost(node);
      if (own !== undefined) {
        const cost = node.inputs.reduce((sum, { node: from }) => sum + (costs.get(from) ?? 0), own);
        if (cost <= DEAR) {
          costs.set(node, cost);
          this.#inline.add(node);
        }
      } else if (isOp(node, productOp)) {
        for (const tensor of this.#recomputed(node)) {
          this.#inline.delete(tensor.node);
          costs.delete(tensor.node);
        }
      }
    }
    for (const root of roots) {
      const view = this.view(root);
      if (!isIdentity(root.shape, view) || isOp(view.source.node, constantOp)) this.#inline.delete(root.node);
      else if (this.has(view.source)) this.#inline.delete(view.source.node);
    }
  }

  has(tensor: Tensor): boolean {
    return this.#inline.has(tensor.node);
  }

  /** The farthest stored or computed value of which a tensor is a strided view. */
  view(tensor: Tensor) {
    return viewOf(tensor, (each) => this.has(each));
  }

  /** The values behind a tensor that are no constants: stored ones, and what kernels make. */
  leaves(tensor: Tensor): Tensor[] {
    const seen = new Set<Tensor>();
    const visit = (each: Tensor): void => {
      if (seen.has(each)) return;
      seen.add(each);
      if (this.has(each)) for (const x of each.node.inputs) visit(x);
    };
    visit(tensor);
    return [...seen].filter((each) => !this.has(each) && !isOp(each.node, constantOp));
  }

  /** Operands of a product that are computed as they are read, more often than that pays. */
  #recomputed(node: Node & { readonly attributes: ProductAxes }): Tensor[] {
    const { batchA, batchB, contractA, contractB } = node.attributes;
    const [a, b] = [node.input(0), node.input(1)];
    const columns = sizeOf(freeAxes(b, batchB, contractB).map((axis) => b.dim(axis)));
    const rows = sizeOf(freeAxes(a, batchA, contractA).map((axis) => a.dim(axis)));
    return [[a, columns] as const, [b, rows] as const].flatMap(([x, others]) => {
      const { source } = this.view(x);
      return this.has(source) && Math.ceil(others / 64) > OFTEN ? [source] : [];
    });
  }
}

interface ProductAxes {
  readonly [name: string]: readonly number[];
  readonly batchA: readonly number[];
  readonly batchB: readonly number[];
  readonly contractA: readonly number[];
  readonly contractB: readonly number[];
}

/** What computing an element anew costs; undefined for what is always stored. */
function ownCost(node: Node): number | undefined {
  if (isOp(node, inputOp) || isOp(node, constantOp)) return undefined;
  if (isOp(node, concatOp)) return node.inputs.length;
  if (layouts.has(node.op)) return 1;
  return node.output().size === 1 ? pointwise.get(node.op)?.cost : undefined;
}
