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

const MEMORY = 'memory.json';

/** The largest memory of the process while the run trained, bytes; undefined where it was not measured. */
export function peakMemory(folder: RunFolder): number | undefined {
  if (!folder.has(MEMORY)) return undefined;
  const value: unknown = JSON.parse(folder.readText(MEMORY));
  return typeof value === 'object' && value !== null && 'peak' in value ? Number(value.peak) : undefined;
}

/** Keeps it; that of an earlier part of the run counts too. */
export function keepPeakMemory(folder: RunFolder, peak: number): void {
  const largest = Math.max(peak, peakMemory(folder) ?? 0);
  folder.writeTextAtomic(MEMORY, `${JSON.stringify({ peak: largest })}\n`);
}
