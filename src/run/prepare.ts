/**
 * What happens before the first step: read some images, let the recipe choose, compile, and measure what has to be
 * measured (the micro-batch, and how many steps a budget in minutes is).
 */
import { stepsPerEpoch } from '../data/order.ts';
import type { Source } from '../data/source.ts';
import { availableMemory } from '../features/memory-limit.ts';
import type { Method } from '../method/method.ts';
import { OptionError } from '../method/option-error.ts';
import { counted } from '../numbers/counted.ts';
import type { Finding } from '../report/finding.ts';
import { methodOf, trainerOptionsOf } from '../train/build.ts';
import { batchOf, type TrainConfig, type TrainOptions } from '../train/config.ts';
import { checkArchitecture, checkBatch, checkMethod, checkOptions } from '../train/contradictions.ts';
import {
  affordableSteps,
  type EvaluationPlan,
  evaluationMilliseconds,
  planEvaluations,
} from '../train/evaluation-plan.ts';
import { examineImages, examinePlan } from '../train/examine-plan.ts';
import {
  applyInitialState,
  explainTaken,
  type InitialState,
  isBackboneAlone,
  withInitialState,
} from '../train/initial-state.ts';
import { fastestTrainer, microBatchCandidates } from '../train/micro-batch.ts';
import { Plan } from '../train/plan.ts';
import { type Choice, chooseRecipe, type Recipe } from '../train/recipe.ts';
import type { RunFacts } from '../train/recipe-parts.ts';
import type { Trainer } from '../train/trainer.ts';
import type { FrozenNetwork } from './frozen-network.ts';
import { type Machine, partsOf } from './machine.ts';
import { sourceFacts } from './source-facts.ts';
import { estimateStep, measureStep } from './step-time.ts';

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
  readonly findings: readonly Finding[];
}

/** A trainer that has an initial state. */
export interface Begun {
  readonly name: string;
  /** Steps that are done already. */
  readonly fromStep: number;
  /** One sentence on what was taken and what is fresh. */
  readonly taken: string;
}

export interface PrepareOptions extends Machine {
  readonly source: Source;
  readonly options: TrainOptions;
  readonly cores: number;
  /** What the run begins with, if not with nothing. */
  readonly initial?: InitialState | undefined;
  /** What the method learns from, if that is a trained network. */
  readonly frozen?: FrozenNetwork | undefined;
  /** Nothing will be trained: one micro-batch is timed and stands for all, which takes seconds where steps would take minutes. */
  readonly dryRun?: boolean;
  /** Told what is being done, where it may take seconds. */
  readonly onProgress?: ((what: string) => void) | undefined;
  /** Told the recipe as soon as it is final: at once, unless a budget in minutes is still to be turned into steps. */
  readonly onRecipe?: ((recipe: Recipe) => void) | undefined;
}

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
    `Crops of ${config.globalCropsSize} pixels for ${counted(images, 'image')} at once need more than ${(bytes / 2 ** 30).toFixed(0)} GiB of memory, and ${(available / 2 ** 30).toFixed(0)} are free: give a smaller --global_crops_size or --batch_size_per_gpu.`,
  );
}

/**
 * What a recipe takes before the length of the run is known, and the method that this makes.
 *
 * @param given what the user gave
 * @param options the same, with what the run begins with and learns from
 * @throws OptionError if options contradict each other, the network, the method or the data
 */
export function checkedRecipe(
  given: TrainOptions,
  options: TrainOptions,
  facts: RunFacts,
): { readonly config: TrainConfig; readonly method: Method } {
  checkMethod(given);
  checkOptions(options);
  const { config } = chooseRecipe(options, facts);
  checkArchitecture(given, config);
  const method = methodOf(config);
  checkBatch(config, facts.images, method.coupling);
  return { config, method };
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
  loadBatches,
  ranks,
  initial,
  frozen,
  dryRun = false,
  onProgress,
  onRecipe,
}: PrepareOptions): Promise<Prepared> {
  const started = performance.now();
  const options = {
    ...(initial === undefined ? given : withInitialState(given, initial)),
    ...frozen?.options,
  };
  const found = await sourceFacts(source, cores);
  const facts: RunFacts = { ...found.facts, begins: beginningOf(initial), ranks: partsOf({ ranks, engine }) };
  const first = checkedRecipe(given, options, facts);
  const { method } = first;
  const perEpoch = stepsPerEpoch(source.length, batchOf(first.config));
  const { microBatch, minutes } = first.config;
  let steps = knownSteps(first.config, perEpoch);
  // Once the length is known, whatever depends on it can be chosen; nothing that shapes the program does.
  const finalRecipe = (evaluations?: EvaluationPlan): Recipe =>
    chooseRecipe(options, { ...facts, steps, evaluations });
  const sizes =
    microBatch === undefined
      ? microBatchCandidates(first.config, method.coupling !== undefined || !engine.sharesMemory)
      : [microBatch];
  checkCrops(first.config, method, sizes[0] ?? first.config.batchSizePerGpu);
  if (minutes === undefined) onRecipe?.(finalRecipe());
  onProgress?.('compiling the training step');
  const trainer = await fastestTrainer(
    {
      ...trainerOptionsOf(first.config, engine.replicas),
      engine,
      frozen: frozen?.weights,
      // The others do not take part in a dry run.
      ...(dryRun || ranks === undefined ? {} : { collective: ranks.collective }),
    },
    (dryRun ? sizes.slice(0, 1) : sizes).map((size) => size * (engine.replicas ?? 1)),
  );
  let evaluations: EvaluationPlan | undefined;
  let stepMilliseconds: number | undefined;
  if (dryRun || minutes !== undefined) onProgress?.('measuring a training step');
  if (dryRun) stepMilliseconds = await estimateStep(trainer, new Plan(first.config, steps, perEpoch));
  if (minutes !== undefined) {
    const budget = minutes * 60_000;
    stepMilliseconds ??= await measureStep(
      { trainer, source, loadBatches, ranks, config: first.config },
      perEpoch,
      budget,
    );
    const left = budget - (performance.now() - started);
    evaluations = planEvaluations(
      left,
      evaluationMilliseconds(first.config, stepMilliseconds),
      facts.readMilliseconds,
    );
    steps = affordableSteps(left, stepMilliseconds, evaluations, options.evalEvery);
  }
  const recipe = finalRecipe(evaluations);
  if (minutes !== undefined) onRecipe?.(recipe);
  const { config, choices } = recipe;
  const begun = initial === undefined ? undefined : begin(trainer, initial, steps, perEpoch);
  return {
    config: { ...config, microBatch: trainer.microBatch / (engine.replicas ?? 1) },
    choices,
    plan: new Plan(config, steps, perEpoch),
    trainer,
    stepMilliseconds,
    elapsed: performance.now() - started,
    ...(begun === undefined ? {} : { begun }),
    findings: [
      ...examinePlan({ config, steps, stepsPerEpoch: perEpoch, images: source.length }),
      ...examineImages(found.seen, config.levels),
    ],
  };
}

/** @throws OptionError if the schedule has ended already */
function begin(trainer: Trainer, initial: InitialState, steps: number, perEpoch: number): Begun {
  const { name, epoch = 0 } = initial;
  const fromStep = epoch * perEpoch;
  if (fromStep >= steps)
    throw new OptionError(
      `${name} has done all of its ${counted(epoch, 'epoch')}: give --epochs with a larger number to go on with its schedule, or --steps or --minutes for a new one.`,
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
