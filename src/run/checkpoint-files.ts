/** The two checkpoints of a run folder: their names, and how they are written. */
import { encodeCheckpoint } from '../train/checkpoint.ts';
import type { Trainer } from '../train/trainer.ts';
import type { RunFolder } from './run-folder-node.ts';
import type { RunLog } from './run-log.ts';
import type { RunRecord } from './run-record.ts';

/** What a run goes on from. */
export const LAST = 'checkpoint.safetensors';
/** The state that an online evaluation liked best. */
export const BEST = 'best.safetensors';
export type CheckpointFile = typeof LAST | typeof BEST;

/** What a checkpoint is of. */
export interface CheckpointedRun {
  readonly folder: RunFolder;
  readonly trainer: Trainer;
  readonly record: RunRecord;
  readonly log: RunLog;
}

/** @param elapsed milliseconds that the run has taken */
export async function writeCheckpoint(
  { folder, trainer, record, log }: CheckpointedRun,
  file: CheckpointFile,
  { step, elapsed }: { readonly step: number; readonly elapsed: number },
): Promise<void> {
  const header = { step, run: JSON.stringify(record), openLine: log.openLine, elapsed };
  folder.writeAtomic(file, await encodeCheckpoint(trainer.state, header));
}
