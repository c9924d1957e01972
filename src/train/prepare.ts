/**
 * What happens before the first step: look at the images, let the recipe choose, compile, and measure what has to be
 * measured (the micro-batch, and how many steps a budget in minutes is).
 */
import { stepsPerEpoch } from '../data/order.ts';
import { openReader } from '../data/reader.ts';
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { methodOf } from './build.ts';
import type { TrainConfig, TrainOptions } from './config.ts';
import { checkArchitecture, checkBatch, checkOptions, OptionError } from './contradictions.ts';
import {
  applyInitialState,
  explainTaken,
  type InitialState,
  isBackboneAlone,
  withInitialState,
} from './initial-state.ts';
import { trainLoop } from './loop.ts';
import { fastestTrainer, microBatchCandidates } from './micro-batch.ts';
import { Monitor } from './monitor.ts';
import { makePlan, type Plan } from './plan.ts';
import { type Choice, chooseRecipe, LOOKS, type RunFacts } from './recipe.ts';
import type { Trainer } from './trainer.ts';

export interface Prepared {
  readonly config: TrainConfig;
  readonly choices: readonly Choice[];
  readonly plan: Plan;
  readonly trainer: Trainer;
  /** Milliseconds of a step, where it was measured. */
  readonly stepMilliseconds: number | undefined;
  /** What looks at the teacher during the run, where it had to be measured. */
  readonly monitor: Monitor | undefined;
  /** What the run begins with, if not with nothing. */
  readonly begun?: Begun;
}

/** A trainer that has an initial state. */
export interface Begun {
  readonly name: string;
  /** Steps that are done already. */
  readonly fromStep: number;
  /** One sentence on what was taken and what is fresh. */
  readonly taken: string;
}

export interface PrepareOptions {
  readonly source: Source;
  readonly options: TrainOptions;
  readonly engine: Engine;
  readonly cores: number;
  /** What the run begins with, if not with nothing. */
  readonly initial?: InitialState | undefined;
  /** Measure a step even if no budget in minutes asks for it. */
  readonly measure?: boolean;
}

/** Number of images that are looked at for their size. */
const PROBES = 24;

/** Looks at a few images of a source. */
export async function lookAt(source: Source, cores: number): Promise<RunFacts> {
  const reader = openReader(source.spec);
  const sides: number[] = [];
  try {
    for (let i = 0; i < Math.min(PROBES, source.length); i++) {
      try {
        const { width, height } = await reader.read(
          Math.floor((i * source.length) / Math.min(PROBES, source.length)),
        );
        sides.push(Math.min(width, height));
      } catch {
        // The loader reports unreadable files; here they only do not count.
      }
    }
  } finally {
    reader.close();
  }
  if (sides.length === 0) {
    throw new Error(
      `${source.name}: none of the ${Math.min(PROBES, source.length)} images looked at can be read; check that they are whole.`,
    );
  }
  sides.sort((a, b) => a - b);
  return {
    images: source.length,
    imageSide: sides[sides.length >> 1] ?? 0,
    channels: source.channels,
    cores,
  };
}

/**
 * Chooses, compiles, measures.
 *
 * @throws OptionError if options contradict each other or the data; Error if the images cannot be read
 */
export async function prepare({
  source,
  options: given,
  engine,
  cores,
  initial,
  measure = false,
}: PrepareOptions): Promise<Prepared> {
  const started = performance.now();
  const options = initial === undefined ? given : withInitialState(given, initial);
  const facts: RunFacts = { ...(await lookAt(source, cores)), begins: beginningOf(initial) };
  checkOptions(options);
  const first = chooseRecipe(options, facts);
  checkArchitecture(given, first.config);
  const method = methodOf(first.config);
  checkBatch(first.config, source.length, method.couplesBatch);
  const perEpoch = stepsPerEpoch(source.length, first.config.batchSizePerGpu);
  const known = knownSteps(first.config, perEpoch);
  const { microBatch } = first.config;
  const trainer = await fastestTrainer(
    {
      method,
      engine,
      channels: first.config.channels,
      batchSize: first.config.batchSizePerGpu,
      optimizer: first.config.optimizer,
      seed: first.config.seed,
      engineOptions: { threads: first.config.threads },
    },
    microBatch === undefined ? microBatchCandidates(first.config, method.couplesBatch) : [microBatch],
  );
  let stepMilliseconds: number | undefined;
  let monitor: Monitor | undefined;
  let steps = known;
  let looks = LOOKS;
  if (steps === undefined || measure) {
    stepMilliseconds = await measureStep(trainer, source, first.config, perEpoch);
  }
  if (steps === undefined) {
    monitor = options.evalEvery === 0 ? undefined : await Monitor.create(source, first.config, engine);
    const look = monitor === undefined ? 0 : await measureLook(monitor, trainer);
    const left = (first.config.minutes ?? 1) * 60_000 - (performance.now() - started);
    looks = affordableLooks(left, look);
    steps = affordableSteps(left, stepMilliseconds ?? 1, look, options.evalEvery, looks);
  }
  // Now that the length is known, whatever depends on it can be chosen; nothing that shapes the program does.
  const { config, choices } = chooseRecipe(options, { ...facts, steps, looks });
  const begun = initial === undefined ? undefined : begin(trainer, initial, steps, perEpoch);
  return {
    config: { ...config, microBatch: trainer.microBatch },
    choices,
    plan: makePlan(config, steps, perEpoch),
    trainer,
    stepMilliseconds,
    monitor,
    ...(begun === undefined ? {} : { begun }),
  };
}

/** Milliseconds of one look at the teacher; the first one compiles. */
async function measureLook(monitor: Monitor, trainer: Trainer): Promise<number> {
  await monitor.observe(0, trainer.teacherWeights());
  const start = performance.now();
  await monitor.observe(0, trainer.teacherWeights());
  return performance.now() - start;
}

/** @throws OptionError if the schedule has ended already */
function begin(trainer: Trainer, initial: InitialState, steps: number, perEpoch: number): Begun {
  const { name, epoch = 0 } = initial;
  const fromStep = epoch * perEpoch;
  if (fromStep >= steps)
    throw new OptionError(
      `${name} has done all of its ${epoch} epochs: give --epochs with a larger number to go on with its schedule, or --steps or --minutes for a new one.`,
    );
  return { name, fromStep, taken: explainTaken(initial, applyInitialState(trainer, initial)) };
}

/** A schedule that is gone on with is the file's own; only one that begins anew is to be gentle. */
function beginningOf(initial: InitialState | undefined): RunFacts['begins'] {
  if (initial === undefined || initial.epoch !== undefined) return undefined;
  return isBackboneAlone(initial) ? 'backbone' : 'checkpoint';
}

/** How many looks during a run, besides one at each end, take no more than half of `left` milliseconds; ten at most. */
export function affordableLooks(left: number, look: number): number {
  return look <= 0 ? LOOKS : Math.min(LOOKS, Math.max(1, Math.floor(left / (2 * look)) - 1));
}

/** Steps that fit into `left` milliseconds, with a look every `evalEvery` steps (`looks` in all unless given) and one at each end. */
export function affordableSteps(
  left: number,
  step: number,
  look: number,
  evalEvery: number | undefined,
  looks = LOOKS,
): number {
  const ends = 2 * look;
  const steps =
    evalEvery === undefined || evalEvery === 0
      ? (left - ends - (looks - 1) * look) / step
      : (left - ends) / (step + look / evalEvery);
  return Math.max(1, Math.round(steps));
}

function knownSteps(config: TrainConfig, perEpoch: number): number | undefined {
  if (config.steps !== undefined) return config.steps;
  if (config.minutes !== undefined) return undefined;
  return Math.max(1, Math.round((config.epochs ?? 1) * perEpoch));
}

/** Runs a few steps on real batches and puts the trainer back to step 0. @returns median milliseconds */
async function measureStep(
  trainer: Trainer,
  source: Source,
  config: TrainConfig,
  perEpoch: number,
): Promise<number> {
  const times: number[] = [];
  const plan = makePlan(config, 64, perEpoch);
  const started = performance.now();
  for await (const event of trainLoop({ trainer, source, config, plan })) {
    if (event.type === 'step') times.push(event.milliseconds);
    if (event.type === 'failed')
      throw new Error(
        `the measurement of a step ended early: ${event.diagnosis.title}; lower --lr, or set --clip_grad 1.`,
      );
    // The first steps fault pages in and wait for the loader.
    if (times.length >= 8 && performance.now() - started > 4000) break;
    if (performance.now() - started > 30_000 && times.length >= 3) break;
  }
  trainer.reset();
  const settled = times.slice(Math.min(3, times.length - 1)).sort((a, b) => a - b);
  return settled[settled.length >> 1] ?? 1;
}
