/**
 * The update as a program of `rules.ts`, for engines that keep values in a memory of their own. Numbers that differ between
 * parameters (learning rate, decay, corrections, frozen or not) go in as one vector each; the norms come out as one.
 */
import type { Collective } from '../collective/collective.ts';
import { sumBuffers } from '../collective/sum-buffers.ts';
import type { Buffers, DeviceBuffer, Engine, EngineOptions, Program } from '../engine/engine.ts';
import { asFloats } from '../engine/values.ts';
import {
  cast,
  concat,
  equal,
  input,
  mul,
  type ParameterInfo,
  type Results,
  reshape,
  scalar,
  sizeOf,
  slice,
  sqrt,
  sub,
  sum,
  sumOfSquares,
  type Tensor,
} from '../graph/index.ts';
import type { UpdateRule } from './rules.ts';
import { updateGraph } from './update-graph.ts';
import {
  parameterNumbers,
  type UpdateNumbers,
  type Updater,
  type UpdaterOptions,
  type UpdateState,
} from './updater.ts';

/** Numbers that each trained parameter has its own of. */
const OWN = ['lr', 'weightDecay', 'correction1', 'correction2', 'isFrozen'] as const;
/** Numbers that all have in common. */
const COMMON = ['clip', 'momentum'] as const;

export class GraphUpdater implements Updater {
  readonly rule: UpdateRule;
  readonly state: UpdateState;
  readonly gradients: Buffers;
  readonly #trained: readonly ParameterInfo[];
  readonly #program: Program;
  readonly #numbers: Readonly<Record<string, DeviceBuffer>>;
  readonly #norms: DeviceBuffer;

  private constructor({ parameters, rule, averaged }: UpdaterOptions, program: Program) {
    const infos = [...parameters];
    const trained = infos.filter(({ trainable }) => trainable);
    const { engine } = program;
    const buffers = (of: readonly ParameterInfo[]): Buffers =>
      new Map(of.map(({ name, shape }) => [name, engine.allocate({ dtype: 'f32', shape })]));
    this.rule = rule;
    this.gradients = buffers(trained);
    this.state = {
      student: buffers(infos),
      average: buffers(infos.filter(({ name }) => averaged.has(name))),
      moments: new Map(rule.slots.map((slot) => [slot, buffers(trained)])),
      counts: new Map(trained.map(({ name }) => [name, 0])),
    };
    this.#trained = trained;
    this.#program = program;
    const vector = { dtype: 'f32', shape: [trained.length] } as const;
    this.#norms = engine.allocate(vector);
    this.#numbers = Object.fromEntries([
      ...OWN.map((name) => [name, engine.allocate(vector)] as const),
      ...COMMON.map((name) => [name, engine.allocate({ dtype: 'f32', shape: [] })] as const),
    ]);
  }

  static async create(
    engine: Engine,
    options: UpdaterOptions,
    engineOptions: EngineOptions = {},
  ): Promise<GraphUpdater> {
    const parameters = [...options.parameters];
    const program = await engine.load(updateResults({ ...options, parameters }), engineOptions);
    return new GraphUpdater({ ...options, parameters }, program);
  }

  clearGradients(): void {
    for (const buffer of this.gradients.values()) buffer.write(new Float32Array(sizeOf(buffer.shape)));
  }

  sumGradients(collective: Collective): Promise<void> {
    return sumBuffers(collective, [...this.gradients.values()]);
  }

  async apply(numbers: UpdateNumbers): Promise<Map<string, number>> {
    this.#writeNumbers(numbers);
    const values = this.#namedValues();
    const inputs = { ...values, ...this.#numbers };
    const { inputs: read, outputs: written } = this.#program;
    const pick = (from: Readonly<Record<string, DeviceBuffer>>, names: Iterable<string>) =>
      Object.fromEntries([...names].flatMap((name) => (from[name] ? [[name, from[name]] as const] : [])));
    await this.#program.run(
      pick(inputs, read.keys()),
      pick({ ...values, norms: this.#norms }, written.keys()),
    );
    const norms = asFloats(await this.#norms.read());
    // As the program asks: its sum of norms in float32.
    const happened = Number.isFinite(norms.reduce((total, norm) => Math.fround(total + norm), 0));
    for (const { name } of this.#trained) {
      if (happened && !numbers.isFrozen(name))
        this.state.counts.set(name, (this.state.counts.get(name) ?? 0) + 1);
    }
    return new Map(this.#trained.map(({ name }, i) => [name, norms[i] ?? Number.NaN]));
  }

  #writeNumbers(numbers: UpdateNumbers): void {
    const own = this.#trained.map((info) => ({
      ...parameterNumbers(info, this.rule, (this.state.counts.get(info.name) ?? 0) + 1, numbers),
      isFrozen: numbers.isFrozen(info.name) ? 1 : 0,
    }));
    for (const name of OWN) this.#numbers[name]?.write(Float32Array.from(own, (each) => each[name]));
    for (const name of COMMON) this.#numbers[name]?.write(Float32Array.of(numbers[name]));
  }

  /** Everything the program reads and writes, by its names there. */
  #namedValues(): Record<string, DeviceBuffer> {
    const { student, average, moments } = this.state;
    const kinds: readonly (readonly [string, Buffers])[] = [
      ['student', student],
      ['gradient', this.gradients],
      ['average', average],
      ...moments,
    ];
    return Object.fromEntries(
      kinds.flatMap(([kind, buffers]) =>
        [...buffers].map(([name, buffer]) => [`${kind}/${name}`, buffer] as const),
      ),
    );
  }

  async dispose(): Promise<void> {
    await this.#program.dispose();
    const { student, average, moments } = this.state;
    const all = [student, average, this.gradients, ...moments.values()].flatMap((each) => [...each.values()]);
    for (const buffer of [...all, ...Object.values(this.#numbers), this.#norms]) buffer.dispose();
  }
}

/** The next values of `updateGraph`, and `norms`. */
function updateResults({ parameters, rule, averaged, clipGroup }: UpdaterOptions): Results {
  const infos = [...parameters];
  const trained = infos.filter(({ trainable }) => trainable);
  const norms = concat(
    trained.map(({ name, shape }) => reshape(sqrt(sumOfSquares(input(`gradient/${name}`, shape))), [1])),
    0,
  );
  // The difference of a sum to itself is 0, or NaN where a part of it is not finite.
  const total = sum(norms);
  const allFinite = cast(equal(sub(total, total), scalar(0)), 'f32');
  const own = (kind: (typeof OWN)[number], { name }: ParameterInfo): Tensor => {
    const i = trained.findIndex((info) => info.name === name);
    return reshape(slice(input(kind, [trained.length]), 0, i, i + 1), []);
  };
  const next = updateGraph({
    ...{ parameters: infos, rule, average: 'average', averaged },
    ...{ momentum: input('momentum', []), clip: input('clip', []) },
    ...(clipGroup === undefined ? {} : { clipGroup }),
    numbers: (info) => ({
      lr: own('lr', info),
      weightDecay: own('weightDecay', info),
      correction1: own('correction1', info),
      correction2: own('correction2', info),
    }),
    stays: (info) => equal(mul(allFinite, sub(scalar(1), own('isFrozen', info))), scalar(0)),
    averagesStay: equal(allFinite, scalar(0)),
  });
  return { norms, ...next };
}
