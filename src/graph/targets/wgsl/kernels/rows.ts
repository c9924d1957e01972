/**
 * Elements one by one, and reductions with what feeds them and what follows. Some lanes go along each row: once for each reduction that
 * needs another before it, and once more for what is stored after the last.
 */
import { GraphError } from '../../../errors.ts';
import { sumOp } from '../../../ops/reduce.ts';
import { isOp, type Tensor } from '../../../tensor.ts';
import type { Emitter } from '../emitter.ts';
import { type Group, isReduction } from '../groups.ts';
import type { Reduction, Space } from '../space.ts';
import { powerOfTwo, type SharedArray, type Written } from './text.ts';

const THREADS = 256;
/** Elements of a row that one thread goes through by itself, where there are many rows. */
const SHORT = 32;
/** WGSL has no infinity. */
const LOWEST = '-3.4028234663852886e38f';

export interface RowsOptions {
  /** Members that are stored. */
  readonly stored: readonly Tensor[];
  /** Of them, those that are stored over an input that the kernel reads. */
  readonly replacing: ReadonlySet<Tensor>;
}

export function rowsKernel(group: Group, to: Emitter, { stored, replacing }: RowsOptions): Written {
  return group.space === undefined
    ? elements(group, to, stored)
    : reductions(group, group.space, to, stored, replacing);
}

function elements(group: Group, to: Emitter, stored: readonly Tensor[]): Written {
  const threads = group.size <= 64 ? 64 : THREADS;
  to.line(`let at = tile * ${threads}u + thread;`);
  to.line(`if (at >= ${group.size}u) { return; }`);
  // All is read before anything is replaced.
  const values = stored.map((tensor) => to.value(tensor, 'at'));
  for (const [i, tensor] of stored.entries()) to.store(tensor, 'at', values[i] ?? '');
  return { threads, workgroups: Math.ceil(group.size / threads) };
}

/** How the threads of a workgroup are shared out: so many rows, and lanes along each. */
function shape({ outer, along, inner }: Space): { readonly rows: number; readonly lanes: number } {
  const all = outer * inner;
  if (along <= SHORT && all >= THREADS / 4) return { rows: THREADS, lanes: 1 };
  if (inner === 1) {
    const few = Math.min(THREADS, powerOfTwo(along / 4));
    const lanes = all * few >= THREADS ? few : Math.min(THREADS, powerOfTwo(along));
    return { rows: THREADS / lanes, lanes };
  }
  const lanes = Math.min(THREADS / 16, powerOfTwo(along / 8));
  return { rows: THREADS / lanes, lanes };
}

function reductions(
  group: Group,
  space: Space,
  to: Emitter,
  stored: readonly Tensor[],
  replacing: ReadonlySet<Tensor>,
): Written {
  const { outer, along, inner } = space;
  const all = outer * inner;
  const { rows, lanes } = shape(space);
  const levels = levelsOf(group, to.isInline);
  const levelOf = (tensor: Tensor): number => levels.get(tensor) ?? 0;
  const full = stored.filter((tensor) => !group.isOfRows(tensor));
  const ofRows = stored.filter((tensor) => group.isOfRows(tensor));
  const reduced = group.nodes.filter(isReduction);
  const last = Math.max(...reduced.map((node) => levelOf(node.output())));

  to.line(`let row_in_tile = ${inner === 1 ? `thread / ${lanes}u` : `thread % ${rows}u`};`);
  to.line(`let lane = ${inner === 1 ? `thread % ${lanes}u` : `thread / ${rows}u`};`);
  to.line(`let asked = tile * ${rows}u + row_in_tile;`);
  to.line(`let is_row = asked < ${all}u;`);
  to.line(`let row = min(asked, ${all - 1}u);`);
  const first =
    inner === 1
      ? to.bind(`row * ${along}u`)
      : outer === 1
        ? 'row'
        : to.bind(`row / ${inner}u * ${along * inner}u + row % ${inner}u`);
  const loop = (inside: (at: string) => void): void =>
    to.block(`for (var n = select(${along}u, lane, is_row); n < ${along}u; n += ${lanes}u)`, () =>
      inside(to.bind(inner === 1 ? `${first} + n` : `${first} + n * ${inner}u`)),
    );
  const storeAll = (tensors: readonly Tensor[], at: string): void => {
    const values = tensors.map((tensor) => to.value(tensor, at));
    for (const [i, tensor] of tensors.entries()) to.store(tensor, at, values[i] ?? '');
  };
  const fixRows = (level: number): void => {
    for (const node of group.nodes)
      for (const tensor of node.outputs)
        if (!isReduction(node) && group.isOfRows(tensor) && levelOf(tensor) === level)
          to.fix(tensor, to.value(tensor, 'row'));
  };

  const step = inner === 1 ? 1 : rows; // from a thread to the next lane's
  const shared: Record<string, SharedArray> = {};
  fixRows(0);
  for (let level = 1; level <= last; level++) {
    const now = reduced.filter((node) => levelOf(node.output()) === level);
    const sums = now.map((node) => {
      const name = to.fresh();
      if (node.output().dtype !== 'f32')
        throw new GraphError(`compile: "${node.op.name}" of ${node.output().dtype} has no WGSL`);
      to.line(`var ${name} = ${isOp(node, sumOp) ? '0.0f' : LOWEST};`);
      return name;
    });
    loop((at) => {
      for (const [i, node] of now.entries()) {
        const value = to.operand(node.input(0), node.input(0).shape, at);
        const sum = sums[i] ?? '';
        to.line(isOp(node, sumOp) ? `${sum} += ${value};` : `${sum} = larger(${sum}, ${value});`);
      }
      storeAll(
        full.filter((tensor) => levelOf(tensor) === level - 1 && !replacing.has(tensor)),
        at,
      );
    });
    const first = Object.keys(shared).length;
    const parts = lanes === 1 ? [] : combine(now, sums, to, { lanes, step, first });
    for (const part of parts) shared[part] = { type: 'f32', length: THREADS };
    for (const [i, node] of now.entries()) {
      const part = parts[i];
      to.fix(
        node.output(),
        part === undefined ? (sums[i] ?? '') : to.bind(`${part}[thread - lane * ${step}u]`),
      );
    }
    fixRows(level);
  }
  const rest = full.filter((tensor) => levelOf(tensor) === last || replacing.has(tensor));
  if (rest.length > 0) loop((at) => storeAll(rest, at));
  if (ofRows.length > 0) {
    const values = ofRows.map((tensor) => to.value(tensor, 'row'));
    // Other lanes of the row may still read what is replaced.
    if (lanes > 1 && ofRows.some((tensor) => replacing.has(tensor))) to.line('workgroupBarrier();');
    to.block('if (is_row && lane == 0u)', () => {
      for (const [i, tensor] of ofRows.entries()) to.store(tensor, 'row', values[i] ?? '');
    });
  }
  return { threads: THREADS, workgroups: Math.ceil(all / rows), shared };
}

/** How many reductions of the group come before each value. */
function levelsOf(group: Group, isInline: (tensor: Tensor) => boolean): Map<Tensor, number> {
  const levels = new Map<Tensor, number>();
  const of = (tensor: Tensor): number => {
    const known = levels.get(tensor);
    if (known !== undefined) return known;
    const isMember = group.nodes.includes(tensor.node);
    const before = isMember || isInline(tensor) ? Math.max(0, ...tensor.node.inputs.map(of)) : 0;
    const level = isMember && isReduction(tensor.node) ? before + 1 : before;
    levels.set(tensor, level);
    return level;
  };
  for (const node of group.nodes) for (const tensor of node.outputs) of(tensor);
  return levels;
}

/**
 * Combines the lanes of each row.
 *
 * @returns the shared memory of each reduction, in which the first lane's place has the result
 */
function combine(
  nodes: readonly Reduction[],
  sums: readonly string[],
  to: Emitter,
  { lanes, step, first }: { lanes: number; step: number; first: number },
): string[] {
  const parts = nodes.map((_, i) => `lanes${first + i}`);
  for (const [i, part] of parts.entries()) to.line(`${part}[thread] = ${sums[i]};`);
  to.block(`for (var reach = ${lanes / 2}u; ; reach /= 2u)`, () => {
    to.line('workgroupBarrier();');
    to.line('if (reach == 0u) { break; }');
    to.block('if (lane < reach)', () => {
      for (const [i, node] of nodes.entries()) {
        const [own, other] = [`${parts[i]}[thread]`, `${parts[i]}[thread + reach * ${step}u]`];
        to.line(isOp(node, sumOp) ? `${own} += ${other};` : `${own} = larger(${own}, ${other});`);
      }
    });
  });
  return parts;
}
