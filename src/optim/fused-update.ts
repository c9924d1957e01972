/**
 * The parameter update on a CPU: clipping, optimizer and moving average in one pass over memory, in WebAssembly SIMD.
 * Definitions are in `rules.ts`; a test holds this file to them.
 *
 * All training state lies in one WebAssembly memory that never moves, so engines read and write it through typed arrays
 * without copies. A memory holds at most 4 GiB: five arrays of 200 million parameters.
 */
import { type ParameterInfo, sizeOf } from '../graph/index.ts';
import { createMemory, instantiate, type Kernels } from './kernels.wasm.ts';
import { ADAM, isDecayed, LARS_ETA, MOMENTUM, type UpdateRule } from './rules.ts';

/** The numbers of one update. */
export interface UpdateNumbers {
  readonly lr: number;
  /** What a parameter's learning rate is multiplied by (layer-wise decay); 1 unless given. */
  readonly lrFactor?: (name: string) => number;
  readonly weightDecay: number;
  /** Limit of each parameter's gradient norm; 0 switches clipping off. */
  readonly clip: number;
  /** Momentum of the moving average. */
  readonly momentum: number;
  /** Parameters whose gradient is dropped (a frozen last layer): no decay, no moments, no step counted. */
  skip(name: string): boolean;
}

interface Slot {
  readonly name: string;
  readonly array: Float32Array;
  readonly pointer: number;
}

interface Entry {
  readonly info: ParameterInfo;
  readonly student: Slot;
  readonly teacher: Slot;
  readonly gradient: Slot | undefined;
  readonly slots: readonly Slot[];
  /** Elements, rounded up to the width of a vector; the surplus is zero and stays zero. */
  readonly padded: number;
  /** Updates this parameter has had. */
  steps: number;
}

const PAGE = 65536;

export class FusedUpdate {
  readonly rule: UpdateRule;
  readonly student: ReadonlyMap<string, Float32Array>;
  readonly teacher: ReadonlyMap<string, Float32Array>;
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly #kernels: Kernels;
  readonly #entries: readonly Entry[];
  readonly #gradientBytes: Uint8Array;

  /** @throws RangeError when the state does not fit into 4 GiB */
  constructor(parameters: Iterable<ParameterInfo>, rule: UpdateRule) {
    this.rule = rule;
    const infos = [...parameters];
    const padded = (info: ParameterInfo): number => Math.ceil(sizeOf(info.shape) / 4) * 4;
    const arrays = (info: ParameterInfo): number => 2 + (info.trainable ? 1 + rule.slots.length : 0);
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
    const allocate = (info: ParameterInfo, name: string): Slot => {
      const slot = { name, pointer, array: new Float32Array(memory.buffer, pointer, sizeOf(info.shape)) };
      pointer += padded(info) * 4;
      return slot;
    };
    // Gradients lie together, so that they can be cleared at once.
    const gradientStart = pointer;
    const gradients = infos.map((info) => (info.trainable ? allocate(info, 'gradient') : undefined));
    this.#gradientBytes = new Uint8Array(memory.buffer, gradientStart, pointer - gradientStart);
    this.#entries = infos.map((info, i) => ({
      info,
      gradient: gradients[i],
      student: allocate(info, 'student'),
      teacher: allocate(info, 'teacher'),
      slots: info.trainable ? rule.slots.map((name) => allocate(info, name)) : [],
      padded: padded(info),
      steps: 0,
    }));
    const named = (pick: (entry: Entry) => Slot | undefined): Map<string, Float32Array> =>
      new Map(
        this.#entries.flatMap((entry) => {
          const slot = pick(entry);
          return slot === undefined ? [] : [[entry.info.name, slot.array]];
        }),
      );
    this.student = named((entry) => entry.student);
    this.teacher = named((entry) => entry.teacher);
    this.gradients = named((entry) => entry.gradient);
  }

  /** The optimizer's state of a parameter by slot name, for checkpoints. */
  slots(name: string): ReadonlyMap<string, Float32Array> {
    return new Map(this.#entry(name).slots.map((slot) => [slot.name, slot.array]));
  }

  /** How many updates a parameter has had (it differs for a layer that was frozen). */
  stepsOf(name: string): number {
    return this.#entry(name).steps;
  }

  setSteps(name: string, steps: number): void {
    this.#entry(name).steps = steps;
  }

  /** Forgets what the optimizer has seen: moments and step counts as at the start. */
  reset(): void {
    for (const entry of this.#entries) {
      entry.steps = 0;
      for (const slot of entry.slots) slot.array.fill(0);
    }
  }

  clearGradients(): void {
    this.#gradientBytes.fill(0);
  }

  /**
   * Applies the gradients. Where one of them is not finite nothing is changed at all; the norms tell.
   *
   * @returns the L2 norm of each gradient before clipping
   */
  apply(numbers: UpdateNumbers): Map<string, number> {
    const norms = new Map<string, number>();
    for (const { info, gradient, padded } of this.#entries) {
      if (gradient !== undefined)
        norms.set(info.name, Math.sqrt(this.#kernels.sumOfSquares(gradient.pointer, padded)));
    }
    for (const norm of norms.values()) if (!Number.isFinite(norm)) return norms;
    for (const entry of this.#entries) {
      const { info, gradient } = entry;
      const norm = norms.get(info.name) ?? 0;
      if (gradient === undefined || numbers.skip(info.name)) {
        this.#follow(entry, numbers.momentum);
        continue;
      }
      entry.steps++;
      const coefficient = numbers.clip > 0 ? Math.min(1, numbers.clip / (norm + 1e-6)) : 1;
      const decay = isDecayed(info.name, info.shape) ? numbers.weightDecay : 0;
      const lr = numbers.lr * (numbers.lrFactor?.(info.name) ?? 1);
      this.#update(entry, gradient, coefficient, decay, lr, numbers.momentum);
    }
    return norms;
  }

  #update(entry: Entry, gradient: Slot, clip: number, decay: number, lr: number, momentum: number): void {
    const { student, teacher, padded, slots } = entry;
    const [p, g, t] = [student.pointer, gradient.pointer, teacher.pointer];
    const [first = 0, second = 0] = slots.map((slot) => slot.pointer);
    const kernels = this.#kernels;
    switch (this.rule.name) {
      case 'adamw': {
        const { beta1, beta2, eps } = ADAM;
        const stepSize = lr / (1 - beta1 ** entry.steps);
        const root = Math.sqrt(1 - beta2 ** entry.steps);
        kernels.adamw(
          p,
          g,
          first,
          second,
          t,
          padded,
          clip,
          1 - lr * decay,
          beta1,
          beta2,
          stepSize,
          root,
          eps,
          momentum,
        );
        return;
      }
      case 'sgd':
        kernels.momentumSgd(p, g, first, t, padded, clip, decay, 1, MOMENTUM, lr, momentum);
        return;
      case 'lars': {
        const plain = entry.info.shape.length === 1;
        kernels.momentumSgd(
          p,
          g,
          first,
          t,
          padded,
          clip,
          plain ? 0 : decay,
          plain ? 1 : this.#trust(entry, gradient, clip, decay),
          MOMENTUM,
          lr,
          momentum,
        );
        return;
      }
      default:
        throw new Error(`No kernel for ${this.rule.name satisfies never}.`);
    }
  }

  #trust({ student, padded }: Entry, gradient: Slot, clip: number, decay: number): number {
    const parameter = Math.sqrt(this.#kernels.sumOfSquares(student.pointer, padded));
    const step = Math.sqrt(
      this.#kernels.decayedSquares(student.pointer, gradient.pointer, padded, clip, decay),
    );
    return parameter > 0 && step > 0 ? (LARS_ETA * parameter) / step : 1;
  }

  #follow({ student, teacher, padded }: Entry, momentum: number): void {
    this.#kernels.follow(student.pointer, teacher.pointer, padded, momentum);
  }

  #entry(name: string): Entry {
    const entry = this.#entries.find((candidate) => candidate.info.name === name);
    if (entry === undefined) throw new Error(`There is no parameter "${name}".`);
    return entry;
  }
}
