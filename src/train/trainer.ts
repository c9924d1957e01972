/**
 * One training step of a method: compiles its objective and gradients into one program, runs it over the micro-batches of
 * a batch, and applies the update. This is the library's heart; the loop, the command line and the bench stand on it.
 *
 *     gradients (micro-batch) x n  ->  [all-reduce]  ->  update (clip, optimizer, teacher)  ->  method state
 */
import type { Engine, EngineOptions, Program, Values } from '../engine/engine.ts';
import {
  add,
  type CompiledGraph,
  compile,
  gradients,
  hoistSlices,
  input,
  type ParameterInfo,
  ParameterSet,
  sizeOf,
  splitRows,
  type Tensor,
} from '../graph/index.ts';
import type { Method } from '../method/method.ts';
import { FusedUpdate } from '../optim/fused-update.ts';
import { type OptimizerName, rules } from '../optim/rules.ts';
import { Random } from '../random/random.ts';

/** Where a step gets its pixels: writes view group `group` of images `start` to `end` as [count * images, C, S, S], view after view. */
export type CropSource = (group: number, start: number, end: number, into: Float32Array) => void;

export interface TrainerOptions {
  readonly method: Method;
  readonly engine: Engine;
  readonly channels: number;
  /** Images in a step. */
  readonly batchSize: number;
  /** Images in one run of the program; divides the batch size. The whole batch unless given. */
  readonly microBatch?: number;
  readonly optimizer: OptimizerName;
  /** Names the initial weights and the noise of every step. */
  readonly seed: number;
  readonly engineOptions?: EngineOptions;
  /** Weights, gradients and optimizer of another trainer of the same networks, to share its memory. */
  readonly update?: FusedUpdate;
}

/** The scheduled numbers of one step. */
export interface StepSettings {
  /** Counts from 0; names the random numbers of the step. */
  readonly step: number;
  readonly lr: number;
  /** What a parameter's learning rate is multiplied by; 1 unless given. */
  readonly lrFactor?: (name: string) => number;
  readonly weightDecay: number;
  readonly clip: number;
  readonly teacherMomentum: number;
  /** Drops the gradients of the last layer of the head. */
  readonly freezeLastLayer: boolean;
  /** What the method asks for by name, such as `teacherTemp`. */
  readonly scalars: Readonly<Record<string, number>>;
}

export interface StepResult {
  readonly loss: number;
  readonly measures: Readonly<Record<string, number>>;
  /** L2 norm of each parameter's gradient before clipping. */
  readonly gradientNorms: ReadonlyMap<string, number>;
}

export class Trainer {
  readonly method: Method;
  readonly batchSize: number;
  readonly microBatch: number;
  readonly update: FusedUpdate;
  readonly parameters: readonly ParameterInfo[];
  /** Running statistics of both networks, by the names of the graph's inputs (`student/...`, `teacher/...`). */
  readonly buffers: ReadonlyMap<string, Float32Array>;
  /** The method's own state, such as the center. */
  readonly state: ReadonlyMap<string, Float32Array>;
  readonly graph: CompiledGraph;
  readonly #program: Program;
  readonly #seed: number;
  readonly #buffers: BuiltGraph['buffers'];
  readonly #inputs: Record<string, Values> = {};
  readonly #outputs: Record<string, Values> = {};
  readonly #crops: readonly Float32Array[];
  readonly #sums: readonly Float32Array[];

  private constructor(options: TrainerOptions, built: BuiltGraph, program: Program) {
    const { method, batchSize, optimizer, seed } = options;
    this.method = method;
    this.batchSize = batchSize;
    this.microBatch = built.microBatch;
    this.graph = program.graph;
    this.#program = program;
    this.#seed = seed;
    this.parameters = built.parameters;
    this.update = options.update ?? new FusedUpdate(built.parameters, rules[optimizer]);
    const { graph } = program;
    const array = (name: string): Float32Array =>
      new Float32Array(sizeOf(graph.inputs.get(name)?.shape ?? []));
    this.#buffers = built.buffers;
    this.buffers = new Map(
      built.buffers.map(({ name, info }) => [name, new Float32Array(sizeOf(info.shape))]),
    );
    this.state = new Map(
      Object.entries(method.stateShapes).map(([name, shape]) => [name, new Float32Array(sizeOf(shape))]),
    );
    this.#crops = method.views.map((_, g) => array(`crops/${g}`));
    const sums: Float32Array[] = [];
    for (const [name, { shape }] of graph.outputs) {
      const [kind = '', key = ''] = splitName(name);
      if (kind === 'gradient') this.#bind(name, this.update.gradients.get(key));
      else if (kind === 'sum') {
        const total = new Float32Array(sizeOf(shape));
        sums.push(total);
        this.#bind(name, total);
      } else this.#outputs[name] = new Float32Array(sizeOf(shape));
    }
    this.#sums = sums;
    for (const name of graph.inputs.keys()) {
      const [kind = '', key = ''] = splitName(name);
      const values = this.#stored(kind, key) ?? this.buffers.get(name) ?? this.#inputs[name] ?? array(name);
      this.#inputs[name] = values;
    }
    if (options.update === undefined) this.reset();
    else this.#resetState();
  }

  /** The array that holds a value of the program, where it is one of the trainer's own. */
  #stored(kind: string, key: string): Float32Array | undefined {
    switch (kind) {
      case 'student':
        return this.update.student.get(key);
      case 'teacher':
        return this.update.teacher.get(key);
      case 'state':
        return this.state.get(key);
      case 'crops':
        return this.#crops[Number(key)];
      default:
        return undefined;
    }
  }

  static async create(options: TrainerOptions): Promise<Trainer> {
    const built = build(options);
    const program = await options.engine.load(built.graph, options.engineOptions);
    return new Trainer(options, built, program);
  }

  /** Makes an accumulated value both an output and, where the program adds to it, an input. */
  #bind(name: string, values: Float32Array | undefined): void {
    if (values === undefined) throw new Error(`There is nowhere to put "${name}".`);
    this.#outputs[name] = values;
    if (this.#program.graph.inputs.has(name)) this.#inputs[name] = values;
  }

  /** Puts everything into the state of step 0: the weights that the seed names, no moments, a center of zero. */
  reset(): void {
    for (const info of this.parameters) {
      const values = this.#fresh(info);
      this.update.student.get(info.name)?.set(values);
      this.update.teacher.get(info.name)?.set(values); // both start from the same weights
    }
    this.update.reset();
    this.#resetState();
  }

  #resetState(): void {
    for (const { name, info } of this.#buffers) this.buffers.get(name)?.set(this.#fresh(info));
    for (const values of this.state.values()) values.fill(0);
  }

  /** The initial values that the seed names. */
  #fresh({ name, shape, init }: ParameterInfo): Float32Array {
    return init(new Random(this.#seed, `init:${name}`), shape);
  }

  /** The teacher's weights and running statistics by their names in the network (`backbone.norm.weight`). */
  teacherWeights(): Map<string, Float32Array> {
    const weights = new Map(this.update.teacher);
    for (const [name, values] of this.buffers) {
      if (name.startsWith('teacher/')) weights.set(name.slice('teacher/'.length), values);
    }
    return weights;
  }

  /** Runs one step on the images of a batch. */
  async step(crops: CropSource, settings: StepSettings): Promise<StepResult> {
    const { loss, measures } = await this.accumulate(crops, settings);
    return { loss, measures, gradientNorms: this.applyUpdate(settings) };
  }

  /** The first half of a step: gradients and method state, without the update. */
  async accumulate(
    crops: CropSource,
    { step, scalars }: StepSettings,
  ): Promise<{ loss: number; measures: Record<string, number> }> {
    const parts = this.batchSize / this.microBatch;
    if (parts > 1) {
      this.update.clearGradients();
      for (const total of this.#sums) total.fill(0);
    }
    for (const name of this.method.scalars) {
      const value = scalars[name];
      if (value === undefined) throw new Error(`The step needs a value for "${name}".`);
      this.#inputs[`scalar/${name}`] = Float32Array.of(value);
    }
    let loss = 0;
    const measures: Record<string, number> = {};
    for (let part = 0; part < parts; part++) {
      const start = part * this.microBatch;
      for (const [g, into] of this.#crops.entries()) crops(g, start, start + this.microBatch, into);
      for (const [name, noise] of Object.entries(this.method.noiseInputs)) {
        const random = new Random(this.#seed, name, step, part);
        this.#inputs[`noise/${name}`] = noise.draw(random, this.microBatch, start);
      }
      await this.#program.run(this.#inputs, this.#outputs);
      for (const [name, values] of Object.entries(this.#outputs)) {
        const [kind, key = ''] = splitName(name);
        if (kind === 'loss') loss += Number(values[0]);
        if (kind === 'measure') measures[key] = (measures[key] ?? 0) + Number(values[0]);
      }
    }
    return { loss, measures };
  }

  /** Time of one run of the program for each of its images, on noise; the weights stay as they are. */
  async millisecondsPerImage(): Promise<number> {
    const random = new Random(this.#seed, 'measure');
    for (const crops of this.#crops) for (let i = 0; i < crops.length; i++) crops[i] = random.between(-1, 1);
    for (const name of this.method.scalars) this.#inputs[`scalar/${name}`] = Float32Array.of(1);
    for (const [name, noise] of Object.entries(this.method.noiseInputs)) {
      this.#inputs[`noise/${name}`] = noise.draw(random, this.microBatch, 0);
    }
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < RUNS; run++) {
      const start = performance.now();
      await this.#program.run(this.#inputs, this.#outputs);
      best = Math.min(best, performance.now() - start);
    }
    return best / this.microBatch;
  }

  /**
   * The second half of a step: clipping, optimizer, teacher, and the method's next state. Where a gradient is not finite
   * nothing of it happens.
   *
   * @returns the L2 norm of each parameter's gradient before clipping
   */
  applyUpdate({
    lr,
    lrFactor,
    weightDecay,
    clip,
    teacherMomentum,
    freezeLastLayer,
  }: StepSettings): Map<string, number> {
    const norms = this.update.apply({
      lr,
      ...(lrFactor === undefined ? {} : { lrFactor }),
      weightDecay,
      clip,
      momentum: teacherMomentum,
      skip: (name) => freezeLastLayer && name.includes('last_layer'),
    });
    if ([...norms.values()].every(Number.isFinite)) this.#commit();
    return norms;
  }

  /** Moves the method's next state and the running statistics to where the next step reads them. */
  #commit(): void {
    for (const [name, values] of Object.entries(this.#outputs)) {
      const [kind, key = ''] = splitName(name);
      const target = kind === 'next' ? (this.state.get(key) ?? this.buffers.get(key)) : undefined;
      if (target !== undefined && values instanceof Float32Array) target.set(values);
    }
  }

  async dispose(): Promise<void> {
    await this.#program.dispose();
  }
}

/** Runs of a measurement: the first one faults its memory in. */
const RUNS = 2;

/** "kind/rest" in two. */
function splitName(name: string): readonly [string, string] {
  const at = name.indexOf('/');
  return at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
}

interface BuiltGraph {
  readonly graph: CompiledGraph;
  readonly parameters: readonly ParameterInfo[];
  readonly buffers: readonly { readonly name: string; readonly info: ParameterInfo }[];
  readonly microBatch: number;
}

/** Elements of a gradient's terms that may exist at once. */
const LARGEST_TERM = 2 ** 20;

/** Traces the method and adds gradients. Names of the program's values: see `splitName` and the constructor above. */
function build({ method, channels, batchSize, microBatch = batchSize }: TrainerOptions): BuiltGraph {
  const images = method.couplesBatch ? batchSize : microBatch;
  if (batchSize % images !== 0)
    throw new RangeError(`A micro-batch of ${images} does not divide a batch of ${batchSize}.`);
  const accumulates = images < batchSize;
  const student = new ParameterSet('student/');
  const teacher = new ParameterSet('teacher/');
  const state = (name: string): Tensor => input(`state/${name}`, method.stateShapes[name] ?? []);
  const objective = method.objective({
    student: student.scope,
    teacher: teacher.scope,
    images,
    batch: batchSize,
    crops: (g) => {
      const group = method.views[g];
      if (group === undefined) throw new RangeError(`${method.name} has no view group ${g}.`);
      return input(`crops/${g}`, [group.count * images, channels, group.size, group.size]);
    },
    scalar: (name) => input(`scalar/${name}`, []),
    state,
    noise: (name) => input(`noise/${name}`, method.noiseInputs[name]?.shape(images) ?? []),
  });
  const onto = (name: string, part: Tensor): Tensor =>
    accumulates ? add(input(name, part.shape), part) : part;

  const results: Record<string, Tensor> = { loss: objective.loss };
  for (const [name, value] of Object.entries(objective.measures)) results[`measure/${name}`] = value;
  const sums = new Map(
    Object.entries(objective.sums).map(([name, part]) => [name, onto(`sum/${name}`, part)]),
  );
  for (const [name, total] of sums) results[`sum/${name}`] = total;
  const total = (name: string): Tensor => {
    const sum = sums.get(name);
    if (sum === undefined) throw new RangeError(`${method.name} has no sum "${name}".`);
    return sum;
  };
  for (const [name, next] of Object.entries(objective.nextState(total))) results[`next/${name}`] = next;
  for (const set of [student, teacher]) {
    for (const [name, next] of set.updates) results[`next/${set.prefix}${name}`] = next;
  }

  // Slices are moved before differentiation, so that the backward pass is as small as the forward pass.
  const names = Object.keys(results);
  const forward = hoistSlices(Object.values(results));
  names.forEach((name, i) => {
    const tensor = forward[i];
    if (tensor !== undefined) results[name] = tensor;
  });
  const parameters = [...student.parameters.values()];
  const trainable = parameters.filter((info) => info.trainable);
  const grads = gradients(
    results.loss ?? objective.loss,
    trainable.map((info) => student.tensor(info.name)),
  );
  trainable.forEach((info, i) => {
    const grad = grads[i];
    if (grad !== undefined)
      results[`gradient/${info.name}`] = onto(`gradient/${info.name}`, splitRows(grad, LARGEST_TERM));
  });
  const buffers = [student, teacher].flatMap((set) =>
    [...set.buffers.values()].map((info) => ({ name: set.prefix + info.name, info })),
  );
  return { graph: compile(results), parameters, buffers, microBatch: images };
}
