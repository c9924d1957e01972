/**
 * What needs Node: files, threads, the native engine and run folders. Everything else is in `dino-ts` and `dino-ts/eval`.
 *
 *     const source = openSource('photos');
 *     const folder = RunFolder.create('runs/mine');
 *     const prepared = await prepare({ source, options: { minutes: 10 }, ...nodeMachine });
 *     const session = await newSession(prepared, { source, folder, ...nodeMachine, command: 'my program' });
 *     for await (const event of runSession(session)) if (event.type === 'step') console.log(event.loss);
 */

// Data sets on disk, and their images

export { loadBatches } from './data/loader-node.ts';
export { type MaskedFolders, openMaskedImages } from './data/masked-images-node.ts';
export { openSource } from './data/open-source-node.ts';
export { findSequences, openSequences } from './data/sequences-node.ts';
export { decode } from './image/decode-node.ts';
export { jpegCopy } from './image/jpeg-node.ts';
export { decodeMask } from './image/mask-node.ts';

// The engine, other processes, and threads that make batches

export { joinRanks } from './collective/join-ranks-node.ts';
export { ortNode } from './engine/ort-node.ts';
export { nodeMachine } from './run/machine-node.ts';

// Weights and features on disk

export {
  type BankInfo,
  type BankRow,
  type FeatureBank,
  FeatureBankWriter,
  networkFingerprint,
  openFeatureBank,
} from './features/feature-bank-node.ts';
export { FeatureParquet, type ParquetRow } from './features/feature-parquet-node.ts';
export { type FileSource, openFile } from './files/file-source-node.ts';
export { download } from './weights/download-node.ts';
export { type OpenedWeights, openWeights } from './weights/open-weights-node.ts';

// Run folders

export type { FrozenNetwork } from './run/frozen-network.ts';
export { openFrozen } from './run/frozen-network-node.ts';
export type { Observation } from './run/monitor.ts';
export { openInitial } from './run/open-initial-node.ts';
export { openRecorded } from './run/open-recorded-node.ts';
export { openSubject } from './run/open-subject-node.ts';
export { type LogLine, RunFolder } from './run/run-folder-node.ts';
export { type RunRecord, readRecord } from './run/run-record.ts';
export { runSession } from './run/run-session.ts';
export { newSession, resumeSession, type Session } from './run/session.ts';
export type { SessionEvent } from './run/session-events.ts';
export type { Subject, SubjectOptions } from './run/subject.ts';
export { type ReportOptions, writeRunReport } from './run/write-report-node.ts';
