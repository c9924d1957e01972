/**
 * The update of a step: clipping, optimizer and moving average. An updater owns what it works on, as named values where the
 * engine keeps them; checkpoints, initial states and exports read and write those values and know no updater.
 *
 * Two updaters do the same: a pass over the host's memory in WebAssembly (`wasm-updater.ts`), and the rules of `rules.ts` as a
 * program for engines with a memory of their own (`graph-updater.ts`).
 */
import type { Collective } from '../collective/collective.ts';
import type { Buffers } from '../engine/engine.ts';
import type { ParameterInfo } from '../graph/index.ts';
import { ADAM, isDecayed, type UpdateRule } from './rules.ts';

export interface UpdateState {
  readonly student: Buffers;
  /** The moving average of the student, a method's teacher; empty where nothing follows it. */
  readonly average: Buffers;
  /** What the rule keeps, by slot (`exp_avg`) and parameter; of parameters that are trained. */
  readonly moments: ReadonlyMap<string, Buffers>;
  /** Updates that each trained parameter has had; fewer where a layer was frozen. */
  readonly counts: Map<string, number>;
}

/** The numbers of one update. */
export interface UpdateNumbers {
  readonly lr: number;
  /** What a parameter's learning rate is multiplied by (layer-wise decay); 1 unless given. */
  readonly lrFactor?: ((name: string) => number) | undefined;
  readonly weightDecay: number;
  /** Limit of each gradient norm, of a parameter or of a group of them; 0 switches clipping off. */
  readonly clip: number;
  /** Momentum of the moving average. */
  readonly momentum: number;
  /** Parameters whose gradient is dropped (a frozen last layer): no decay, no moments, no update counted. */
  isFrozen(name: string): boolean;
}

export interface Updater {
  readonly rule: UpdateRule;
  readonly state: UpdateState;
  /** Where programs put the gradients of parameters that are trained. */
  readonly gradients: Buffers;
  clearGradients(): void;
  /** Adds the gradients up over all ranks. */
  sumGradients(collective: Collective): Promise<void>;
  /**
   * Applies the gradients. Where one of them is not finite nothing is changed at all; the norms tell.
   *
   * @returns the L2 norm of each gradient before clipping
   */
  apply(numbers: UpdateNumbers): Promise<ReadonlyMap<string, number>>;
  dispose(): Promise<void>;
}

export interface UpdaterOptions {
  readonly parameters: Iterable<ParameterInfo>;
  readonly rule: UpdateRule;
  /** Names of the parameters that a moving average follows. */
  readonly averaged: ReadonlySet<string>;
  /** Parameters of one group are clipped by the norm of all their gradients; each is a group of its own unless given. */
  clipGroup?(name: string): string;
}

/** The L2 norm of the gradients of each group, by group. */
export function groupNorms(
  norms: ReadonlyMap<string, number>,
  clipGroup: (name: string) => string,
): Map<string, number> {
  const groups = new Map<string, number>();
  for (const [name, norm] of norms)
    groups.set(clipGroup(name), Math.hypot(groups.get(clipGroup(name)) ?? 0, norm));
  return groups;
}

/** What an update does with one parameter. */
export interface ParameterNumbers {
  readonly lr: number;
  readonly weightDecay: number;
  /** 1 - beta1^t and 1 - beta2^t for the t-th update of this parameter. */
  readonly correction1: number;
  readonly correction2: number;
}

/** @param count updates of the parameter, this one included */
export function parameterNumbers(
  { name, shape }: ParameterInfo,
  rule: UpdateRule,
  count: number,
  { lr, lrFactor, weightDecay }: UpdateNumbers,
): ParameterNumbers {
  const { beta1, beta2 } = rule.name === 'adamw' ? rule : ADAM;
  return {
    lr: lr * (lrFactor?.(name) ?? 1),
    weightDecay: isDecayed(name, shape) ? weightDecay : 0,
    correction1: 1 - beta1 ** count,
    correction2: 1 - beta2 ** count,
  };
}
