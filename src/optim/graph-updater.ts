/**
 * The update as a program of `rules.ts`, for engines that keep values in a memory of their own. Numbers that differ between
 * parameters (learning rate, decay, corrections, frozen or not) go in as one vector each; the norms come out as one.
 */
import type { Collective } from '../collective/collective.ts';
import { sumBuffers } from '../collective/sum-buffers.ts';
import type { Buffers, DeviceBuffer, Engine, EngineOptions, Program } from '../engine/engine.ts';
import { asFloats } from '../engine/values.ts';
import {
  add,
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
/** What an update is told, as inputs of its program: vectors with a number for each trained parameter, and scalars. */
export const UPDATE_NUMBERS: readonly string[] = [...OWN, ...COMMON];

export class GraphUpdater implements Updater {
  readonly rule: UpdateRule;
  readonly state: UpdateState;
  readonly gradients: Buffers;
  /** What an update is told, by the names in `UPDATE_NUMBERS`. */
  readonly numbers: Readonly<Record<string, DeviceBuffer>>;
  readonly #trained: readonly ParameterInfo[];
  readonly #load: () => Promise<Program>;
  readonly #norms: DeviceBuffer;
  #program: Promise<Program> | undefined;

  /** Its program is compiled when it is first used: a step that is one program has the update in itself. */
  constructor(engine: Engine, options: UpdaterOptions, engineOptions: EngineOptions = {}) {
    const { parameters, rule, averaged } = options;
    const infos = [...parameters];
    const trained = infos.filter(({ trainable }) => trainable);
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
    this.#load = () => {
      const { norms, next } = describeUpdate({ ...options, parameters: infos });
      return engine.load({ norms, ...next }, engineOptions);
    };
    const vector = { dtype: 'f32', shape: [trained.length] } as const;
    this.#norms = engine.allocate(vector);
    this.numbers = Object.fromEntries([
      ...OWN.map((name) => [name, engine.allocate(vector)] as const),
      ...COMMON.map((name) => [name, engine.allocate({ dtype: 'f32', shape: [] })] as const),
    ]);
  }

  clearGradients(): void {
    for (const buffer of this.gradients.values()) buffer.write(new Float32Array(sizeOf(buffer.shape)));
  }

  sumGradients(collective: Collective): Promise<void> {
    return sumBuffers(collective, [...this.gradients.values()]);
  }

  async apply(numbers: UpdateNumbers): Promise<Map<string, number>> {
    this.#program ??= this.#load();
    const program = await this.#program;
    this.setNumbers(numbers);
    const values = this.#namedValues();
    const inputs = { ...values, ...this.numbers };
    const { inputs: read, outputs: written } = program;
    const pick = (from: Readonly<Record<string, DeviceBuffer>>, names: Iterable<string>) =>
      Object.fromEntries([...names].flatMap((name) => (from[name] ? [[name, from[name]] as const] : [])));
    await program.run(pick(inputs, read.keys()), pick({ ...values, norms: this.#norms }, written.keys()));
    const norms = asFloats(await this.#norms.read());
    // As the program asks: its sum of norms in float32.
    const happened = Number.isFinite(norms.reduce((total, norm) => Math.fround(total + norm), 0));
    if (happened) this.countUpdate(numbers);
    return new Map(this.#trained.map(({ name }, i) => [name, norms[i] ?? Number.NaN]));
  }

  /** Counts an update that was applied. */
  countUpdate({ isFrozen }: UpdateNumbers): void {
    for (const { name } of this.#trained)
      if (!isFrozen(name)) this.state.counts.set(name, (this.state.counts.get(name) ?? 0) + 1);
  }

  /** Tells the next update its numbers. */
  setNumbers(numbers: UpdateNumbers): void {
    const own = this.#trained.map((info) => ({
      ...parameterNumbers(info, this.rule, (this.state.counts.get(info.name) ?? 0) + 1, numbers),
      isFrozen: numbers.isFrozen(info.name) ? 1 : 0,
    }));
    for (const name of OWN) this.numbers[name]?.write(Float32Array.from(own, (each) => each[name]));
    for (const name of COMMON) this.numbers[name]?.write(Float32Array.of(numbers[name]));
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
    if (this.#program !== undefined) await (await this.#program).dispose();
    const { student, average, moments } = this.state;
    const all = [student, average, this.gradients, ...moments.values()].flatMap((each) => [...each.values()]);
    for (const buffer of [...all, ...Object.values(this.numbers), this.#norms]) buffer.dispose();
  }
}

/** An update in symbolic tensors. */
export interface DescribedUpdate {
  /** The norm of each trained parameter's gradient, [parameters]. */
  readonly norms: Tensor;
  /** Whether anything changes, of shape []: 1, or 0 where a gradient is not finite. */
  readonly applies: Tensor;
  /** The next values of `updateGraph`. */
  readonly next: Results;
}

/** @param also has to be finite, too, and not 0: the loss of the step, and whether it counts */
export function describeUpdate(
  { parameters, rule, averaged, clipGroup }: UpdaterOptions,
  also?: { readonly loss: Tensor; readonly commit: Tensor },
): DescribedUpdate {
  const infos = [...parameters];
  const trained = infos.filter(({ trainable }) => trainable);
  const norms = concat(
    trained.map(({ name, shape }) => reshape(sqrt(sumOfSquares(input(`gradient/${name}`, shape))), [1])),
    0,
  );
  const total = also === undefined ? sum(norms) : add(sum(norms), also.loss);
  // The difference of a sum to itself is 0, or NaN where a part of it is not finite.
  const allFinite = cast(equal(sub(total, total), scalar(0)), 'f32');
  const applies = also === undefined ? allFinite : mul(allFinite, also.commit);
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
    stays: (info) => equal(mul(applies, sub(scalar(1), own('isFrozen', info))), scalar(0)),
    averagesStay: equal(applies, scalar(0)),
  });
  return { norms, applies, next };
}
