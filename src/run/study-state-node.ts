/** Where the run of a study stands, by what its folder holds. */
import { openFile } from '../files/file-source-node.ts';
import { checkpointRun } from '../train/checkpoint.ts';
import { LAST } from './checkpoint-files.ts';
import type { RunFolder } from './run-folder-node.ts';
import { readRecord, stepsOf } from './run-record.ts';

/** A run that failed is not begun again: the same numbers would fail again. */
export type RunState = 'new' | 'interrupted' | 'failed' | 'done';

export function stateOf(folder: RunFolder): RunState {
  if (!folder.has('config.json')) return 'new';
  const record = readRecord(folder);
  const log = folder.readLog();
  if (log.some(({ severity }) => severity === 'error')) return 'failed';
  const steps = stepsOf(record);
  const isObserved =
    record.config.evalEvery === 0 || log.some((line) => line.step === steps && 'feature_cosine' in line);
  return isObserved && savedStep(folder) >= steps ? 'done' : 'interrupted';
}

/** Steps done at the latest checkpoint. */
function savedStep(folder: RunFolder): number {
  if (!folder.has(LAST)) return 0;
  const source = openFile(folder.file(LAST));
  try {
    return checkpointRun(source)?.step ?? 0;
  } finally {
    source.close();
  }
}
