/**
 * A training run with everything around the loop: it evaluates the teacher from time to time, writes the log, TensorBoard
 * events and checkpoints into the run folder, and can go on where a run was stopped. Still an iterator of plain events.
 */
import type { Source } from '../data/source.ts';
import type { Finding } from '../report/finding.ts';
import { methodOf } from '../train/build.ts';
import { encodeCheckpoint, restoreCheckpoint } from '../train/checkpoint.ts';
import { evalsOf, type OnlineEval, type TrainConfig } from '../train/config.ts';
import { examineFeatures, explainNotFinite, FEATURES } from '../train/doctor.ts';
import { type TrainEvent, trainLoop } from '../train/loop.ts';
import { Plan } from '../train/plan.ts';
import { findNotFinite } from '../train/state.ts';
import { TimeBudget } from '../train/time-budget.ts';
import { Trainer } from '../train/trainer.ts';
import { extendRecord, type RunLength } from './extend.ts';
import { finalFindings } from './final-findings.ts';
import type { Machine } from './machine.ts';
import { Monitor, type Observation } from './monitor.ts';
import type { Prepared } from './prepare.ts';
import type { RunFolder } from './run-folder-node.ts';
import { RunLog } from './run-log.ts';
import { checkSameImages, makeRecord, type RunRecord, readRecord } from './run-record.ts';
import { Interrupted, type Watch } from './watch.ts';

export { type RunRecord, readRecord } from './run-record.ts';

export type SessionEvent =
  | TrainEvent
  | { readonly type: 'observed'; readonly observation: Observation }
  | { readonly type: 'saved'; readonly step: number; readonly file: string }
  /** A budget in minutes: the run will have this many steps. */
  | { readonly type: 'paced'; readonly step: number; readonly steps: number }
  /** The weights that a run began with beside those it ends with; `best.safetensors` holds the better ones. */
  | {
      readonly type: 'compared';
      readonly measure: Criterion;
      readonly before: number;
      readonly after: number;
      readonly kept: 'before' | 'during';
    };

/** By what the best checkpoint of a run is chosen; the rank of the features is for images without labels. */
export type Criterion = OnlineEval | 'rank';

export interface Session extends Machine {
  readonly folder: RunFolder;
  readonly source: Source;
  readonly record: RunRecord;
  readonly plan: Plan;
  readonly trainer: Trainer;
  readonly log: RunLog;
  /** Steps that are done already. */
  readonly fromStep: number;
  /** Milliseconds that the run has taken so far, its preparation included. */
  readonly elapsed: number;
}

/** Saving goes by steps and by time, so that a kill costs two minutes of work at most; milliseconds. */
const SAVE_AFTER = 100_000;

const LAST = 'checkpoint.safetensors';
const BEST = 'best.safetensors';

/** What a new run is made of, besides what was prepared. */
export interface NewSession extends Machine {
  readonly source: Source;
  /** Where a relative path of the source starts from. */
  readonly directory?: string;
  /** Empty. */
  readonly folder: RunFolder;
  /** What started it, for the record. */
  readonly command: string;
}

/** A new run in an empty folder. */
export async function newSession(
  prepared: Prepared,
  { source, directory, folder, engine, loadBatches, command }: NewSession,
): Promise<Session> {
  const { config, choices, plan, trainer, begun } = prepared;
  const { steps, stepsPerEpoch } = plan;
  const init =
    begun === undefined ? {} : { init: { path: begun.name, fromStep: begun.fromStep, taken: begun.taken } };
  const record = makeRecord({ source, directory, config, choices, steps, stepsPerEpoch, command, ...init });
  writeRecord(folder, record);
  const log = new RunLog(folder, config.batchSizePerGpu, plan);
  for (const { key, reason } of source.leftOut ?? []) log.skipped(key, reason);
  const fromStep = begun?.fromStep ?? 0;
  for (const finding of prepared.findings) log.diagnosis(fromStep, finding);
  // What the seed does not give again has to be there for a resume before the first save.
  if (begun !== undefined) {
    const header = {
      step: fromStep,
      run: JSON.stringify(record),
      openLine: log.openLine,
      elapsed: prepared.elapsed,
    };
    folder.writeAtomic(LAST, await encodeCheckpoint(trainer.state, header));
  }
  return {
    folder,
    source,
    engine,
    loadBatches,
    record,
    plan,
    trainer,
    log,
    fromStep,
    elapsed: prepared.elapsed,
  };
}

function writeRecord(folder: RunFolder, record: RunRecord): void {
  folder.writeTextAtomic('config.json', `${JSON.stringify(record, null, 2)}\n`);
}

/** What may be different when a run goes on. */
export interface ResumeChanges {
  /** How long it is to be in all; as it was unless given. */
  readonly length?: RunLength | undefined;
  /** The command that asks for it, for the record. */
  readonly command?: string;
  /** What fits another machine; the number of threads decides how sums are rounded. */
  readonly machine?: Partial<Pick<TrainConfig, 'threads' | 'numWorkers'>>;
}

/**
 * Opens a run to go on with it; the step after the checkpoint's is done next, exactly as if the run had not been stopped.
 *
 * @param budget how long the run is to be in all, if that is to change (`extend.ts`)
 * @throws Error if the images have changed, or the checkpoint is damaged or of another model; OptionError if the budget is
 *   used up already
 */
export async function resumeSession(
  folder: RunFolder,
  source: Source,
  { engine, loadBatches }: Machine,
  { length, command, machine = {} }: ResumeChanges = {},
): Promise<Session> {
  folder.removeLeftovers();
  const read = readRecord(folder);
  checkSameImages(read, source);
  const recorded = { ...read, config: { ...read.config, ...machine } };
  const { config } = recorded;
  const trainer = await Trainer.create({
    method: methodOf(config),
    engine,
    channels: config.channels,
    batchSize: config.batchSizePerGpu,
    ...(config.microBatch === undefined ? {} : { microBatch: config.microBatch }),
    optimizer: config.optimizer,
    seed: config.seed,
    engineOptions: { threads: config.threads },
  });
  const header = folder.has(LAST)
    ? restoreCheckpoint(trainer.state, folder.read(LAST), folder.file(LAST))
    : undefined;
  const { step: fromStep = 0, elapsed = 0 } = header ?? {};
  const record =
    length === undefined
      ? recorded
      : {
          ...extendRecord(recorded, length, { step: fromStep, elapsed }),
          resumed: [...recorded.resumed, ...(command === undefined ? [] : [command])],
        };
  const plan = new Plan(record.config, record.steps, record.stepsPerEpoch, record.paces);
  const log = new RunLog(folder, config.batchSizePerGpu, plan);
  if (header === undefined && log.lastTrained() > config.saveEvery)
    throw new Error(
      `${folder.file(LAST)} is missing, though ${folder.file('log.txt')} tells of step ${log.lastTrained()}: restore it${folder.has(BEST) ? ` (or a copy of ${BEST} in its place)` : ''}, or start a new run.`,
    );
  log.rewind(fromStep, header?.openLine);
  if (length !== undefined || Object.keys(machine).length > 0) writeRecord(folder, record);
  return { folder, source, engine, loadBatches, record, plan, trainer, log, fromStep, elapsed };
}

/**
 * Runs a session to its end, or until the signal asks it to stop; then the state is saved. It is saved too when something
 * outside the training fails, such as a disk with the images that goes away; the error is thrown after that. An online
 * evaluation that the signal ends is made up for when the run goes on.
 *
 * @param onProgress told of images that are read and shown between steps
 */
export async function* runSession(
  session: Session,
  signal?: AbortSignal,
  onProgress?: Watch['onProgress'],
): AsyncGenerator<SessionEvent, void, undefined> {
  const { folder, source, engine, loadBatches, trainer, plan, record, fromStep, log } = session;
  const { config } = record;
  const started = performance.now();
  const elapsed = (): number => session.elapsed + performance.now() - started;
  let monitor: Monitor | undefined;
  const { bestBy: wanted } = evalsOf(config);
  // Without labels only a run with something to lose needs a score: in how many directions its features differ.
  const bestBy: Criterion = record.init !== undefined && source.classes.length < 2 ? 'rank' : wanted;
  const firstStep = record.init?.fromStep ?? 0;
  let best = log.bestScore(bestBy, record.init === undefined ? 1 : firstStep);
  let done = fromStep;
  let saved = fromStep;
  let savedAt = started;

  /** Never replaces a good checkpoint by one that holds NaN. */
  const save = async (step: number, file: string): Promise<SessionEvent> => {
    const broken = await findNotFinite(trainer.state);
    if (broken !== undefined) {
      const diagnosis = explainNotFinite(step, 'A weight', broken);
      log.diagnosis(step, diagnosis);
      return { type: 'failed', step, diagnosis, finite: false };
    }
    const header = { step, run: JSON.stringify(record), openLine: log.openLine, elapsed: elapsed() };
    folder.writeAtomic(file, await encodeCheckpoint(trainer.state, header));
    if (file === LAST) [saved, savedAt] = [step, performance.now()];
    return { type: 'saved', step, file };
  };
  const say = function* (step: number, diagnosis: Finding): Generator<SessionEvent> {
    log.diagnosis(step, diagnosis);
    yield { type: 'diagnosis', step, diagnosis };
  };
  const observe = async function* (step: number): AsyncGenerator<SessionEvent> {
    if (config.evalEvery === 0) return;
    monitor ??= await Monitor.create(source, config, engine, { onProgress, signal });
    const asked = performance.now();
    const observation = await monitor.observe(step, await trainer.teacherWeights(), step === firstStep);
    budget?.evaluated(performance.now() - asked);
    log.observation(observation, monitor);
    yield { type: 'observed', observation };
    const progress = step / plan.steps;
    const finding = examineFeatures(observation.spread, observation.images, progress);
    // Features that differ are worth a word only after they did not.
    const last = log.lastOn(FEATURES)?.severity ?? 'ok';
    if (step > firstStep && finding !== undefined && finding.severity !== last) yield* say(step, finding);
    const score = bestBy === 'rank' ? observation.spread.rank : observation[bestBy];
    if (score !== undefined && (step > 0 || record.init !== undefined) && score > best) {
      best = score;
      yield await save(step, BEST);
    }
  };
  const evaluations = config.evalEvery > 0 ? plan.scheduleSteps / config.evalEvery : 0;
  const budget =
    config.minutes === undefined
      ? undefined
      : new TimeBudget({ plan, milliseconds: config.minutes * 60_000 - session.elapsed, evaluations });
  /** Changes the pace where time has turned out to be more or less than planned; a resumed run repeats the changes that were made. */
  const keepTime = (step: number): SessionEvent[] => {
    if (budget === undefined || plan.isChangedFrom(step)) return [];
    const steps = budget.revisedSteps(step);
    if (steps === undefined) return [];
    record.paces.push(plan.change(step, steps));
    writeRecord(folder, record);
    return [{ type: 'paced', step, steps: plan.steps }];
  };
  /** Looks are spread over the schedule, whatever its pace. */
  const isEvaluation = (step: number): boolean => {
    if (config.evalEvery === 0) return false;
    const count = (at: number): number => Math.floor(plan.position(at) / config.evalEvery);
    return count(step) > count(step - 1);
  };
  /** For a run that began with weights: were they better? */
  const compare = function* (step: number): Generator<SessionEvent> {
    const [before, after] = [log.score(bestBy, firstStep), log.score(bestBy, step)];
    if (record.init === undefined || before === undefined || after === undefined) return;
    yield { type: 'compared', measure: bestBy, before, after, kept: best > before ? 'during' : 'before' };
  };

  const conclude = function* (step: number): Generator<SessionEvent> {
    const start = record.init === undefined ? 'the untrained network' : 'the network it began with';
    const images = monitor?.watched.queries.length ?? 0;
    const end = { config, log, step, stepsPerEpoch: plan.stepsPerEpoch, firstStep, start, images };
    for (const finding of finalFindings(end)) yield* say(step, finding);
  };

  try {
    const isDue = fromStep === firstStep || isEvaluation(fromStep);
    if (isDue && fromStep < plan.steps && !log.hasObservation(fromStep)) yield* observe(fromStep);
    for await (const event of trainLoop({
      trainer,
      source,
      config,
      plan,
      loadBatches,
      fromStep,
      lastVerdict: log.lastVerdict(),
      recent: log.recent,
      ...(signal === undefined ? {} : { signal }),
    })) {
      yield event;
      switch (event.type) {
        case 'step': {
          done = event.step;
          log.step(event);
          budget?.step(event.milliseconds);
          if (event.step === plan.steps) break; // see 'finished'
          // Looking comes first: what a checkpoint says was done is in the log.
          if (isEvaluation(event.step)) yield* observe(event.step);
          yield* keepTime(event.step);
          if (event.step % config.saveEvery === 0 || performance.now() - savedAt > SAVE_AFTER) {
            const result = await save(event.step, LAST);
            yield result;
            if (result.type === 'failed') return;
          }
          break;
        }
        case 'skipped':
          log.skipped(event.key, event.reason);
          break;
        case 'diagnosis':
          log.diagnosis(event.step, event.diagnosis);
          break;
        case 'failed':
          log.diagnosis(event.step, event.diagnosis);
          if (event.finite) yield await save(event.step, LAST);
          break;
        case 'stopped':
          yield await save(event.step, LAST);
          break;
        case 'finished':
          yield* observe(event.step);
          yield* conclude(event.step);
          yield await save(event.step, LAST);
          yield* compare(event.step);
          break;
      }
    }
  } catch (error) {
    if (error instanceof Interrupted) {
      yield await save(done, LAST);
      yield { type: 'stopped', step: done };
      return;
    }
    if (done > saved) {
      let kept: SessionEvent | undefined;
      try {
        kept = await save(done, LAST);
      } catch {
        // The disk is full, say: the first error tells, and the previous checkpoint is untouched.
      }
      if (kept?.type === 'saved') yield { type: 'stopped', step: done };
    }
    throw error;
  } finally {
    await monitor?.dispose();
  }
}
