/** Writes the report of a run before the eyes of its user. */
import { ortNode } from '../engine/ort-node.ts';
import type { Report } from '../report/model.ts';
import type { ReportExtras } from '../run/report-extras.ts';
import type { RunFolder } from '../run/run-folder-node.ts';
import { writeRunReport } from '../run/write-report-node.ts';
import { phasesOn, progressLine } from './terminal/progress.ts';

/** @returns what the page shows */
export async function reportShown(folder: RunFolder, extras: ReportExtras = {}): Promise<Report> {
  const line = progressLine(process.stderr);
  const phases = phasesOn(line, 'report, ');
  try {
    const report = await writeRunReport(folder, {
      ...extras,
      engine: ortNode,
      onProgress: phases.show,
      onWarning: (text) => line.print(text),
    });
    phases.finish();
    return report;
  } finally {
    line.end();
  }
}
