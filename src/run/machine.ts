/** What a run computes with: an engine, and whoever makes its batches. In Node it is `nodeMachine` (`machine-node.ts`). */
import type { BatchLoader } from '../data/batch.ts';
import type { Engine } from '../engine/engine.ts';

export interface Machine {
  readonly engine: Engine;
  readonly loadBatches: BatchLoader;
}
