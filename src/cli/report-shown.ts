/** Writes the report of a run before the eyes of its user. */
import { ortNode } from '../engine/ort-node.ts';
import type { Report } from '../report/model.ts';
import type { ReportExtras } from '../run/report-extras.ts';
import type { RunFolder } from '../run/run-folder-node.ts';
import { writeRunReport } from '../run/write-report-node.ts';
import { progressLine } from './progress.ts';

/** @returns what the page shows */
export function reportShown(folder: RunFolder, extras: ReportExtras = {}): Promise<Report> {
  const line = progressLine(process.stderr);
  return writeRunReport(folder, {
    ...extras,
    engine: ortNode,
    onProgress: (what, done, total) => line.show(`report, ${what}: ${done} of ${total}`),
    onWarning: console.error,
  }).finally(() => line.end());
}
