/**
 * What happens before the first step: look at the images, let the recipe choose, compile, and measure what has to be
 * measured (the micro-batch, and how many steps a budget in minutes is).
 */
import { stepsPerEpoch } from '../data/order.ts';
import { openReader } from '../data/reader.ts';
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { availableMemory } from '../eval/memory-limit.ts';
import type { Method } from '../method/method.ts';
import { methodOf } from './build.ts';
import type { TrainConfig, TrainOptions } from './config.ts';
import { checkArchitecture, checkBatch, checkOptions, OptionError } from './contradictions.ts';
import type { Diagnosis } from './diagnosis.ts';
import { examineImages, examinePlan, FEW_LEVELS, type ImageFacts, levelsOf } from './examine-plan.ts';
import {
  applyInitialState,
  explainTaken,
  type InitialState,
  isBackboneAlone,
  withInitialState,
} from './initial-state.ts';
import { affordableSteps, type LookPlan, lookMilliseconds, planLooks } from './look-plan.ts';
import { trainLoop } from './loop.ts';
import { fastestTrainer, microBatchCandidates, millisecondsPerImage } from './micro-batch.ts';
import { Plan } from './plan.ts';
import { type Choice, chooseRecipe, type Recipe, type RunFacts } from './recipe.ts';
import type { Trainer } from './trainer.ts';

export interface Prepared {
  readonly config: TrainConfig;
  readonly choices: readonly Choice[];
  readonly plan: Plan;
  readonly trainer: Trainer;
  /** Milliseconds of a step, where it was measured. */
  readonly stepMilliseconds: number | undefined;
  /** Milliseconds that this preparation took: a budget in minutes pays for it. */
  readonly elapsed: number;
  /** What the run begins with, if not with nothing. */
  readonly begun?: Begun;
  /** What the doctor says before the first step. */
  readonly findings: readonly Diagnosis[];
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
  /** Nothing will be trained: one micro-batch is timed and stands for all, which takes seconds where steps would take minutes. */
  readonly dryRun?: boolean;
  /** Told what is being done, where it may take seconds. */
  readonly onProgress?: ((what: string) => void) | undefined;
  /** Told the recipe as soon as it is final: at once, unless a budget in minutes is still to be turned into steps. */
  readonly onRecipe?: ((recipe: Recipe) => void) | undefined;
}

/** Number of images that are looked at for their size. */
const PROBES = 24;

/** Arrays as large as the crops that a step holds at once, at the very least: values and gradients of a network's first layers. */
const HELD_CROPS = 4;

/**
 * @param images in one run of the program
 * @throws OptionError if not even its crops and a few arrays of their size fit into the memory
 */
function checkCrops(config: TrainConfig, { views }: Method, images: number): void {
  const values = views.reduce((sum, { count, size }) => sum + count * size * size, 0);
  const bytes = HELD_CROPS * 4 * images * config.channels * values;
  const available = availableMemory();
  if (bytes <= available) return;
  throw new OptionError(
    `Crops of ${config.globalCropsSize} pixels for ${images} images at once need more than ${(bytes / 2 ** 30).toFixed(0)} GiB of memory, and ${(available / 2 ** 30).toFixed(0)} are free: give a smaller --global_crops_size or --batch_size_per_gpu.`,
  );
}

/** Looks at a few images of a source. */
export async function lookAt(
  source: Source,
  cores: number,
): Promise<{ readonly facts: RunFacts; readonly seen: ImageFacts }> {
  const reader = openReader(source.spec);
  const sides: number[] = [];
  const odd: { key: string; levels: number }[] = [];
  let reason = '';
  const started = performance.now();
  try {
    for (let i = 0; i < Math.min(PROBES, source.length); i++) {
      try {
        const index = Math.floor((i * source.length) / Math.min(PROBES, source.length));
        const { width, height, channels, data } = await reader.read(index);
        sides.push(Math.min(width, height));
        const levels = levelsOf(data, channels);
        if (levels <= FEW_LEVELS) odd.push({ key: source.key(index), levels });
      } catch (error) {
        // The loader reports unreadable files; here they only do not count.
        reason ||= error instanceof Error ? error.message : String(error);
      }
    }
  } finally {
    reader.close();
  }
  if (sides.length === 0) {
    throw new Error(
      `${source.name}: none of the ${Math.min(PROBES, source.length)} images looked at can be read; the first: ${reason}`,
    );
  }
  sides.sort((a, b) => a - b);
  const plain = odd.filter(({ levels }) => levels === 1).length;
  return {
    facts: {
      images: source.length,
      imageSide: sides[sides.length >> 1] ?? 0,
      channels: source.channels,
      cores,
      readMilliseconds: (performance.now() - started) / sides.length,
    },
    seen: { seen: sides.length, plain, coarse: odd.length - plain, example: odd[0]?.key },
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
  dryRun = false,
  onProgress,
  onRecipe,
}: PrepareOptions): Promise<Prepared> {
  const started = performance.now();
  const options = initial === undefined ? given : withInitialState(given, initial);
  const looked = await lookAt(source, cores);
  const facts: RunFacts = { ...looked.facts, begins: beginningOf(initial) };
  checkOptions(options);
  const first = chooseRecipe(options, facts);
  checkArchitecture(given, first.config);
  const method = methodOf(first.config);
  checkBatch(first.config, source.length, method.couplesBatch);
  const perEpoch = stepsPerEpoch(source.length, first.config.batchSizePerGpu);
  const { microBatch, minutes } = first.config;
  let steps = knownSteps(first.config, perEpoch);
  // Once the length is known, whatever depends on it can be chosen; nothing that shapes the program does.
  const finalRecipe = (looks?: LookPlan): Recipe => chooseRecipe(options, { ...facts, steps, looks });
  const sizes =
    microBatch === undefined ? microBatchCandidates(first.config, method.couplesBatch) : [microBatch];
  checkCrops(first.config, method, sizes[0] ?? first.config.batchSizePerGpu);
  if (minutes === undefined) onRecipe?.(finalRecipe());
  onProgress?.('compiling the training step');
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
    dryRun ? sizes.slice(0, 1) : sizes,
  );
  let looks: LookPlan | undefined;
  let stepMilliseconds: number | undefined;
  if (dryRun || minutes !== undefined) onProgress?.('measuring a training step');
  if (dryRun) stepMilliseconds = await estimateStep(trainer, new Plan(first.config, steps, perEpoch));
  if (minutes !== undefined) {
    const budget = minutes * 60_000;
    stepMilliseconds ??= await measureStep(trainer, source, first.config, perEpoch, budget);
    const left = budget - (performance.now() - started);
    looks = planLooks(left, lookMilliseconds(first.config, stepMilliseconds), facts.readMilliseconds);
    steps = affordableSteps(left, stepMilliseconds, looks, options.evalEvery);
  }
  const recipe = finalRecipe(looks);
  if (minutes !== undefined) onRecipe?.(recipe);
  const { config, choices } = recipe;
  const begun = initial === undefined ? undefined : begin(trainer, initial, steps, perEpoch);
  return {
    config: { ...config, microBatch: trainer.microBatch },
    choices,
    plan: new Plan(config, steps, perEpoch),
    trainer,
    stepMilliseconds,
    elapsed: performance.now() - started,
    ...(begun === undefined ? {} : { begun }),
    findings: [...examinePlan({ config, steps, stepsPerEpoch: perEpoch }), ...examineImages(looked.seen)],
  };
}

/** @throws OptionError if the schedule has ended already */
function begin(trainer: Trainer, initial: InitialState, steps: number, perEpoch: number): Begun {
  const { name, epoch = 0 } = initial;
  const fromStep = epoch * perEpoch;
  if (fromStep >= steps)
    throw new OptionError(
      `${name} has done all of its ${epoch} epochs: give --epochs with a larger number to go on with its schedule, or --steps or --minutes for a new one.`,
    );
  return { name, fromStep, taken: explainTaken(initial, applyInitialState(trainer.state, initial)) };
}

/** A schedule that is gone on with is the file's own; only one that begins anew is to be gentle. */
function beginningOf(initial: InitialState | undefined): RunFacts['begins'] {
  if (initial === undefined || initial.epoch !== undefined) return undefined;
  return isBackboneAlone(initial) ? 'backbone' : 'checkpoint';
}

/** Steps of a budget in steps or epochs. */
function knownSteps(config: TrainConfig, perEpoch: number): number {
  if (config.steps !== undefined) return config.steps;
  return Math.max(1, Math.round((config.epochs ?? 1) * perEpoch));
}

/**
 * Milliseconds of a step, from one micro-batch of noise and one update. Reading images and cropping them goes on beside it, and
 * is not counted.
 */
async function estimateStep(trainer: Trainer, plan: Plan): Promise<number> {
  const perImage = await millisecondsPerImage(trainer);
  const started = performance.now();
  await trainer.applyUpdate(plan.at(0));
  const update = performance.now() - started;
  trainer.reset();
  return perImage * trainer.batchSize + update;
}

/** The share of a budget that a measurement may take. */
const SHARE = 0.02;

/**
 * Runs a few steps on real batches and puts the trainer back to step 0. A rough figure will do where a budget is to be kept:
 * the pace changes while the run goes on.
 *
 * @param budget milliseconds of the whole run
 * @returns median milliseconds
 */
async function measureStep(
  trainer: Trainer,
  source: Source,
  config: TrainConfig,
  perEpoch: number,
  budget: number,
): Promise<number> {
  const times: number[] = [];
  const plan = new Plan(config, 64, perEpoch);
  const started = performance.now();
  for await (const event of trainLoop({ trainer, source, config, plan })) {
    if (event.type === 'step') times.push(event.milliseconds);
    if (event.type === 'failed')
      throw new Error(
        `The measurement of a step ended early: ${event.diagnosis.title}; lower --lr, or set --clip_grad 1.`,
      );
    // The first steps fault pages in and wait for the loader.
    const spent = performance.now() - started;
    if (times.length >= 8 && spent > Math.min(4000, SHARE * budget)) break;
    if (times.length >= 3 && spent > Math.min(30_000, 2 * SHARE * budget)) break;
  }
  trainer.reset();
  const settled = times.slice(Math.min(3, times.length - 1)).sort((a, b) => a - b);
  return settled[settled.length >> 1] ?? 1;
}
