/**
 * One training step of a method. This is the library's heart; the loop, the command line and the bench stand on it.
 *
 *     gradients (micro-batch) x n  ->  update (clip, optimizer, teacher)  ->  next method state
 *
 * On a device with a memory of its own all of it is one program (`whole-step.ts`), unless the batch is run in parts.
 *
 * Several ranks do one step together, each on its own images: what is a sum over images is added up over the ranks before it is used,
 * so that all of them come to the same state.
 */
import { alone, type Collective } from '../collective/collective.ts';
import { stagedEngine } from '../collective/staged-engine.ts';
import type { Engine, EngineOptions, Program } from '../engine/engine.ts';
import type { Results } from '../graph/index.ts';
import type { Method } from '../method/method.ts';
import type { PixelStatistics } from '../model/byte-pixels.ts';
import { GraphUpdater } from '../optim/graph-updater.ts';
import { type OptimizerName, rules, type UpdateRule } from '../optim/rules.ts';
import type { Updater, UpdaterOptions } from '../optim/updater.ts';
import { WasmUpdater } from '../optim/wasm-updater.ts';
import type { CropSource, CropSources } from './crop-source.ts';
import { networkValues, resetBuffers, resetNetworks, type TrainState } from './state.ts';
import { StepBuffers } from './step-buffers.ts';
import { type StepGraph, traceStep } from './step-graph.ts';
import { StepInHalves } from './step-in-halves.ts';
import { StepInOne } from './step-in-one.ts';
import type { StepResult, StepSettings } from './step-settings.ts';
import { wholeStep } from './whole-step.ts';

export type { ByteCropSource, CropSource, CropSources } from './crop-source.ts';
export type { StepResult, StepSettings } from './step-settings.ts';

export interface TrainerOptions {
  readonly method: Method;
  readonly engine: Engine;
  readonly channels: number;
  /** Images in a step, of each rank. */
  readonly batchSize: number;
  /** The processes that share a step; one alone unless given. */
  readonly collective?: Collective;
  /** Images in one run of the program; divides the batch size. The whole batch unless given. */
  readonly microBatch?: number;
  /** A rule by its name, as DINO uses it, or one with numbers of its own. */
  readonly optimizer: OptimizerName | UpdateRule;
  /** Names the initial weights and what is drawn in every step. */
  readonly seed: number;
  readonly engineOptions?: EngineOptions;
  /** Weights and running statistics of a network that stays as it is, by their names in it, where the method has one. */
  readonly frozen?: ReadonlyMap<string, Float32Array> | undefined;
  /** Where a step is one program: what normalizes crops there, which are handed over as bytes then; unless given they are normalized pixels. */
  readonly byteCrops?: PixelStatistics | undefined;
  /** Of another trainer of the same networks, to share its memory. */
  readonly updater?: Updater;
}

/** A step's programs. */
interface Compiled {
  readonly graph: StepGraph;
  readonly program: Program;
  /** The method's next state, where that takes sums over all ranks. */
  readonly closing: Program | undefined;
  readonly updater: Updater;
  /** The updater, where the program has the update in itself. */
  readonly whole: GraphUpdater | undefined;
}

export class Trainer {
  readonly method: Method;
  readonly batchSize: number;
  readonly microBatch: number;
  readonly state: TrainState;
  readonly updater: Updater;
  /** What one run computes, for exports. */
  readonly results: Results;
  readonly collective: Collective;
  /** Of the network that stays as it is. */
  readonly frozen: ReadonlyMap<string, Float32Array>;
  readonly #compiled: Compiled;
  readonly #seed: number;
  readonly #buffers: StepBuffers;
  readonly #step: StepInHalves | StepInOne;

  private constructor(options: TrainerOptions, compiled: Compiled) {
    const { method, batchSize, seed, collective = alone, frozen = new Map<string, Float32Array>() } = options;
    const { graph, program, closing, updater, whole } = compiled;
    const { engine } = program;
    this.method = method;
    this.batchSize = batchSize;
    this.microBatch = graph.microBatch * (engine.replicas ?? 1);
    this.results = graph.results;
    this.collective = collective;
    this.frozen = frozen;
    this.updater = updater;
    this.state = emptyState(engine, method, graph, updater);
    this.#compiled = compiled;
    this.#seed = seed;
    const { state, microBatch } = this;
    const buffers = new StepBuffers({
      ...{ method, engine, state, updater, frozen, collective, seed, batchSize },
      programs: closing === undefined ? [program] : [program, closing],
      numbers: whole?.numbers ?? {},
      images: graph.microBatch,
    });
    this.#buffers = buffers;
    const trained = graph.parameters.flatMap(({ name, trainable }) => (trainable ? [name] : []));
    this.#step =
      whole === undefined
        ? new StepInHalves({
            ...{ method, program, closing, buffers, state, updater, collective, batchSize, microBatch },
          })
        : new StepInOne({ method, program, buffers, updater: whole, trained, batchSize });
    if (options.updater === undefined) resetNetworks(state, seed);
    resetBuffers(state, seed);
  }

  static async create(options: TrainerOptions): Promise<Trainer> {
    const { collective = alone, engineOptions, batchSize, microBatch = batchSize, byteCrops } = options;
    const replicas = replicasFor(options);
    const { span } = options.engine;
    const graph = traceStep({
      ...options,
      batchSize: batchSize / replicas,
      microBatch: microBatch / replicas,
      ranks: span?.all ?? collective.size * replicas,
    });
    const update = updaterOptions(options, graph);
    const updater = options.updater ?? makeUpdater(options, update);
    // Devices of several processes meet inside the program, as those of one do.
    const isAlone = collective.size === 1 || span !== undefined;
    const isWhole = isAlone && graph.microBatch * replicas === batchSize;
    const whole = isWhole && updater instanceof GraphUpdater ? updater : undefined;
    const measures = options.method.measures.map(({ key }) => key);
    const results = whole === undefined ? graph.results : wholeStep(graph, { update, measures, byteCrops });
    const engine = span === undefined ? stagedEngine(options.engine, collective) : options.engine;
    const program = await engine.load(results, engineOptions);
    const closes = whole === undefined && Object.keys(graph.closing).length > 0;
    const closing = closes ? await engine.load(graph.closing, engineOptions) : undefined;
    return new Trainer(options, { graph, program, closing, updater, whole });
  }

  /** What a step takes on its device, where that can be told. */
  get memory(): Program['memory'] {
    return this.#compiled.program.memory;
  }

  /** Whether a step is one program, in which no half of a step runs by itself; crops of the next step can be staged then. */
  get isOneProgram(): boolean {
    return this.#step instanceof StepInOne;
  }

  /** Puts everything into the state of step 0, as the seed names it. */
  reset(): void {
    this.#unstage();
    resetNetworks(this.state, this.#seed);
    resetBuffers(this.state, this.#seed);
  }

  /**
   * The weights and running statistics of the network that is evaluated, by their names in it (`backbone.norm.weight`): the teacher
   * that averages the student, or the student where a method has none.
   */
  evaluatedWeights(): Promise<Map<string, Float32Array>> {
    const hasTeacher = this.state.update.average.size > 0;
    return networkValues(this.state, hasTeacher ? 'teacher' : 'student');
  }

  /**
   * Runs one step on the images of a batch.
   *
   * @param onRead told when the crops are not needed any more
   */
  step(
    crops: CropSource | CropSources,
    settings: StepSettings,
    onRead: () => void = () => undefined,
  ): Promise<StepResult> {
    return this.#step.step(crops, settings, onRead);
  }

  /** Brings the crops of a step to its devices before it runs; nothing where a step is no single program. */
  stage(crops: CropSource | CropSources, step: number): void {
    if (this.#step instanceof StepInOne) this.#step.stage(crops, step);
  }

  #unstage(): void {
    if (this.#step instanceof StepInOne) this.#step.unstage();
  }

  /**
   * The first half of a step: gradients and the method's next state, without the update. Loss, measures and state are those of all
   * ranks, the gradients this rank's part.
   *
   * @throws Error where a step is one program
   */
  async accumulate(
    crops: CropSource | CropSources,
    settings: StepSettings,
  ): Promise<{ loss: number; measures: Record<string, number> }> {
    return this.#halves().accumulate(crops, settings);
  }

  /**
   * The second half of a step: clipping, optimizer, teacher, and the method's next state. Where a gradient is not finite
   * nothing of it happens.
   *
   * @returns the L2 norm of each parameter's gradient before clipping
   * @throws Error where a step is one program
   */
  async applyUpdate(settings: StepSettings): Promise<ReadonlyMap<string, number>> {
    return this.#halves().applyUpdate(settings);
  }

  #halves(): StepInHalves {
    if (this.#step instanceof StepInHalves) return this.#step;
    const { name } = this.#compiled.program.engine;
    throw new Error(`A step on ${name} is one program: no half of it runs by itself.`);
  }

  /** Runs the program once, on what its inputs hold. */
  run(): Promise<void> {
    return this.#buffers.run(this.#compiled.program);
  }

  /** Fills the inputs of a step with noise, to time runs; the weights stay as they are. */
  fillWithNoise(): void {
    this.#unstage();
    this.#buffers.writeNoise();
    this.#buffers.write('number/lags', 0);
    this.#buffers.write('number/commit', 0);
  }

  /** Frees the program and what the trainer keeps; the updater too, unless another trainer goes on with it. */
  async dispose({ keepUpdater = false } = {}): Promise<void> {
    await this.#compiled.program.dispose();
    await this.#compiled.closing?.dispose();
    this.#buffers.dispose();
    if (!keepUpdater) await this.updater.dispose();
  }
}

function emptyState(engine: Engine, method: Method, graph: StepGraph, updater: Updater): TrainState {
  const { parameters, statistics } = graph;
  return {
    parameters,
    update: updater.state,
    statistics,
    buffers: new Map(
      statistics.map(({ network, info: { name, shape } }) => [
        `${network}/${name}`,
        engine.allocate({ dtype: 'f32', shape }),
      ]),
    ),
    method: new Map(
      Object.entries(method.stateShapes).map(([name, shape]) => [
        name,
        engine.allocate({ dtype: 'f32', shape }),
      ]),
    ),
  };
}

/**
 * Devices among which each step is shared out.
 *
 * @throws RangeError where they cannot share it
 */
function replicasFor({
  engine,
  batchSize,
  microBatch = batchSize,
  collective = alone,
}: TrainerOptions): number {
  const { replicas = 1, name, span } = engine;
  if (replicas === 1 && span === undefined) return 1;
  if (batchSize % replicas !== 0)
    throw new RangeError(`A step of ${batchSize} images cannot be shared out evenly on ${name}.`);
  if (microBatch !== batchSize)
    throw new RangeError(`Micro-batches of ${microBatch} images need one device, and this is ${name}.`);
  if (collective.size > 1 && span === undefined)
    throw new RangeError(`Ranks that MPI started have one device each, and this is ${name}.`);
  return replicas;
}

function updaterOptions(
  { method, optimizer }: TrainerOptions,
  { parameters, averaged }: StepGraph,
): UpdaterOptions {
  const rule = typeof optimizer === 'string' ? rules[optimizer] : optimizer;
  return { parameters, rule, averaged, clipGroup: (name) => method.clipGroup?.(name) ?? name };
}

/** The updater for an engine's memory. */
function makeUpdater({ engine, engineOptions }: TrainerOptions, options: UpdaterOptions): Updater {
  return engine.sharesMemory ? new WasmUpdater(options) : new GraphUpdater(engine, options, engineOptions);
}
