/** How much memory the training of a run took. */
import type { RunFolder } from './run-folder-node.ts';

const MEMORY = 'memory.json';

/** The largest memory of the processes that trained a run, bytes; undefined where it was not measured. */
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
