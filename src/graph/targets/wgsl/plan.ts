/** In which order kernels run, and where their values lie. */
import { GraphError } from '../../errors.ts';
import { inputName, inputOp } from '../../ops/leaf.ts';
import { isOp, sameShape, type Tensor, type TensorType } from '../../tensor.ts';
import type { Location } from './emitter.ts';
import type { Group, Groups } from './groups.ts';
import { placeSpans, type Span } from './memory.ts';
import type { Copy, Place, WgslLimits } from './program.ts';

export interface Step {
  readonly group: Group;
  /** Members that are stored. */
  readonly stored: readonly Tensor[];
  /** Of them, those that are stored over an input that the step reads. */
  readonly replacing: ReadonlySet<Tensor>;
}

export interface WgslPlan {
  /** Steps that do not wait for each other stand side by side. */
  readonly waves: readonly (readonly Step[])[];
  readonly places: readonly Place[];
  readonly before: readonly Copy[];
  readonly after: readonly Copy[];
  readonly inPlace: ReadonlySet<string>;
  readonly locate: (tensor: Tensor) => Location;
  /** The constants that were located so far. */
  readonly constantWords: () => Uint32Array<ArrayBuffer>;
}

/** A result and the stored value that it is. */
export interface Output {
  readonly name: string;
  readonly source: Tensor;
}

export interface PlanOptions {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: readonly Output[];
  readonly groups: Groups;
  readonly limits: WgslLimits;
}

/** @throws GraphError for a value that is larger than what a kernel can read or write */
export function planOf(options: PlanOptions): WgslPlan {
  // Pieces of memory take bindings, and how many there are is known in the end.
  for (let pieces = 1; pieces < options.limits.storageBuffers - 2; pieces++) {
    const plan = new Planning(options, pieces).plan();
    if (plan !== undefined) return plan;
  }
  throw new GraphError('compile: the program needs more memory than a kernel can see at a time');
}

class Planning {
  readonly #options: PlanOptions;
  readonly #pieces: number;
  readonly #order: readonly Group[];
  readonly #reads: ReadonlyMap<Group, ReadonlySet<Tensor>>;
  readonly #inPlace: ReadonlySet<string>;
  /** Inputs that are copied to memory before the first kernel. */
  readonly #staged = new Set<Tensor>();
  /** Results that kernels store where they are wanted, by the name under which they are. */
  readonly #direct = new Map<Tensor, string>();

  constructor(options: PlanOptions, pieces: number) {
    this.#options = options;
    this.#pieces = pieces;
    const { groups, inputs, outputs } = options;
    this.#order = scheduled(groups);
    this.#reads = new Map(this.#order.map((group) => [group, groups.reads(group)]));
    this.#inPlace = new Set(
      outputs.flatMap(({ name, source }) => {
        const input = inputs.get(name);
        return input !== undefined && sameType(input, source) ? [name] : [];
      }),
    );
    for (const { source } of outputs) if (isInput(source)) this.#staged.add(source);
    for (const { name, source } of outputs)
      if (!isInput(source) && !this.#direct.has(source) && this.#mayReplace(name, source))
        this.#direct.set(source, name);
    for (const group of this.#order) this.#fit(group);
  }

  plan(): WgslPlan | undefined {
    const { outputs, limits, inputs } = this.#options;
    const waves = this.#waves();
    const spans = this.#spans(waves);
    for (const tensor of [...spans.keys(), ...inputs.values(), ...this.#direct.keys()])
      if (tensor.size * 4 > limits.bindingBytes)
        throw new GraphError(
          `compile: a value of [${tensor.shape.join(', ')}] takes ${Math.ceil(tensor.size / 2 ** 18)} MiB, and a kernel sees at most ${Math.floor(limits.bindingBytes / 2 ** 20)} MiB at a time on this device: a smaller batch or smaller crops would fit`,
        );
    const { placed, pieces } = placeSpans([...spans.values()], Math.floor(limits.bindingBytes / 4));
    if (pieces.length > this.#pieces) return undefined;
    const words: number[] = [];
    const places: Place[] = pieces.map((size) => ({ kind: 'memory', words: size }));
    const locations = new Map([...spans.keys()].map((tensor, i) => [tensor, locationOf(placed[i])] as const));
    const constants = places.length;
    places.push({ kind: 'constants', words: new Uint32Array() });
    const named = new Map<string, number>();
    const place = (kind: 'input' | 'output', name: string): number => {
      const key = `${kind} ${name}`;
      const known = named.get(key) ?? places.push({ kind, name }) - 1;
      named.set(key, known);
      return known;
    };
    const inputPlace = (name: string): number => place(this.#inPlace.has(name) ? 'output' : 'input', name);
    const locate = (tensor: Tensor): Location => {
      const known = locations.get(tensor);
      if (known !== undefined) return known;
      const [output, input] = [this.#direct.get(tensor), inputName(tensor)];
      const location =
        output !== undefined
          ? { place: place('output', output), word: -1 }
          : input !== undefined
            ? { place: inputPlace(input), word: -1 }
            : { place: constants, word: appended(words, tensor) };
      locations.set(tensor, location);
      return location;
    };
    const copy = (tensor: Tensor, from: Location, to: Location): Copy => ({
      ...{ from: from.place, fromWord: Math.max(from.word, 0) },
      ...{ to: to.place, toWord: Math.max(to.word, 0), words: tensor.size },
    });
    const before = [...this.#staged].map((tensor) =>
      copy(tensor, { place: inputPlace(inputName(tensor) ?? ''), word: -1 }, locate(tensor)),
    );
    const after = outputs.flatMap(({ name, source }) =>
      this.#direct.get(source) === name || inputName(source) === name
        ? []
        : [copy(source, locate(source), { place: place('output', name), word: -1 })],
    );
    const constantWords = (): Uint32Array<ArrayBuffer> => Uint32Array.from(words);
    return { waves, places, before, after, inPlace: this.#inPlace, locate, constantWords };
  }

  /** Each step as early as what it needs allows, in waves of steps that do not need each other. */
  #waves(): Step[][] {
    const waves: Step[][] = [];
    for (const group of this.#order) {
      const wave = waves.at(-1);
      if (wave !== undefined && !wave.some((step) => this.#collide(step.group, group)))
        wave.push(this.#stepOf(group));
      else waves.push([this.#stepOf(group)]);
    }
    return waves;
  }

  /** Whether a group needs an earlier one, or stores over an input of the other. */
  #collide(earlier: Group, later: Group): boolean {
    const overwrites = (writer: Group, reader: Group): boolean =>
      writer.nodes.some(({ outputs }) =>
        outputs.some((tensor) => {
          const input = this.#options.inputs.get(this.#direct.get(tensor) ?? '');
          return input !== undefined && this.#reads.get(reader)?.has(input) === true;
        }),
      );
    return later.needs.has(earlier) || overwrites(earlier, later) || overwrites(later, earlier);
  }

  #stepOf(group: Group): Step {
    const { inputs, outputs } = this.#options;
    const wanted = new Set<Tensor>(outputs.map(({ source }) => source));
    for (const reads of this.#reads.values()) for (const tensor of reads) wanted.add(tensor);
    const stored = group.nodes.flatMap(({ outputs: made }) => made.filter((tensor) => wanted.has(tensor)));
    const reads = this.#reads.get(group);
    const replacing = stored.filter((tensor) => {
      const input = inputs.get(this.#direct.get(tensor) ?? '');
      return input !== undefined && reads?.has(input);
    });
    return { group, stored, replacing: new Set(replacing) };
  }

  /** From when to when each value that lies in memory is needed. */
  #spans(waves: readonly (readonly Step[])[]): Map<Tensor, Span> {
    const last = new Map<Tensor, number>();
    for (const [i, steps] of waves.entries())
      for (const { group } of steps) for (const tensor of this.#reads.get(group) ?? []) last.set(tensor, i);
    for (const { source } of this.#options.outputs) last.set(source, waves.length);
    const spans = new Map<Tensor, Span>();
    const add = (tensor: Tensor, first: number): void => {
      if (!this.#direct.has(tensor))
        spans.set(tensor, { words: tensor.size, first, last: last.get(tensor) ?? first });
    };
    for (const tensor of this.#staged) add(tensor, -1);
    for (const [i, steps] of waves.entries())
      for (const { stored } of steps) for (const tensor of stored) add(tensor, i);
    return spans;
  }

  /** Whether a result can be stored where it is wanted: not over an input that somebody reads later. */
  #mayReplace(name: string, source: Tensor): boolean {
    const input = this.#options.inputs.get(name);
    if (!this.#inPlace.has(name) || input === undefined || this.#staged.has(input)) return true;
    const writer = this.#order.findIndex((group) => group.nodes.includes(source.node));
    return this.#order.every((group, i) => {
      if (this.#reads.get(group)?.has(input) !== true || i < writer) return true;
      return i === writer && this.#options.groups.readsInStep(group, input);
    });
  }

  /** Keeps the number of buffers of a kernel within the limit: inputs are brought to memory, then results stay there. */
  #fit(group: Group): void {
    const most = this.#options.limits.storageBuffers - 1 - this.#pieces;
    for (;;) {
      const own = [...(this.#reads.get(group) ?? [])].filter((x) => isInput(x) && !this.#staged.has(x));
      const others = [...(this.#reads.get(group) ?? [])].filter((x) => !isInput(x) && this.#direct.has(x));
      const made = group.nodes.flatMap(({ outputs }) => outputs.filter((x) => this.#direct.has(x)));
      const place = (tensor: Tensor): string => {
        const name = this.#direct.get(tensor) ?? inputName(tensor) ?? '';
        return `${this.#inPlace.has(name) || this.#direct.has(tensor)} ${name}`;
      };
      if (new Set([...own, ...others, ...made].map(place)).size <= most) return;
      const replaced = new Set(made.map(place));
      const [smallest] = own.filter((x) => !replaced.has(place(x))).sort((a, b) => a.size - b.size);
      if (smallest !== undefined && smallest.dtype !== 'u8') this.#staged.add(smallest);
      else {
        const back = others[0] ?? made[0];
        if (back === undefined)
          throw new GraphError('compile: a kernel reads more inputs than a device has bindings');
        this.#direct.delete(back);
      }
    }
  }
}

/**
 * Groups after those that they need, those that could run at one time side by side; what nobody waits for, such as new weights, last:
 * then it can take the place of the old.
 */
function scheduled(groups: Groups): Group[] {
  const numbers = new Map(groups.all.map((group, i) => [group, i]));
  const waiting = new Map(groups.all.map((group) => [group, group.needs.size]));
  const readers = new Map<Group, Group[]>();
  for (const group of groups.all)
    for (const need of group.needs) readers.set(need, [...(readers.get(need) ?? []), group]);
  const ready = groups.all.filter((group) => group.needs.size === 0);
  const levels = new Map<Group, number>();
  const level = (group: Group): number => {
    const known = levels.get(group);
    if (known !== undefined) return known;
    const found = Math.max(-1, ...[...group.needs].map(level)) + 1;
    levels.set(group, found);
    return found;
  };
  const many = groups.all.length;
  const rank = (group: Group): number =>
    (readers.has(group) ? level(group) : many) * many + (numbers.get(group) ?? 0);
  const order: Group[] = [];
  while (ready.length > 0) {
    let best = 0;
    for (const [i, group] of ready.entries()) {
      const other = ready[best];
      if (other !== undefined && rank(group) < rank(other)) best = i;
    }
    const [group] = ready.splice(best, 1);
    if (group === undefined) break;
    order.push(group);
    for (const reader of readers.get(group) ?? []) {
      const left = (waiting.get(reader) ?? 0) - 1;
      waiting.set(reader, left);
      if (left === 0) ready.push(reader);
    }
  }
  return order;
}

const isInput = (tensor: Tensor): boolean => isOp(tensor.node, inputOp);

const locationOf = (placed: { piece: number; word: number } | undefined): Location => ({
  place: placed?.piece ?? 0,
  word: placed?.word ?? 0,
});

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

/** Puts a constant behind the others. @returns where it begins */
function appended(words: number[], { node }: Tensor): number {
  const start = words.length;
  const { values } = node.attributes;
  if (values instanceof Float32Array)
    for (const word of new Uint32Array(Float32Array.from(values).buffer)) words.push(word);
  else if (values instanceof BigInt64Array) for (const value of values) words.push(Number(value) >>> 0);
  else throw new GraphError(`compile: "${node.op.name}" is stored nowhere`);
  return start;
}
