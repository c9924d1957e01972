/**
 * An engine for programs in which ranks meet, made of one for programs that run alone: a program is cut into stages there, and
 * between two stages the collective moves what they exchange. What meets at one place goes in one call.
 */
import type { DeviceBuffer, Engine, Program } from '../engine/engine.ts';
import { asFloats, typeText } from '../engine/values.ts';
import { type Meeting, type Results, type Stage, splitStages, type TensorType } from '../graph/index.ts';
import type { Collective } from './collective.ts';
import { joined, parted } from './flat.ts';

/** Programs in which nobody meets are the engine's own. */
export function stagedEngine(engine: Engine, collective: Collective): Engine {
  if (collective.size === 1) return engine;
  return {
    name: `${engine.name}, ${collective.size} ranks`,
    sharesMemory: engine.sharesMemory,
    allocate: (type) => engine.allocate(type),
    upload: (values, type) => engine.upload(values, type),
    async load(results, options) {
      const stages = splitStages(results);
      if (stages.length === 1) return engine.load(results, options);
      const programs: Program[] = [];
      // Threads of a stage must not wait actively while another one runs.
      const { spinning = true } = options ?? {};
      const own = { ...options, spinning: spinning && 'while running' } as const;
      for (const stage of stages) programs.push(await engine.load(stage.results, own));
      return new StagedProgram(engine, collective, results, stages, programs);
    },
  };
}

class StagedProgram implements Program {
  readonly engine: Engine;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly #collective: Collective;
  readonly #stages: readonly Stage[];
  readonly #programs: readonly Program[];
  /** What crosses from stage to stage, by name; two values that are never there together may share one. */
  readonly #held: Readonly<Record<string, DeviceBuffer>>;
  /** The last stage that reads each input of the whole. */
  readonly #lastRead: ReadonlyMap<string, number>;
  readonly #spare = new Map<string, DeviceBuffer>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    engine: Engine,
    collective: Collective,
    results: Results,
    stages: readonly Stage[],
    programs: readonly Program[],
  ) {
    this.engine = engine;
    this.#collective = collective;
    this.#stages = stages;
    this.#programs = programs;
    this.outputs = new Map(
      Object.entries(results).map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
    );
    const reads = programs.flatMap((program, stage) =>
      [...program.inputs].map(([name, type]) => ({ name, type, stage })),
    );
    this.#lastRead = new Map(reads.map(({ name, stage }) => [name, stage]));
    const made = this.#made();
    this.inputs = new Map(reads.filter(({ name }) => !made.has(name)).map(({ name, type }) => [name, type]));
    this.#held = this.#allocated(made);
  }

  /** What crosses, with the stage that makes it. */
  #made(): Map<string, { readonly type: TensorType; readonly stage: number }> {
    const made = new Map<string, { type: TensorType; stage: number }>();
    for (const [stage, { meetings }] of this.#stages.entries()) {
      for (const [name, type] of this.#programs[stage]?.outputs ?? [])
        if (!this.outputs.has(name)) made.set(name, { type, stage });
      for (const { to, type } of meetings) made.set(to, { type, stage });
    }
    return made;
  }

  #allocated(
    made: ReadonlyMap<string, { readonly type: TensorType; readonly stage: number }>,
  ): Record<string, DeviceBuffer> {
    const held: Record<string, DeviceBuffer> = {};
    const free = new Map<string, DeviceBuffer[]>();
    for (let stage = 0; stage < this.#stages.length; stage++) {
      for (const [name, { type, stage: from }] of made)
        if (from === stage) held[name] = free.get(typeText(type))?.pop() ?? this.engine.allocate(type);
      // What nobody reads after this stage makes place for values of the next.
      for (const [name, { type, stage: from }] of made) {
        const buffer = held[name];
        if (buffer === undefined || Math.max(from, this.#lastRead.get(name) ?? 0) !== stage) continue;
        free.set(typeText(type), [...(free.get(typeText(type)) ?? []), buffer]);
      }
    }
    return held;
  }

  async run(
    inputs: Readonly<Record<string, DeviceBuffer>>,
    outputs: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void> {
    const turn = this.#last.then(() => this.#run(inputs, outputs));
    this.#last = turn.catch(() => {});
    await turn;
  }

  async #run(
    inputs: Readonly<Record<string, DeviceBuffer>>,
    outputs: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void> {
    const lastRead = new Map<DeviceBuffer, number>();
    for (const [name, buffer] of Object.entries(inputs))
      lastRead.set(buffer, Math.max(lastRead.get(buffer) ?? 0, this.#lastRead.get(name) ?? 0));
    const late: [DeviceBuffer, DeviceBuffer][] = [];
    const read = { ...inputs, ...this.#held };
    const written = { ...outputs, ...this.#held };
    for (const [stage, program] of this.#programs.entries()) {
      const results = pick(written, program.outputs);
      // A buffer that is updated in place while later stages still read it is written at the end.
      for (const [name, buffer] of Object.entries(results)) {
        if ((lastRead.get(buffer) ?? 0) <= stage) continue;
        const spare = this.#spareFor(name, buffer);
        results[name] = spare;
        late.push([spare, buffer]);
      }
      await program.run(pick(read, program.inputs), results);
      await this.#meet(this.#stages[stage]?.meetings ?? []);
    }
    for (const [from, to] of late) to.write(await from.read());
  }

  #spareFor(name: string, type: TensorType): DeviceBuffer {
    const known = this.#spare.get(name) ?? this.engine.allocate(type);
    this.#spare.set(name, known);
    return known;
  }

  async #meet(meetings: readonly Meeting[]): Promise<void> {
    for (const kind of ['sum', 'gather', 'scatter'] as const) {
      const own = meetings.filter((meeting) => meeting.kind === kind);
      if (own.length === 0) continue;
      const values: Float32Array[] = [];
      for (const { from } of own)
        values.push(asFloats((await this.#held[from]?.read()) ?? new Float32Array()));
      const met = await this.#exchange(kind, values);
      for (const [i, { to }] of own.entries()) this.#held[to]?.write(met[i] ?? new Float32Array());
    }
  }

  /** All values of one kind in one call. */
  async #exchange(kind: Meeting['kind'], values: readonly Float32Array[]): Promise<Float32Array[]> {
    const ranks = this.#collective.size;
    if (kind === 'sum') {
      const all = joined(values);
      await this.#collective.sum(all);
      return parted(
        all,
        values.map(({ length }) => length),
      );
    }
    if (kind === 'gather') {
      const own = joined(values);
      const all = new Float32Array(own.length * ranks);
      await this.#collective.gather(own, all);
      const byRank = Array.from({ length: ranks }, (_, rank) =>
        parted(
          all.subarray(rank * own.length, (rank + 1) * own.length),
          values.map(({ length }) => length),
        ),
      );
      return values.map((_, i) => joined(byRank.map((parts) => parts[i] ?? new Float32Array())));
    }
    const lengths = values.map(({ length }) => length / ranks);
    const all = joined(
      Array.from({ length: ranks }, (_, rank) =>
        joined(
          values.map((value, i) => value.subarray(rank * (lengths[i] ?? 0), (rank + 1) * (lengths[i] ?? 0))),
        ),
      ),
    );
    const own = new Float32Array(all.length / ranks);
    await this.#collective.scatterSum(all, own);
    return parted(own, lengths);
  }

  async dispose(): Promise<void> {
    await this.#last;
    for (const program of this.#programs) await program.dispose();
    for (const buffer of new Set([...Object.values(this.#held), ...this.#spare.values()])) buffer.dispose();
  }
}

function pick(
  from: Readonly<Record<string, DeviceBuffer>>,
  names: ReadonlyMap<string, TensorType>,
): Record<string, DeviceBuffer> {
  return Object.fromEntries(
    [...names.keys()].flatMap((name) => {
      const buffer = from[name];
      return buffer === undefined ? [] : [[name, buffer] as const];
    }),
  );
}
