/** Makes a run's `report.html` from what its folder holds: the log, the snapshots, the checkpoint. */
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { evaluationNames } from '../eval/names.ts';
import { methodNamed } from '../method/registry.ts';
import type { EvaluationSection } from '../report/blocks.ts';
import type { Report } from '../report/model.ts';
import { renderReport } from '../report/page/html.ts';
import { decodeSection } from '../report/page/stored-section.ts';
import { LAST } from './checkpoint-files.ts';
import { openRecorded } from './open-recorded-node.ts';
import { accuracyOf, keptExtras, type ReportExtras } from './report-extras.ts';
import { pictureSections } from './report-pictures.ts';
import type { RunFolder } from './run-folder-node.ts';
import { checkSameImages, type RunRecord, readRecord } from './run-record.ts';
import { runReport } from './run-report.ts';
import type { Watch } from './watch.ts';

export interface ReportOptions extends ReportExtras {
  readonly engine: Engine;
  readonly onProgress?: Watch['onProgress'];
  /** Told what the report goes without, and why. */
  readonly onWarning?: (text: string) => void;
}

/** @returns what the page shows */
export async function writeRunReport(
  folder: RunFolder,
  { engine, onProgress, onWarning, ...given }: ReportOptions,
): Promise<Report> {
  const extras = keptExtras(folder, given);
  const record = readRecord(folder);
  const source = extras.source ?? recordedSource(record, onWarning);
  const report: Report = {
    title:
      extras.title ?? `${methodNamed(record.config.method).label} on ${source?.name ?? record.source.path}`,
    finishedAt: new Date(),
    ...runReport(record, folder.readLog()),
    ...accuracyOf(extras.knn),
    ...(source === undefined || !folder.has(LAST)
      ? {}
      : await pictureSections(folder, record, source, {
          engine,
          scenesSeed: extras.scenesSeed,
          onProgress,
        })),
    evaluations: storedSections(folder),
    versions: [
      { name: 'Node', value: process.version },
      { name: 'engine', value: engine.name },
    ],
  };
  folder.writeTextAtomic('report.html', renderReport(report));
  return report;
}

/** The images of the run; a report can do without. */
function recordedSource(record: RunRecord, onWarning: ReportOptions['onWarning']): Source | undefined {
  try {
    const source = openRecorded(record);
    checkSameImages(record, source); // maps were kept for images by number
    return source;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    onWarning?.(
      `The report goes without attention and neighbors, which are shown on the images that the run was started with: ${cause.replace(': resume with the same data', '')}`,
    );
    return undefined;
  }
}

/** The report of weights that were trained elsewhere: what evaluations found. */
export function writeEvaluationReport(folder: RunFolder, title: string): void {
  const evaluations = storedSections(folder);
  folder.writeTextAtomic('report.html', renderReport({ title, finishedAt: new Date(), evaluations }));
}

/** Sections of the evaluations that were run, in the order in which reports show them. */
function storedSections(folder: RunFolder): EvaluationSection[] {
  return evaluationNames.flatMap((name) => {
    const file = `eval/${name}.section.json`;
    return folder.has(file) ? [decodeSection(folder.readText(file), folder.file(file))] : [];
  });
}
