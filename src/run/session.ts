/** A training run that is ready to go: begun in an empty folder, or opened where it was stopped. `run-session.ts` runs it. */
import type { Source } from '../data/source.ts';
import { OptionError } from '../method/option-error.ts';
import { counted } from '../numbers/counted.ts';
import { trainerOptionsOf } from '../train/build.ts';
import { restoreCheckpoint } from '../train/checkpoint.ts';
import { batchOf, type TrainConfig } from '../train/config.ts';
import { Plan } from '../train/plan.ts';
import { Trainer } from '../train/trainer.ts';
import { BEST, LAST, writeCheckpoint } from './checkpoint-files.ts';
import { extendRecord, type RunLength } from './extend.ts';
import type { FrozenNetwork } from './frozen-network.ts';
import { type Machine, partsOf } from './machine.ts';
import type { Prepared } from './prepare.ts';
import type { RunFolder } from './run-folder-node.ts';
import { RunLog } from './run-log.ts';
import { checkSameImages, makeRecord, type RunRecord, readRecord, writeRecord } from './run-record.ts';

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
  { source, directory, folder, engine, loadBatches, ranks, command }: NewSession,
): Promise<Session> {
  const { config, choices, plan, trainer, begun } = prepared;
  const { steps, stepsPerEpoch } = plan;
  const init =
    begun === undefined ? {} : { init: { path: begun.name, fromStep: begun.fromStep, taken: begun.taken } };
  const record = makeRecord({ source, directory, config, choices, steps, stepsPerEpoch, command, ...init });
  writeRecord(folder, record);
  const log = new RunLog(folder, config, plan);
  for (const { key, reason } of source.leftOut ?? []) log.skipped(key, reason);
  const fromStep = begun?.fromStep ?? 0;
  for (const finding of prepared.findings) log.diagnosis(fromStep, finding);
  // What the seed does not give again has to be there for a resume before the first save.
  const { elapsed } = prepared;
  if (begun !== undefined)
    await writeCheckpoint({ folder, trainer, record, log }, LAST, { step: fromStep, elapsed });
  return { folder, source, engine, loadBatches, ranks, record, plan, trainer, log, fromStep, elapsed };
}

/**
 * The same steps on another number of ranks: each has its share of the images.
 *
 * @param given images of each rank, as far as that was said
 * @throws OptionError where the steps would be others
 */
function sharedOut(config: TrainConfig, ranks: number, given: number | undefined): TrainConfig {
  const [batch, each] = [batchOf(config), batchOf(config) / ranks];
  if (!Number.isInteger(each)) {
    const fitting = Array.from({ length: batch }, (_, i) => i + 1).filter((count) => batch % count === 0);
    const near = fitting.filter((count) => count < ranks).at(-1) ?? 1;
    throw new OptionError(
      `A step of the run has ${counted(batch, 'image')}, which ${ranks} ranks cannot share evenly: go on with ${near} of them and --batch_size_per_gpu ${batch / near}.`,
    );
  }
  if (given !== undefined && given !== each)
    throw new OptionError(
      `A step of the run has ${counted(batch, 'image')}, and --batch_size_per_gpu ${given} on ${counted(ranks, 'rank')} is ${given * ranks}: give --batch_size_per_gpu ${each}, or leave it out.`,
    );
  if (ranks === (config.ranks ?? 1)) return config;
  const { ranks: _, microBatch = each, ...others } = config;
  const fits = (size: number): boolean => each % size === 0;
  let part = microBatch === config.batchSizePerGpu ? each : Math.min(microBatch, each);
  while (!fits(part)) part--;
  return { ...others, batchSizePerGpu: each, microBatch: part, ...(ranks === 1 ? {} : { ranks }) };
}

/** What may be different when a run goes on. */
export interface ResumeChanges {
  /** How long it is to be in all; as it was unless given. */
  readonly length?: RunLength | undefined;
  /** The command that asks for it, for the record. */
  readonly command?: string;
  /** What the method learns from, if that is a trained network. */
  readonly frozen?: FrozenNetwork | undefined;
  /** What fits another machine; the number of threads decides how sums are rounded. */
  readonly machine?: Partial<
    Pick<TrainConfig, 'threads' | 'numWorkers' | 'device' | 'pjrtPlugin' | 'devices' | 'compileCache'>
  >;
  /** Images of each rank, if they were said; they follow from the number of ranks. */
  readonly batchSizePerGpu?: number | undefined;
}

/**
 * Opens a run to go on with it; the step after the checkpoint's is done next, exactly as if the run had not been stopped.
 *
 * @param changes of its length (`extend.ts`), of the machine and its ranks, and what the method learns from
 * @throws Error if the images have changed, or the checkpoint is damaged or of another model; OptionError if the budget is
 *   used up already
 */
export async function resumeSession(
  folder: RunFolder,
  source: Source,
  { engine, loadBatches, ranks }: Machine,
  { length, command, frozen, machine = {}, batchSizePerGpu }: ResumeChanges = {},
): Promise<Session> {
  folder.removeLeftovers();
  const read = readRecord(folder);
  checkSameImages(read, source);
  const shared = sharedOut(read.config, partsOf({ ranks, engine }), batchSizePerGpu);
  const { microBatch, ...whole } = shared;
  // What was measured on a processor says nothing of a device, where a step is one program.
  const { device, pjrtPlugin } = read.config;
  const wasDevice = device === 'xla' || device === 'webgpu' || pjrtPlugin !== undefined;
  const moves = !engine.sharesMemory && !wasDevice;
  const parted = moves || microBatch === undefined ? whole : { ...whole, microBatch };
  const recorded = {
    ...read,
    config: { ...parted, ...machine },
    choices:
      shared === read.config ? read.choices : read.choices.filter(({ name }) => name !== 'batchSizePerGpu'),
  };
  const { config } = recorded;
  const trainer = await Trainer.create({
    ...trainerOptionsOf(config, engine.replicas),
    engine,
    frozen: frozen?.weights,
    ...(ranks === undefined ? {} : { collective: ranks.collective }),
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
  const log = new RunLog(folder, config, plan);
  if (header === undefined && log.lastTrained() > config.saveEvery)
    throw new Error(
      `${folder.file(LAST)} is missing, though ${folder.file('log.txt')} tells of step ${log.lastTrained()}: restore it${folder.has(BEST) ? ` (or a copy of ${BEST} in its place)` : ''}, or start a new run.`,
    );
  log.rewind(fromStep, header?.openLine);
  if (length !== undefined || Object.keys(machine).length > 0 || shared !== read.config)
    writeRecord(folder, record);
  return { folder, source, engine, loadBatches, ranks, record, plan, trainer, log, fromStep, elapsed };
}
