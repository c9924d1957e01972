/**
 * Splits results at the places where ranks meet (`ops/across.ts`), for engines whose programs cannot speak with others. Every value
 * is computed in the earliest stage that can; what a later stage needs of it crosses under a name.
 */
import { gatherAcrossOp, scatterAcrossOp, sumAcrossOp } from '../ops/across.ts';
import { expandOp, reshapeOp } from '../ops/layout.ts';
import { input, inputName } from '../ops/leaf.ts';
import type { Results } from '../targets/target.ts';
import type { Node, Tensor, TensorType } from '../tensor.ts';
import { rewrite, topological } from '../traverse.ts';
import { shareSubexpressions } from './share.ts';

/** What all ranks do together with a value when a stage has ended. */
export interface Meeting {
  readonly kind: 'sum' | 'gather' | 'scatter';
  /** A result of the stage. */
  readonly from: string;
  /** What comes out, an input of later stages. */
  readonly to: string;
  readonly type: TensorType;
}

export interface Stage {
  /** Results under their own names, and what crosses. */
  readonly results: Results;
  readonly meetings: readonly Meeting[];
}

const kinds = new Map<string, Meeting['kind']>([
  [sumAcrossOp.name, 'sum'],
  [gatherAcrossOp.name, 'gather'],
  [scatterAcrossOp.name, 'scatter'],
]);
const kindOf = ({ op }: Node): Meeting['kind'] | undefined => kinds.get(op.name);

/** Cheaper to do again than to keep. */
const isFree = ({ op, inputs }: Node): boolean =>
  inputs.length === 0 || op.name === reshapeOp.name || op.name === expandOp.name;

/** @returns one stage with the results as they are, where no ranks meet */
export function splitStages(results: Results): readonly Stage[] {
  const names = Object.keys(results);
  const tensors = Object.values(results);
  if (!topological(tensors).some((node) => kindOf(node) !== undefined)) return [{ results, meetings: [] }];

  const roots = shareSubexpressions(tensors);
  const order = topological(roots);
  const stageOf = new Map<Tensor, number>();
  for (const node of order) {
    const at = Math.max(0, ...node.inputs.map((x) => stageOf.get(x) ?? 0));
    for (const x of node.outputs) stageOf.set(x, kindOf(node) === undefined ? at : at + 1);
  }
  const own = (x: Tensor): number => stageOf.get(x) ?? 0;
  const crossing = new Map<Tensor, string>();
  const byName = new Map<string, Tensor>();
  const nameOf = (x: Tensor): string => {
    const known = crossing.get(x);
    if (known !== undefined) return known;
    const name = `stage/${crossing.size}`;
    crossing.set(x, name);
    byName.set(name, x);
    return name;
  };
  // From the last stage to the first: what a stage has to hand on is known when those after it are.
  const stages: Stage[] = [];
  const wanted = new Set<Tensor>();
  for (let stage = Math.max(0, ...roots.map(own)); stage >= 0; stage--) {
    const meetings = order.flatMap((node): Meeting[] => {
      const kind = kindOf(node);
      const x = node.output();
      if (kind === undefined || !wanted.has(x) || own(x) !== stage + 1) return [];
      return [{ kind, from: nameOf(node.input(0)), to: nameOf(x), type: { dtype: x.dtype, shape: x.shape } }];
    });
    for (const { from } of meetings) add(wanted, byName.get(from));
    const handedOn = [...wanted].filter((x) => own(x) === stage && kindOf(x.node) === undefined);
    // What comes out of a meeting is there before the stage begins, so it needs no result unless it is one.
    const met = meetings.map(({ from }) => byName.get(from)).filter((x) => x !== undefined);
    const outputs = new Map<string, Tensor>([
      ...roots.flatMap((x, i): [string, Tensor][] => (own(x) === stage ? [[names[i] ?? '', x]] : [])),
      ...[...new Set([...handedOn, ...met])].map((x): [string, Tensor] => [nameOf(x), x]),
    ]);
    const rebuilt = rewrite([...outputs.values()], (node) => {
      const isHere = own(node.output()) === stage && kindOf(node) === undefined;
      return isHere || (isFree(node) && kindOf(node) === undefined)
        ? undefined
        : node.outputs.map((x) => input(nameOf(x), x.shape, x.dtype));
    });
    for (const { outputs: leaves } of topological(rebuilt))
      for (const leaf of leaves) add(wanted, byName.get(inputName(leaf) ?? ''));
    stages.unshift({
      results: Object.fromEntries([...outputs.keys()].map((name, i) => [name, rebuilt[i]!])),
      meetings,
    });
  }
  return stages;
}

function add(set: Set<Tensor>, tensor: Tensor | undefined): void {
  if (tensor !== undefined) set.add(tensor);
}
