/** Training runs of a second: tiny networks on tiny crops, for the tests of the training loop and what is around it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { loadBatches } from '../../src/data/loader-node.ts';
import { scenesSource } from '../../src/data/scenes-source.ts';
import type { Source } from '../../src/data/source.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import type { FrozenNetwork } from '../../src/run/frozen-network.ts';
import { prepare } from '../../src/run/prepare.ts';
import type { Ranks } from '../../src/run/ranks.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { runSession } from '../../src/run/run-session.ts';
import { newSession, resumeSession, type Session } from '../../src/run/session.ts';
import type { SessionEvent } from '../../src/run/session-events.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import type { InitialState } from '../../src/train/initial-state.ts';
import { namedValues } from '../../src/train/state.ts';
import type { Trainer } from '../../src/train/trainer.ts';

export { tinyConvnet, tinyHybrid, tinyVit } from './tiny-options.ts';

/** Five steps in an epoch. */
export const tinyScenes = (): Source => scenesSource({ count: 22, seed: 4, size: 20 });

/** A folder that goes when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dino-train-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface RunOptions {
  readonly source?: Source;
  readonly engine?: Engine;
  readonly folder?: RunFolder;
  readonly initial?: InitialState;
  readonly frozen?: FrozenNetwork | undefined;
  readonly ranks?: Ranks | undefined;
}

/** A new run, ready for its first step. */
export async function startRun(options: TrainOptions, parts: RunOptions = {}): Promise<Session> {
  const { source = tinyScenes(), engine = ortNode, ranks } = parts;
  const folder = parts.folder ?? RunFolder.create(join(temporaryFolder(), 'run'));
  const prepared = await prepare({
    ...{
      source,
      options,
      engine,
      loadBatches,
      ranks,
      cores: 1,
      initial: parts.initial,
      frozen: parts.frozen,
    },
  });
  onTestFinished(() => prepared.trainer.dispose());
  return newSession(prepared, { source, folder, engine, loadBatches, ranks, command: 'a test' });
}

/** The same run as another process would go on with it. */
export async function resumeRun(session: Session, parts: RunOptions = {}): Promise<Session> {
  const { source = session.source, engine = session.engine, ranks } = parts;
  const resumed = await resumeSession(
    RunFolder.open(session.folder.path),
    source,
    { engine, loadBatches, ranks },
    { frozen: parts.frozen },
  );
  onTestFinished(() => resumed.trainer.dispose());
  return resumed;
}

/** Runs a session to its end, or stops it after some step. */
export async function follow(session: Session, stopAfter?: number): Promise<SessionEvent[]> {
  const abort = new AbortController();
  const events: SessionEvent[] = [];
  for await (const event of runSession(session, abort.signal)) {
    events.push(event);
    if (event.type === 'step' && event.step === stopAfter) abort.abort();
  }
  return events;
}

/** Ends a session as a kill would: nothing more is written after a step. */
export async function killAfter(step: number, session: Session): Promise<void> {
  for await (const event of runSession(session)) {
    if (event.type === 'step' && event.step === step) return;
  }
}

/** The same, right after the checkpoint of a step. */
export async function killAfterSave(step: number, session: Session): Promise<void> {
  for await (const event of runSession(session)) {
    if (event.type === 'saved' && event.step === step) return;
  }
}

export function lossesOf(events: readonly SessionEvent[]): Map<number, number> {
  return new Map(events.flatMap((event) => (event.type === 'step' ? [[event.step, event.loss]] : [])));
}

/** Copies of every value of the training state, and the counts of updates. */
export function stateOf({ state }: Trainer): Map<string, Float32Array | number> {
  const values = namedValues(state).map(({ name, buffer }) => [name, hostFloats(buffer).slice()] as const);
  const counts = [...state.update.counts].map(([name, count]) => [`updates of ${name}`, count] as const);
  return new Map<string, Float32Array | number>([...values, ...counts]);
}

/** Lines of the log without what clocks say. */
export function timelessLog(folder: RunFolder): unknown[] {
  return folder.readLog().map(({ images_per_second: _, waited_share: __, ...line }) => line);
}
