/**
 * A training run with everything around the loop: it looks at the teacher from time to time, writes the log, TensorBoard
 * events and checkpoints into the run folder, and can go on where a run was stopped. Still an iterator of plain events.
 */
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { serializeSafetensors } from '../format/safetensors.ts';
import { methodOf } from './build.ts';
import { encodeCheckpoint, restoreCheckpoint } from './checkpoint.ts';
import { type TrainConfig, trainConfigSchema } from './config.ts';
import type { Diagnosis } from './doctor.ts';
import { type StepEvent, type TrainEvent, trainLoop } from './loop.ts';
import { Monitor, type Observation } from './monitor.ts';
import { makePlan, type Plan } from './plan.ts';
import type { Prepared } from './prepare.ts';
import type { Choice } from './recipe.ts';
import type { RunFolder } from './run-folder-node.ts';
import { Trainer } from './trainer.ts';

export type SessionEvent =
  | TrainEvent
  | { readonly type: 'observed'; readonly observation: Observation }
  | { readonly type: 'saved'; readonly step: number; readonly file: string };

/** What `config.json` holds: enough to repeat a run and to go on with it. */
export interface RunRecord {
  readonly format: 'dino-ts run 1';
  readonly source: { readonly path: string; readonly images: number; readonly classes: readonly string[] };
  readonly config: TrainConfig;
  readonly choices: readonly Choice[];
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly command: string;
  readonly created: string;
}

export interface Session {
  readonly folder: RunFolder;
  readonly source: Source;
  readonly engine: Engine;
  readonly record: RunRecord;
  readonly plan: Plan;
  readonly trainer: Trainer;
  readonly fromStep: number;
}

const LAST = 'checkpoint.safetensors';
const BEST = 'best.safetensors';
/** Lines of the log are means over this many steps. */
const LOG_EVERY = 10;

/** A new run in an empty folder. */
export function newSession(
  prepared: Prepared,
  { source, folder, engine, command }: { source: Source; folder: RunFolder; engine: Engine; command: string },
): Session {
  const { config, choices, plan, trainer } = prepared;
  const record: RunRecord = {
    format: 'dino-ts run 1',
    source: { path: source.name, images: source.length, classes: source.classes },
    config,
    choices,
    steps: plan.steps,
    stepsPerEpoch: plan.stepsPerEpoch,
    command,
    created: new Date().toISOString(),
  };
  folder.writeTextAtomic('config.json', `${JSON.stringify(record, null, 2)}\n`);
  return { folder, source, engine, record, plan, trainer, fromStep: 0 };
}

/** Reads a run's record. @throws Error if the file is damaged */
export function readRecord(folder: RunFolder): RunRecord {
  const file = folder.file('config.json');
  let record: RunRecord;
  try {
    record = JSON.parse(folder.readText('config.json')) as RunRecord;
  } catch {
    throw new Error(`${file} is not valid JSON: restore it, or start a new run.`);
  }
  if (record.format !== 'dino-ts run 1')
    throw new Error(`${file} is not a run record of this version: start a new run.`);
  return { ...record, config: trainConfigSchema.parse(record.config) };
}

/**
 * Opens a run to go on with it; the step after the checkpoint's is done next, exactly as if the run had not been stopped.
 *
 * @throws Error if the images have changed, or the checkpoint is damaged or of another model
 */
export async function resumeSession(folder: RunFolder, source: Source, engine: Engine): Promise<Session> {
  const record = readRecord(folder);
  if (source.length !== record.source.images) {
    throw new Error(
      `${source.name} has ${source.length} images, the run was started with ${record.source.images}: resume with the same data.`,
    );
  }
  const { config } = record;
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
  let fromStep = 0;
  if (folder.has(LAST)) fromStep = restoreCheckpoint(trainer, folder.read(LAST), folder.file(LAST)).step;
  folder.truncateLog(fromStep);
  return {
    folder,
    source,
    engine,
    record,
    plan: makePlan(config, record.steps, record.stepsPerEpoch),
    trainer,
    fromStep,
  };
}

/** Runs a session to its end, or until the signal asks it to stop; then the state is saved. */
export async function* runSession(
  session: Session,
  signal?: AbortSignal,
): AsyncGenerator<SessionEvent, void, undefined> {
  const { folder, source, engine, trainer, plan, record, fromStep } = session;
  const { config } = record;
  const monitor = config.evalEvery > 0 ? await Monitor.create(source, config, engine) : undefined;
  let best = bestSoFar(folder);
  let pending: StepEvent[] = [];

  const save = (step: number, file: string): SessionEvent => {
    folder.writeAtomic(file, encodeCheckpoint(trainer, { step, run: JSON.stringify(record) }));
    return { type: 'saved', step, file };
  };
  const observe = async function* (step: number): AsyncGenerator<SessionEvent> {
    if (monitor === undefined) return;
    const observation = await monitor.observe(step, trainer.teacherWeights());
    recordObservation(folder, observation, monitor);
    yield { type: 'observed', observation };
    if (observation.knn !== undefined && step > 0 && observation.knn > best) {
      best = observation.knn;
      yield save(step, BEST);
    }
  };

  try {
    if (fromStep === 0) yield* observe(0);
    for await (const event of trainLoop({
      trainer,
      source,
      config,
      plan,
      fromStep,
      ...(signal === undefined ? {} : { signal }),
    })) {
      yield event;
      switch (event.type) {
        case 'step': {
          pending.push(event);
          if (event.step % LOG_EVERY === 0 || event.step === plan.steps) {
            writeLog(folder, pending, config);
            pending = [];
          }
          const observed =
            config.evalEvery > 0 && event.step % config.evalEvery === 0 && event.step < plan.steps;
          if (event.step % config.saveEvery === 0 && event.step < plan.steps) yield save(event.step, LAST);
          if (observed) yield* observe(event.step);
          break;
        }
        case 'skipped':
          folder.appendText('skipped.txt', `${event.key}\t${event.reason}\n`);
          break;
        case 'diagnosis':
          logDiagnosis(folder, event.step, event.diagnosis);
          break;
        case 'failed':
          logDiagnosis(folder, event.step, event.diagnosis);
          yield save(event.step, LAST);
          break;
        case 'stopped':
          if (pending.length > 0) writeLog(folder, pending, config);
          yield save(event.step, LAST);
          break;
        case 'finished':
          yield save(event.step, LAST);
          yield* observe(event.step);
          break;
      }
    }
  } finally {
    await monitor?.dispose();
  }
}

/** Means over a few steps, under the official names. */
function writeLog(folder: RunFolder, steps: readonly StepEvent[], config: TrainConfig): void {
  const last = steps.at(-1);
  if (last === undefined) return;
  const mean = (pick: (event: StepEvent) => number): number =>
    steps.reduce((sum, event) => sum + pick(event), 0) / steps.length;
  const line = {
    train_loss: mean((e) => e.loss),
    train_lr: last.settings.lr,
    train_wd: last.settings.weightDecay,
    epoch: last.epoch,
    step: last.step,
    teacher_entropy: mean((e) => e.teacherEntropy),
    kl: mean((e) => e.divergence),
    gradient_norm: mean((e) => e.gradientNorm),
    teacher_momentum: last.settings.teacherMomentum,
    teacher_temp: last.settings.scalars.teacherTemp ?? Number.NaN,
    images_per_second: (config.batchSizePerGpu * 1000) / mean((e) => e.milliseconds),
    waited_share: mean((e) => e.waited) / mean((e) => e.milliseconds),
  };
  folder.appendLog(line);
  const { step, epoch, ...scalars } = line;
  folder.appendScalars(step, { epoch, ...scalars });
}

function recordObservation(folder: RunFolder, observation: Observation, monitor: Monitor): void {
  const { step, knn, meanCosine, attention } = observation;
  folder.appendLog({ step, ...(knn === undefined ? {} : { knn_top1: knn }), feature_cosine: meanCosine });
  folder.appendScalars(step, { ...(knn === undefined ? {} : { knn_top1: knn }), feature_cosine: meanCosine });
  if (attention === undefined) return;
  const side = monitor.backbone.attentionSide;
  const images = monitor.watched.examples.length;
  const shape = [images, attention.length / (images * side * side), side, side];
  const metadata = { step: String(step), images: JSON.stringify(monitor.watched.examples) };
  folder.writeAtomic(
    `snapshots/${String(step).padStart(8, '0')}.safetensors`,
    serializeSafetensors(new Map([['attention', { dtype: 'F32', shape, data: attention }]]), metadata),
  );
}

function logDiagnosis(folder: RunFolder, step: number, { severity, title, detail, advice }: Diagnosis): void {
  folder.appendLog({ step, severity, title, detail, ...(advice === undefined ? {} : { advice }) });
}

/** The best k-NN accuracy of the part of the run that was done already. */
function bestSoFar(folder: RunFolder): number {
  return Math.max(
    -1,
    ...folder
      .readLog()
      .flatMap((line) => (typeof line.knn_top1 === 'number' && Number(line.step) > 0 ? [line.knn_top1] : [])),
  );
}
