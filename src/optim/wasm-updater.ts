/**
 * The update in the host's memory: clipping, optimizer and moving average in one pass, in WebAssembly SIMD. Definitions are
 * in `rules.ts`; a test holds this file to them.
 *
 * All that it works on lies in one WebAssembly memory that never moves, so engines read and write it through typed arrays
 * without copies. A memory holds at most 4 GiB: five arrays of 200 million parameters.
 */
import type { Collective } from '../collective/collective.ts';
import { HostBuffer } from '../engine/host-buffer.ts';
import { type ParameterInfo, sizeOf } from '../graph/index.ts';
import { createMemory, instantiate, type Kernels } from './kernels.wasm.ts';
import { ADAM, LARS_EPS, LARS_ETA, type LarsNorm, MOMENTUM, type UpdateRule } from './rules.ts';
import {
  groupNorms,
  type ParameterNumbers,
  parameterNumbers,
  type UpdateNumbers,
  type Updater,
  type UpdaterOptions,
  type UpdateState,
} from './updater.ts';

interface Slot {
  readonly buffer: HostBuffer;
  readonly pointer: number;
}

interface Entry {
  readonly info: ParameterInfo;
  readonly student: Slot;
  readonly average: Slot | undefined;
  /** Undefined for a parameter that is not trained. */
  readonly gradient: Slot | undefined;
  /** In the order of the rule's slots. */
  readonly moments: readonly Slot[];
  /** Elements, rounded up to the width of a vector; the surplus is zero and stays zero. */
  readonly padded: number;
}

const PAGE = 65536;

export class WasmUpdater implements Updater {
  readonly rule: UpdateRule;
  readonly state: UpdateState;
  readonly gradients: ReadonlyMap<string, HostBuffer>;
  readonly #kernels: Kernels;
  readonly #entries: readonly Entry[];
  readonly #allGradients: Float32Array;
  readonly #clipGroup: (name: string) => string;

  /** @throws RangeError when the state does not fit into 4 GiB */
  constructor({ parameters, rule, averaged, clipGroup }: UpdaterOptions) {
    this.rule = rule;
    this.#clipGroup = clipGroup ?? ((name) => name);
    const infos = [...parameters];
    const padded = (info: ParameterInfo): number => Math.ceil(sizeOf(info.shape) / 4) * 4;
    const arrays = (info: ParameterInfo): number =>
      1 + Number(averaged.has(info.name)) + (info.trainable ? 1 + rule.slots.length : 0);
    const bytes = infos.reduce((total, info) => total + padded(info) * 4 * arrays(info), 0);
    const pages = Math.ceil(bytes / PAGE) + 1; // the first page is the module's own
    if (pages > 65536) {
      throw new RangeError(
        `The training state takes ${(bytes / 2 ** 30).toFixed(1)} GiB, more than the 4 GiB a WebAssembly memory holds; choose a smaller model or out_dim.`,
      );
    }
    const memory = createMemory(pages);
    this.#kernels = instantiate(memory);
    let pointer = PAGE;
    const allocate = (info: ParameterInfo): Slot => {
      const array = new Float32Array(memory.buffer, pointer, sizeOf(info.shape));
      const slot = { pointer, buffer: new HostBuffer({ dtype: 'f32', shape: info.shape }, array) };
      pointer += padded(info) * 4;
      return slot;
    };
    // Gradients lie together, so that they can be cleared, and summed over ranks, at once.
    const gradients = infos.map((info) => (info.trainable ? allocate(info) : undefined));
    this.#allGradients = new Float32Array(memory.buffer, PAGE, (pointer - PAGE) / 4);
    this.#entries = infos.map((info, i) => ({
      info,
      gradient: gradients[i],
      student: allocate(info),
      average: averaged.has(info.name) ? allocate(info) : undefined,
      moments: info.trainable ? rule.slots.map(() => allocate(info)) : [],
      padded: padded(info),
    }));
    const named = (pick: (entry: Entry) => Slot | undefined): Map<string, HostBuffer> =>
      new Map(
        this.#entries.flatMap((entry) => {
          const slot = pick(entry);
          return slot === undefined ? [] : [[entry.info.name, slot.buffer]];
        }),
      );
    this.gradients = named((entry) => entry.gradient);
    this.state = {
      student: named((entry) => entry.student),
      average: named((entry) => entry.average),
      moments: new Map(rule.slots.map((slot, i) => [slot, named(({ moments }) => moments[i])])),
      counts: new Map([...this.gradients.keys()].map((name) => [name, 0])),
    };
  }

  clearGradients(): void {
    this.#allGradients.fill(0);
  }

  sumGradients(collective: Collective): Promise<void> {
    return collective.sum(this.#allGradients);
  }

  async apply(numbers: UpdateNumbers): Promise<Map<string, number>> {
    const norms = new Map<string, number>();
    for (const { info, gradient, padded } of this.#entries) {
      if (gradient !== undefined)
        norms.set(info.name, Math.sqrt(this.#kernels.sumOfSquares(gradient.pointer, padded)));
    }
    for (const norm of norms.values()) if (!Number.isFinite(norm)) return norms;
    const { counts } = this.state;
    const clipped = groupNorms(norms, this.#clipGroup);
    for (const entry of this.#entries) {
      const { info, gradient } = entry;
      if (gradient === undefined || numbers.isFrozen(info.name)) {
        this.#follow(entry, numbers.momentum);
        continue;
      }
      const count = (counts.get(info.name) ?? 0) + 1;
      counts.set(info.name, count);
      const norm = clipped.get(this.#clipGroup(info.name)) ?? 0;
      const clip = numbers.clip > 0 ? Math.min(1, numbers.clip / (norm + 1e-6)) : 1;
      this.#update(
        entry,
        gradient,
        clip,
        parameterNumbers(info, this.rule, count, numbers),
        numbers.momentum,
      );
    }
    return norms;
  }

  /** @param clip what the gradient is multiplied by */
  #update(
    entry: Entry,
    gradient: Slot,
    clip: number,
    { lr, weightDecay: decay, correction1, correction2 }: ParameterNumbers,
    momentum: number,
  ): void {
    const { student, padded, moments } = entry;
    const [p, g] = [student.pointer, gradient.pointer];
    // Without an average the kernel "averages" onto the student itself, with a momentum of 0: it stores the same value again.
    const [t, m] = entry.average === undefined ? [p, 0] : [entry.average.pointer, momentum];
    const [first = 0, second = 0] = moments.map((slot) => slot.pointer);
    const [kernels, rule] = [this.#kernels, this.rule];
    switch (rule.name) {
      case 'adamw': {
        const [{ beta1, beta2 }, { eps }] = [rule, ADAM];
        const [stepSize, root] = [lr / correction1, Math.sqrt(correction2)];
        const shrink = 1 - lr * decay;
        kernels.adamw(p, g, first, second, t, padded, clip, shrink, beta1, beta2, stepSize, root, eps, m);
        return;
      }
      case 'sgd':
        kernels.momentumSgd(p, g, first, t, padded, clip, decay, 1, MOMENTUM, lr, m);
        return;
      case 'lars': {
        const isPlain = entry.info.shape.length === 1;
        const trust = isPlain ? 1 : this.#trust(entry, gradient, clip, decay, rule.norm);
        kernels.momentumSgd(p, g, first, t, padded, clip, isPlain ? 0 : decay, trust, MOMENTUM, lr, m);
        return;
      }
      default:
        throw new Error(`There is no kernel for ${rule satisfies never}.`);
    }
  }

  #trust({ student, padded }: Entry, gradient: Slot, clip: number, decay: number, norm: LarsNorm): number {
    const apart = norm === 'apart';
    const parameter = Math.sqrt(this.#kernels.sumOfSquares(student.pointer, padded));
    const step = Math.sqrt(
      this.#kernels.decayedSquares(student.pointer, gradient.pointer, padded, clip, apart ? 0 : decay),
    );
    const against = apart ? step + decay * parameter + LARS_EPS : step;
    return parameter > 0 && step > 0 ? (LARS_ETA * parameter) / against : 1;
  }

  #follow({ student, average, padded }: Entry, momentum: number): void {
    if (average !== undefined) this.#kernels.follow(student.pointer, average.pointer, padded, momentum);
  }

  /** Nothing: the memory goes with its last reader. */
  async dispose(): Promise<void> {}
}
