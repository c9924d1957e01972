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
import { sumBuffers } from '../collective/sum-buffers.ts';
import type { DeviceBuffer, Engine, EngineOptions, Program } from '../engine/engine.ts';
import { asFloats } from '../engine/values.ts';
import { type Results, type Shape, sizeOf } from '../graph/index.ts';
import type { MethodNumbers } from '../method/definition.ts';
import type { Method } from '../method/method.ts';
import type { PixelStatistics } from '../model/byte-pixels.ts';
import { GraphUpdater } from '../optim/graph-updater.ts';
import { type OptimizerName, rules, type UpdateRule } from '../optim/rules.ts';
import type { UpdateNumbers, Updater, UpdaterOptions } from '../optim/updater.ts';
import { WasmUpdater } from '../optim/wasm-updater.ts';
import { Random } from '../random/random.ts';
import { networkValues, readFloats, resetBuffers, resetNetworks, type TrainState } from './state.ts';
import { type StepGraph, traceStep } from './step-graph.ts';
import { WHOLE_STEP_NUMBERS, wholeStep } from './whole-step.ts';

/**
 * Where a step gets its pixels: writes view group `group` of this rank's images `start` to `end`, view after view: normalized as
 * [count * images, C, S, S], or as bytes, [count * images, S, S, C], for a trainer that was asked to normalize them.
 */
export type CropSource = (group: number, start: number, end: number, into: Float32Array | Uint8Array) => void;

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

/** The scheduled numbers of one step. */
export interface StepSettings extends MethodNumbers {
  /** Counts from 0; names the random numbers of the step. */
  readonly step: number;
  readonly lr: number;
  /** What a parameter's learning rate is multiplied by, besides the method's own factor; 1 unless given. */
  readonly lrFactor?: (name: string) => number;
  readonly weightDecay: number;
  readonly clip: number;
  /** Whether the backbone stays as it is, so that fresh heads are learned first. */
  readonly freezeBackbone?: boolean;
}

export interface StepResult {
  readonly loss: number;
  readonly measures: Readonly<Record<string, number>>;
  /** L2 norm of each parameter's gradient before clipping; empty where the loss is not finite. */
  readonly gradientNorms: ReadonlyMap<string, number>;
  /** False where the loss or a gradient is not finite: then nothing was applied, and the state is that after the step before. */
  readonly isApplied: boolean;
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
  readonly #program: Program;
  /** Set where a step is one program: it has the update in itself. */
  readonly #whole: GraphUpdater | undefined;
  /** The method's next state, where that takes sums over all ranks. */
  readonly #closing: Program | undefined;
  /** Devices that share a step out. */
  readonly #replicas: number;
  readonly #seed: number;
  readonly #inputs: Record<string, DeviceBuffer> = {};
  readonly #outputs: Record<string, DeviceBuffer> = {};
  readonly #crops: readonly (Float32Array | Uint8Array)[];
  /** The step whose crops lie on the device already. */
  #staged = -1;

  private constructor(
    options: TrainerOptions,
    graph: StepGraph,
    programs: readonly Program[],
    updater: Updater,
    whole: GraphUpdater | undefined,
  ) {
    const { method, batchSize, seed, collective = alone } = options;
    const [program, closing] = programs;
    if (program === undefined) throw new Error('A trainer needs a program.');
    const { engine } = program;
    this.method = method;
    this.batchSize = batchSize;
    this.collective = collective;
    this.frozen = options.frozen ?? new Map();
    this.#replicas = engine.replicas ?? 1;
    this.microBatch = graph.microBatch * this.#replicas;
    this.results = graph.results;
    this.#program = program;
    this.#whole = whole;
    this.#closing = closing;
    this.#seed = seed;
    this.updater = updater;
    this.state = {
      parameters: graph.parameters,
      update: updater.state,
      statistics: graph.statistics,
      buffers: new Map(
        graph.statistics.map(({ network, info: { name, shape } }) => [
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
    for (const [name, type] of programs.flatMap(({ outputs }) => [...outputs]))
      this.#outputs[name] = this.#stored(name) ?? engine.allocate(type);
    const crops: (Float32Array | Uint8Array)[] = [];
    for (const [name, type] of programs.flatMap(({ inputs }) => [...inputs])) {
      const [kind, key] = splitName(name);
      if (kind === 'crops') {
        const Pixels = type.dtype === 'u8' ? Uint8Array : Float32Array;
        const pixels = new Pixels(sizeOf(type.shape));
        crops[Number(key)] = pixels;
        this.#inputs[name] = engine.upload(pixels, type);
      } else if (kind === 'frozen')
        this.#inputs[name] = engine.upload(frozenValues(options, key, type.shape), type);
      else if (kind === 'rank') {
        const first = engine.span?.first ?? collective.rank;
        const rank = engine.upload(Float32Array.of(first), type);
        if (this.#replicas > 1)
          for (let replica = 0; replica < this.#replicas; replica++)
            rank.write(Float32Array.of(first + replica), replica);
        this.#inputs[name] = rank;
      } else if (kind === 'scalar' || kind === 'sample') this.#inputs[name] = engine.allocate(type);
      else if (kind === 'number') this.#inputs[name] = whole?.numbers[key] ?? engine.allocate(type);
      else {
        const buffer = this.#stored(name) ?? this.#outputs[name];
        if (buffer === undefined)
          throw new Error(`There is nothing to feed "${name}" of ${method.name} from.`);
        this.#inputs[name] = buffer;
      }
    }
    this.#crops = crops;
    if (options.updater === undefined) resetNetworks(this.state, seed);
    resetBuffers(this.state, seed);
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
    const isWhole =
      (collective.size === 1 || span !== undefined) && graph.microBatch * replicas === batchSize;
    const whole = isWhole && updater instanceof GraphUpdater ? updater : undefined;
    const measures = options.method.measures.map(({ key }) => key);
    const results = whole === undefined ? graph.results : wholeStep(graph, { update, measures, byteCrops });
    const engine = span === undefined ? stagedEngine(options.engine, collective) : options.engine;
    const program = await engine.load(results, engineOptions);
    const closes = whole === undefined && Object.keys(graph.closing).length > 0;
    const programs = closes ? [program, await engine.load(graph.closing, engineOptions)] : [program];
    return new Trainer(options, graph, programs, updater, whole);
  }

  /** Whether a step is one program, in which no half of a step runs by itself; crops of the next step can be staged then. */
  get isOneProgram(): boolean {
    return this.#whole !== undefined;
  }

  /** The value of the state that a value of the program is. */
  #stored(name: string): DeviceBuffer | undefined {
    const [kind, key] = splitName(name);
    const { update, buffers, method } = this.state;
    switch (kind) {
      case 'student':
        return update.student.get(key) ?? buffers.get(name);
      case 'teacher':
        return update.average.get(key) ?? buffers.get(name);
      case 'gradient':
        return this.updater.gradients.get(key);
      case 'state':
        return method.get(key);
      default:
        return update.moments.get(kind)?.get(key);
    }
  }

  /** Puts everything into the state of step 0, as the seed names it. */
  reset(): void {
    this.#staged = -1;
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
  async step(
    crops: CropSource,
    settings: StepSettings,
    onRead: () => void = () => undefined,
  ): Promise<StepResult> {
    if (this.#whole !== undefined) return this.#wholeStep(this.#whole, crops, settings, onRead);
    const { loss, measures } = await this.accumulate(crops, settings);
    onRead();
    // The loss is that of all ranks: one that is not finite stops them alike.
    if (!Number.isFinite(loss)) return { loss, measures, gradientNorms: new Map(), isApplied: false };
    if (this.collective.size > 1) await this.updater.sumGradients(this.collective);
    const gradientNorms = await this.applyUpdate(settings);
    return { loss, measures, gradientNorms, isApplied: allFinite(gradientNorms) };
  }

  async #wholeStep(
    updater: GraphUpdater,
    crops: CropSource,
    settings: StepSettings,
    onRead: () => void,
  ): Promise<StepResult> {
    const { step, scalars, teacherLags = false } = settings;
    if (this.#staged !== step) this.stage(crops, step);
    this.#writeScalars(scalars);
    const numbers = this.#updateNumbers(settings);
    updater.setNumbers(numbers);
    this.#writeWholeNumbers({ lags: teacherLags ? 1 : 0, commit: 1 });
    await this.run();
    this.#staged = -1;
    onRead();
    const report = this.#outputs.report;
    const values = report === undefined ? new Float32Array() : asFloats(await report.read());
    const [loss = Number.NaN] = values;
    const measures = Object.fromEntries(
      this.method.measures.map(({ key }, i) => [key, values[1 + i] ?? Number.NaN] as const),
    );
    if (!Number.isFinite(loss)) return { loss, measures, gradientNorms: new Map(), isApplied: false };
    const trained = this.state.parameters.filter(({ trainable }) => trainable);
    const first = 1 + this.method.measures.length;
    const gradientNorms = new Map(
      trained.map(({ name }, i) => [name, values[first + i] ?? Number.NaN] as const),
    );
    const isApplied = allFinite(gradientNorms);
    if (isApplied) updater.countUpdate(numbers);
    return { loss, measures, gradientNorms, isApplied };
  }

  #writeWholeNumbers(numbers: Readonly<Record<(typeof WHOLE_STEP_NUMBERS)[number], number>>): void {
    for (const name of WHOLE_STEP_NUMBERS)
      this.#inputs[`number/${name}`]?.write(Float32Array.of(numbers[name]));
  }

  /** Brings a step's crops to the device, where the whole batch is one run: while the step before still computes, say. */
  stage(crops: CropSource, step: number): void {
    const each = this.batchSize / this.#replicas;
    for (let replica = 0; replica < this.#replicas; replica++) {
      for (const [g, pixels] of this.#crops.entries()) {
        crops(g, replica * each, (replica + 1) * each, pixels);
        this.#inputs[`crops/${g}`]?.write(pixels, replica);
      }
      this.#drawSamples(step, replica * each, replica);
    }
    this.#staged = step;
  }

  #writeScalars(scalars: StepSettings['scalars']): void {
    for (const name of this.method.scalars) {
      const value = scalars[name];
      if (value === undefined) throw new Error(`The step needs a value for "${name}".`);
      this.#inputs[`scalar/${name}`]?.write(Float32Array.of(value));
    }
  }

  /**
   * The first half of a step: gradients and the method's next state, without the update. Loss, measures and state are those of all
   * ranks, the gradients this rank's part.
   */
  async accumulate(
    crops: CropSource,
    { step, scalars }: StepSettings,
  ): Promise<{ loss: number; measures: Record<string, number> }> {
    this.#requireHalves();
    const parts = this.batchSize / this.microBatch;
    if (parts > 1) {
      this.updater.clearGradients();
      for (const [name, { shape }] of this.#program.outputs)
        if (/^(loss|measure|sum)\b/.test(name)) this.#outputs[name]?.write(new Float32Array(sizeOf(shape)));
    }
    this.#writeScalars(scalars);
    for (let part = 0; part < parts; part++) {
      const start = part * this.microBatch;
      for (const [g, pixels] of this.#crops.entries()) {
        crops(g, start, start + this.microBatch, pixels);
        this.#inputs[`crops/${g}`]?.write(pixels);
      }
      this.#drawSamples(step, start);
      await this.run();
    }
    await this.#meet();
    const loss = await this.#number('loss');
    const measures: Record<string, number> = {};
    for (const { key } of this.method.measures) measures[key] = await this.#number(`measure/${key}`);
    return { loss, measures };
  }

  /** Loss, measures and sums over all ranks, and what follows from the sums. */
  async #meet(): Promise<void> {
    if (this.collective.size === 1) return;
    const own = Object.entries(this.#outputs).flatMap(([name, buffer]) =>
      /^(loss|measure|sum)\b/.test(name) ? [buffer] : [],
    );
    await sumBuffers(this.collective, own);
    if (this.#closing !== undefined) await this.#run(this.#closing);
  }

  /** A result that is one number. */
  async #number(name: string): Promise<number> {
    const buffer = this.#outputs[name];
    return buffer === undefined ? Number.NaN : (asFloats(await buffer.read())[0] ?? Number.NaN);
  }

  /** What enters with each image of a micro-batch. It is drawn image by image, so that it does not depend on how a batch is parted. */
  #drawSamples(step: number, start: number, replica?: number): void {
    for (const [name, sample] of Object.entries(this.method.sampleInputs)) {
      const random = (image: number): Random => new Random(this.#seed, name, step, image);
      const first = this.collective.rank * this.batchSize + start; // its place in the whole batch
      const images = this.microBatch / this.#replicas;
      this.#inputs[`sample/${name}`]?.write(sample.values({ start: first, images, random }), replica);
    }
  }

  /** Runs the program once, on what its inputs hold. */
  run(): Promise<void> {
    return this.#run(this.#program);
  }

  #run(program: Program): Promise<void> {
    const pick = (from: Readonly<Record<string, DeviceBuffer>>, names: Iterable<string>) =>
      Object.fromEntries([...names].flatMap((name) => (from[name] ? [[name, from[name]] as const] : [])));
    return program.run(
      pick(this.#inputs, program.inputs.keys()),
      pick(this.#outputs, program.outputs.keys()),
    );
  }

  /** Fills the inputs of a step with noise, to time runs; the weights stay as they are. */
  fillWithNoise(): void {
    const random = new Random(this.#seed, 'measure');
    for (const [g, pixels] of this.#crops.entries()) {
      const largest = pixels instanceof Uint8Array ? 255 : 1;
      for (let i = 0; i < pixels.length; i++) pixels[i] = largest * random.between(0, 1);
      this.#inputs[`crops/${g}`]?.write(pixels);
    }
    for (const name of this.method.scalars) this.#inputs[`scalar/${name}`]?.write(Float32Array.of(1));
    this.#drawSamples(0, 0);
    this.#staged = -1;
    this.#writeWholeNumbers({ lags: 0, commit: 0 });
  }

  /** @throws Error where a step is one program */
  #requireHalves(): void {
    if (this.#whole !== undefined)
      throw new Error(`A step on ${this.#program.engine.name} is one program: no half of it runs by itself.`);
  }

  /**
   * The second half of a step: clipping, optimizer, teacher, and the method's next state. Where a gradient is not finite
   * nothing of it happens.
   *
   * @returns the L2 norm of each parameter's gradient before clipping
   */
  async applyUpdate(settings: StepSettings): Promise<ReadonlyMap<string, number>> {
    this.#requireHalves();
    const before = settings.teacherLags ? await this.#averagedNow() : new Map<string, Float32Array>();
    const norms = await this.updater.apply(this.#updateNumbers(settings));
    if (allFinite(norms)) {
      for (const [name, values] of before) this.state.update.average.get(name)?.write(values);
      this.#commit();
    }
    return norms;
  }

  #updateNumbers({
    lr,
    lrFactor,
    weightDecay,
    clip,
    teacherMomentum,
    freezeLastLayer,
    freezeBackbone = false,
  }: StepSettings): UpdateNumbers {
    const { method } = this;
    const isHeld = (name: string): boolean => freezeLastLayer && method.isLastLayer(name);
    const byRate = method.heldBy === 'rate';
    return {
      lr,
      lrFactor: (name) =>
        byRate && isHeld(name) ? 0 : (lrFactor?.(name) ?? 1) * (method.lrFactor?.(name) ?? 1),
      weightDecay,
      clip,
      momentum: teacherMomentum,
      isFrozen: (name) => (freezeBackbone && name.startsWith('backbone.')) || (!byRate && isHeld(name)),
    };
  }

  /** Copies of the student's weights that the teacher has too. */
  async #averagedNow(): Promise<Map<string, Float32Array>> {
    const { student, average } = this.state.update;
    const values = await readFloats(new Map([...student].filter(([name]) => average.has(name))));
    return new Map([...values].map(([name, each]) => [name, each.slice()]));
  }

  /** The method's next state and the next running statistics become the present ones; the buffers change places. */
  #commit(): void {
    for (const [name, next] of Object.entries(this.#outputs)) {
      const [kind, key] = splitName(name);
      if (kind !== 'next') continue;
      const [holder, read] = this.state.method.has(key)
        ? [this.state.method, `state/${key}`]
        : [this.state.buffers, key];
      const now = holder.get(key);
      if (now === undefined) throw new Error(`There is no place for "${name}" of ${this.method.name}.`);
      holder.set(key, next);
      this.#outputs[name] = now;
      if (this.#inputs[read] !== undefined) this.#inputs[read] = next;
    }
  }

  /** Frees the program and what the trainer keeps; the updater too, unless another trainer goes on with it. */
  async dispose({ keepUpdater = false } = {}): Promise<void> {
    await this.#program.dispose();
    await this.#closing?.dispose();
    const { student, average, moments } = this.state.update;
    const shared = [student, average, this.updater.gradients, ...moments.values()];
    const kept = new Set(shared.flatMap((buffers) => [...buffers.values()]));
    for (const buffer of new Set([...Object.values(this.#inputs), ...Object.values(this.#outputs)]))
      if (!kept.has(buffer)) buffer.dispose();
    if (!keepUpdater) await this.updater.dispose();
  }
}

const allFinite = (norms: ReadonlyMap<string, number>): boolean => [...norms.values()].every(Number.isFinite);

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

/** @throws Error where the frozen network is not the one the method was made for */
function frozenValues({ method, frozen }: TrainerOptions, name: string, shape: Shape): Float32Array {
  const values = frozen?.get(name);
  if (values?.length === sizeOf(shape)) return values;
  throw new Error(
    values === undefined
      ? `The frozen network of ${method.name} lacks "${name}".`
      : `The frozen network of ${method.name} has ${values.length} numbers for "${name}" instead of [${shape.join(', ')}].`,
  );
}

/** "kind/rest" in two. */
function splitName(name: string): readonly [string, string] {
  const at = name.indexOf('/');
  return at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
}
