/** Makes a run's `report.html` from what its folder holds: the log, the snapshots, the checkpoint. */
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { evaluationNames } from '../eval/names.ts';
import { capitalized } from '../eval/statement.ts';
import { methodNamed } from '../method/registry.ts';
import type { EvaluationSection } from '../report/blocks.ts';
import type { Report } from '../report/model.ts';
import { renderReport } from '../report/page/html.ts';
import { decodeSection } from '../report/page/stored-section.ts';
import { LAST } from './checkpoint-files.ts';
import { keepPictures, keptPictures } from './kept-pictures.ts';
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
  const [source, cause] = extras.source === undefined ? recordedSource(record) : [extras.source];
  const kept = cause === undefined ? undefined : keptPictures(folder);
  const withoutImages = cause === undefined ? undefined : withoutImagesSentence(kept !== undefined, cause);
  if (withoutImages !== undefined) onWarning?.(withoutImages);
  const report: Report = {
    title:
      extras.title ??
      capitalized(`${methodNamed(record.config.method).label} on ${source?.name ?? record.source.path}`),
    finishedAt: new Date(),
    ...runReport(record, folder.readLog()),
    ...accuracyOf(extras.knn),
    ...(withoutImages === undefined ? {} : { withoutImages }),
    ...kept,
    ...(source === undefined || !folder.has(LAST)
      ? {}
      : keepPictures(
          folder,
          await pictureSections(folder, record, source, {
            engine,
            scenesSeed: extras.scenesSeed,
            onProgress,
          }),
        )),
    evaluations: storedSections(folder),
    versions: [
      { name: 'Node', value: process.version },
      { name: 'engine', value: engine.name },
    ],
  };
  folder.writeTextAtomic('report.html', renderReport(report));
  return report;
}

/** The images of the run, or why they cannot be shown; a report can do without. */
function recordedSource(record: RunRecord): [Source] | [undefined, string] {
  try {
    const source = openRecorded(record);
    checkSameImages(record, source); // maps were kept for images by number
    return [source];
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return [undefined, cause.replace(': resume with the same data', '')];
  }
}

function withoutImagesSentence(isKept: boolean, cause: string): string {
  const [which, what] = isKept
    ? ['shows attention and neighbors as they were drawn before', 'They are drawn']
    : ['goes without attention and neighbors', 'These are drawn'];
  return `The report ${which}. ${what} on the images that the run was started with: ${cause}`;
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
