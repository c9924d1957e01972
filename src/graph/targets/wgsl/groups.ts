/**
 * What goes together into one kernel. A group starts with an operation that is no arithmetic of single elements (a product, a reduction) or
 * with the first of a chain, and takes what follows element by element, or row by row: then nothing between has to be stored and read
 * again. What reads two groups may join one of them unless the other needs its results.
 */
import { GraphError } from '../../errors.ts';
import { scatterAddOp } from '../../ops/layout.ts';
import { constantOp, inputOp } from '../../ops/leaf.ts';
import { productOp } from '../../ops/product.ts';
import { maxOp, sumOp } from '../../ops/reduce.ts';
import { topKOp } from '../../ops/select.ts';
import { isOp, type Node, type Shape, type Tensor } from '../../tensor.ts';
import type { Inlining } from './inlining.ts';
import { pointwise } from './pointwise.ts';
import { type Reduction, type Space, sameSpace, spaceOf } from './space.ts';
import { isIdentity, reshapedStrides, type Strided, sameStrides, stretched } from './views.ts';

export type GroupKind = 'rows' | 'product' | 'scatterAdd' | 'topK';

export class Group {
  readonly kind: GroupKind;
  /** In an order in which they can be computed. */
  readonly nodes: Node[] = [];
  /** Elements of what is computed element by element. */
  readonly size: number;
  /** Of `rows` with reductions. */
  space: Space | undefined;
  /** Groups whose results it reads. */
  readonly needs = new Set<Group>();

  constructor(kind: GroupKind, size: number, space?: Space) {
    this.kind = kind;
    this.size = size;
    this.space = space;
  }

  /** Elements of a value for each row. */
  get rows(): number {
    return this.space === undefined ? this.size : this.space.outer * this.space.inner;
  }

  /** Whether a member has an element for each row instead of each element. */
  isOfRows(tensor: Tensor): boolean {
    return this.space !== undefined && tensor.size !== this.size;
  }
}

/** What a node reads of a group: a member, as a view over the elements that the node goes through, or in a way that no strides say. */
interface Read {
  readonly tensor: Tensor;
  readonly view?: Strided;
}

export function isReduction(node: Node): node is Reduction {
  return isOp(node, sumOp) || isOp(node, maxOp);
}

export class Groups {
  readonly of = new Map<Node, Group>();
  readonly all: Group[] = [];
  readonly #inlining: Inlining;

  constructor(order: readonly Node[], inlining: Inlining) {
    this.#inlining = inlining;
    for (const node of order) {
      if (isOp(node, inputOp) || isOp(node, constantOp) || inlining.has(node.output())) continue;
      this.#place(node);
    }
  }

  /** The values that a group reads from others, inputs included. */
  reads(group: Group): Set<Tensor> {
    const members = new Set(group.nodes);
    const leaves = group.nodes.flatMap((node) =>
      node.inputs.flatMap((x) => this.#inlining.leaves(x).filter((leaf) => !members.has(leaf.node))),
    );
    return new Set(leaves);
  }

  /** Whether each element of a stored value is read by the thread alone that computes the same element of the group. */
  readsInStep(group: Group, value: Tensor): boolean {
    return group.nodes.every((node) =>
      node.inputs.every((x) => {
        if (!this.#inlining.leaves(x).includes(value)) return true;
        const shape = shapeOf(node, x);
        const view = this.#broadcast(x, shape);
        return (
          (pointwise.has(node.op) || isReduction(node)) &&
          view.source === value &&
          isIdentity(shape, view) &&
          (value.size === group.size || (group.space !== undefined && value.size === group.rows))
        );
      }),
    );
  }

  #place(node: Node): void {
    const reads = this.#readsOf(node);
    const candidates = new Set(
      reads.flatMap(({ tensor }) => {
        const group = this.of.get(tensor.node);
        return group === undefined ? [] : [group];
      }),
    );
    const latest = [...candidates].sort((a, b) => this.all.indexOf(b) - this.all.indexOf(a));
    const joined = latest.find((group) => this.#takes(group, node, reads)) ?? this.#start(node);
    if (isReduction(node)) joined.space ??= reducedSpace(node);
    joined.nodes.push(node);
    this.of.set(node, joined);
    for (const group of candidates) if (group !== joined) joined.needs.add(group);
    for (const group of candidates) {
      const own = this.of.get(node);
      if (own !== undefined && own !== group) this.#unite(own, group, node, reads);
    }
  }

  /** Makes one of two groups that a node reads, where it reads the other in step too. */
  #unite(into: Group, other: Group, node: Node, reads: readonly Read[]): void {
    const isWithout = ({ kind, space }: Group): boolean => kind === 'rows' && space === undefined;
    if (into.size !== other.size || !(isWithout(into) || isWithout(other))) return;
    if (![into, other].every(({ kind }) => kind === 'rows' || kind === 'product')) return;
    if (!pointwise.has(node.op) || node.output().size !== into.size) return;
    const own = reads.filter(({ tensor }) => this.of.get(tensor.node) === other);
    if (!own.every((read) => isInStep(other, node, read))) return;
    // What one reads of the other at other elements, or by way of a third group, has to be stored before.
    const goesAround = (from: Group, to: Group): boolean =>
      [...from.needs].some((need) => need !== to && this.#reaches(need, to));
    if (goesAround(into, other) || goesAround(other, into)) return;
    const crosses = into.nodes.some((each) =>
      this.#readsOf(each).some(
        (read) =>
          this.of.get(read.tensor.node) === other && !(pointwise.has(each.op) && isInStep(other, each, read)),
      ),
    );
    if (crosses || other.needs.has(into)) return;
    const [kept, gone] = isWithout(into) ? [other, into] : [into, other];
    const order = new Set([...other.nodes, ...into.nodes]);
    kept.nodes.splice(0, kept.nodes.length, ...order);
    for (const each of gone.nodes) this.of.set(each, kept);
    for (const need of gone.needs) kept.needs.add(need);
    kept.needs.delete(gone);
    kept.needs.delete(kept);
    for (const group of this.all) if (group.needs.delete(gone) && group !== kept) group.needs.add(kept);
    this.all.splice(this.all.indexOf(gone), 1);
  }

  #start(node: Node): Group {
    const group = new Group(kindOf(node), isReduction(node) ? node.input(0).size : node.output().size);
    this.all.push(group);
    return group;
  }

  #takes(group: Group, node: Node, reads: readonly Read[]): boolean {
    if (group.kind !== 'rows' && group.kind !== 'product') return false;
    if (isReduction(node)) {
      if (group.kind !== 'rows' || node.input(0).size !== group.size) return false;
      if (group.space !== undefined && !sameSpace(group.space, reducedSpace(node))) return false;
    } else {
      if (!pointwise.has(node.op)) return false;
      const { size } = node.output();
      if (size !== group.size && (group.space === undefined || size !== group.rows)) return false;
    }
    return reads.every((read) => {
      const from = this.of.get(read.tensor.node);
      if (from === undefined) return true;
      return from === group ? isInStep(group, node, read) : !this.#reaches(from, group);
    });
  }

  #reaches(from: Group, to: Group): boolean {
    const seen = new Set<Group>();
    const stack = [from];
    for (let group = stack.pop(); group !== undefined; group = stack.pop()) {
      if (group === to) return true;
      if (seen.has(group)) continue;
      seen.add(group);
      stack.push(...group.needs);
    }
    return false;
  }

  #readsOf(node: Node): Read[] {
    return node.inputs.flatMap((x): Read[] => {
      if (!pointwise.has(node.op) && !isReduction(node))
        return this.#inlining.leaves(x).map((tensor) => ({ tensor }));
      const view = this.#broadcast(x, shapeOf(node, x));
      if (!this.#inlining.has(view.source)) return [{ tensor: view.source, view }];
      return this.#inlining.leaves(view.source).map((tensor) => ({ tensor }));
    });
  }

  #broadcast(x: Tensor, shape: Shape): Strided {
    const view = this.#inlining.view(x);
    return { ...view, strides: stretched(x.shape, view.strides, shape) };
  }
}

/** The elements that a node goes through as it reads an operand. */
const shapeOf = (node: Node, x: Tensor): Shape => (isReduction(node) ? x.shape : node.output().shape);

function reducedSpace(node: Reduction): Space {
  const space = spaceOf(node.input(0).shape, node.attributes.axes);
  if (space === undefined) throw new GraphError(`compile: "${node.op.name}" over axes that are apart`);
  return space;
}

function kindOf(node: Node): GroupKind {
  if (isOp(node, productOp)) return 'product';
  if (isOp(node, scatterAddOp)) return 'scatterAdd';
  if (isOp(node, topKOp)) return 'topK';
  if (node.op.name.endsWith('Across'))
    throw new GraphError(`compile: there is no WGSL for "${node.op.name}": a WebGPU device trains alone`);
  return 'rows';
}

/** Whether a node reads a member of a group at the element, or at the row, that it computes. */
function isInStep(group: Group, node: Node, { tensor, view }: Read): boolean {
  if (view === undefined) return false;
  const shape = isReduction(node) ? node.input(0).shape : node.output().shape;
  if (isIdentity(shape, view)) return true;
  const { space } = group;
  if (space === undefined || !group.isOfRows(tensor) || view.offset !== 0) return false;
  if (!isReduction(node) && node.output().size !== group.size) return false;
  const { outer, along, inner } = space;
  const rows = reshapedStrides([outer, along, inner], [inner, 0, 1], shape);
  return rows !== undefined && sameStrides(shape, view.strides, rows);
}
