/** What a run computes with: an engine, and whoever makes its batches. In Node it is `nodeMachine` (`machine-node.ts`). */
import type { BatchLoader } from '../data/batch.ts';
import type { Engine } from '../engine/engine.ts';
import type { Ranks } from './ranks.ts';

export interface Machine {
  readonly engine: Engine;
  readonly loadBatches: BatchLoader;
  /** The other processes that train with this one. */
  readonly ranks?: Ranks | undefined;
}

/** How many parts a step has: one for each rank, or for each device of one. */
export function partsOf({ ranks, engine }: Pick<Machine, 'ranks' | 'engine'>): number {
  return (ranks?.size ?? 1) * (engine.replicas ?? 1);
}
