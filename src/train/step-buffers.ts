/** What the programs of a step read and write, by their names there: the training's state, and buffers of the step's own. */
import type { Collective } from '../collective/collective.ts';
import type { DeviceBuffer, Engine, Program } from '../engine/engine.ts';
import { asFloats } from '../engine/values.ts';
import { type Shape, sizeOf, type TensorType } from '../graph/index.ts';
import type { MethodNumbers } from '../method/definition.ts';
import type { Method } from '../method/method.ts';
import type { Updater } from '../optim/updater.ts';
import { Random } from '../random/random.ts';
import { type CropSource, type CropSources, writeCrops } from './crop-source.ts';
import type { TrainState } from './state.ts';

export interface StepBuffersOptions {
  readonly method: Method;
  readonly engine: Engine;
  readonly programs: readonly Program[];
  readonly state: TrainState;
  readonly updater: Updater;
  /** What an update is told, where a program has it in itself. */
  readonly numbers: Readonly<Record<string, DeviceBuffer>>;
  readonly frozen: ReadonlyMap<string, Float32Array>;
  readonly collective: Collective;
  readonly seed: number;
  /** Images in a step, and in one run on one device. */
  readonly batchSize: number;
  readonly images: number;
}

export class StepBuffers {
  readonly replicas: number;
  readonly #options: StepBuffersOptions;
  readonly #inputs: Record<string, DeviceBuffer> = {};
  readonly #outputs: Record<string, DeviceBuffer> = {};
  /** What a run's crops are put together in, by view group. */
  readonly #crops: (Float32Array | Uint8Array)[] = [];

  /** @throws Error where a program wants what is nowhere */
  constructor(options: StepBuffersOptions) {
    const { method, engine, programs } = options;
    this.#options = options;
    this.replicas = engine.replicas ?? 1;
    for (const [name, type] of programs.flatMap(({ outputs }) => [...outputs]))
      this.#outputs[name] = this.#stored(name) ?? engine.allocate(type);
    for (const [name, type] of programs.flatMap(({ inputs }) => [...inputs])) {
      const buffer = this.#ownInput(name, type) ?? this.#stored(name) ?? this.#outputs[name];
      if (buffer === undefined) throw new Error(`There is nothing to feed "${name}" of ${method.name} from.`);
      this.#inputs[name] = buffer;
    }
  }

  /** An input that is no state. */
  #ownInput(name: string, type: TensorType): DeviceBuffer | undefined {
    const { engine, numbers, collective } = this.#options;
    const [kind, key] = splitName(name);
    switch (kind) {
      case 'crops': {
        const Pixels = type.dtype === 'u8' ? Uint8Array : Float32Array;
        this.#crops[Number(key)] = new Pixels(sizeOf(type.shape));
        return engine.allocate(type);
      }
      case 'frozen':
        return engine.upload(this.#frozenValues(key, type.shape), type);
      case 'rank': {
        const first = engine.span?.first ?? collective.rank;
        const rank = engine.upload(Float32Array.of(first), type);
        for (let replica = 0; replica < this.replicas && this.replicas > 1; replica++)
          rank.write(Float32Array.of(first + replica), replica);
        return rank;
      }
      case 'scalar':
      case 'sample':
        return engine.allocate(type);
      case 'number':
        return numbers[key] ?? engine.allocate(type);
      default:
        return undefined;
    }
  }

  /** @throws Error where the frozen network is not the one the method was made for */
  #frozenValues(name: string, shape: Shape): Float32Array {
    const { method, frozen } = this.#options;
    const values = frozen.get(name);
    if (values?.length === sizeOf(shape)) return values;
    throw new Error(
      values === undefined
        ? `The frozen network of ${method.name} lacks "${name}".`
        : `The frozen network of ${method.name} has ${values.length} numbers for "${name}" instead of [${shape.join(', ')}].`,
    );
  }

  /** The value of the state that a value of a program is. */
  #stored(name: string): DeviceBuffer | undefined {
    const [kind, key] = splitName(name);
    const { state, updater } = this.#options;
    const { update, buffers, method } = state;
    switch (kind) {
      case 'student':
        return update.student.get(key) ?? buffers.get(name);
      case 'teacher':
        return update.average.get(key) ?? buffers.get(name);
      case 'gradient':
        return updater.gradients.get(key);
      case 'state':
        return method.get(key);
      default:
        return update.moments.get(kind)?.get(key);
    }
  }

  /** Runs a program on what its inputs hold. */
  run(program: Program): Promise<void> {
    const pick = (from: Readonly<Record<string, DeviceBuffer>>, names: Iterable<string>) =>
      Object.fromEntries([...names].flatMap((name) => (from[name] ? [[name, from[name]] as const] : [])));
    return program.run(
      pick(this.#inputs, program.inputs.keys()),
      pick(this.#outputs, program.outputs.keys()),
    );
  }

  /** What enters with images of a step, of which `start` is the first, for one device or for all. */
  writeImages(crops: CropSource | CropSources, step: number, start: number, replica?: number): void {
    for (const [group, pixels] of this.#crops.entries()) {
      writeCrops(crops, group, [start, start + this.#options.images], pixels);
      this.#inputs[`crops/${group}`]?.write(pixels, replica);
    }
    this.#drawSamples(step, start, replica);
  }

  /** It is drawn image by image, so that it does not depend on how a batch is parted. */
  #drawSamples(step: number, start: number, replica?: number): void {
    const { method, seed, collective, batchSize, images } = this.#options;
    for (const [name, sample] of Object.entries(method.sampleInputs)) {
      const random = (image: number): Random => new Random(seed, name, step, image);
      const first = collective.rank * batchSize + start; // its place in the whole batch
      this.#inputs[`sample/${name}`]?.write(sample.values({ start: first, images, random }), replica);
    }
  }

  writeScalars(scalars: MethodNumbers['scalars']): void {
    for (const name of this.#options.method.scalars) {
      const value = scalars[name];
      if (value === undefined) throw new Error(`The step needs a value for "${name}".`);
      this.write(`scalar/${name}`, value);
    }
  }

  /** One number. */
  write(name: string, value: number): void {
    this.#inputs[name]?.write(Float32Array.of(value));
  }

  /** Noise, to time runs. */
  writeNoise(): void {
    const { seed, method } = this.#options;
    const random = new Random(seed, 'measure');
    for (const [group, pixels] of this.#crops.entries()) {
      const largest = pixels instanceof Uint8Array ? 255 : 1;
      for (let i = 0; i < pixels.length; i++) pixels[i] = largest * random.between(0, 1);
      this.#inputs[`crops/${group}`]?.write(pixels);
    }
    for (const name of method.scalars) this.write(`scalar/${name}`, 1);
    this.#drawSamples(0, 0);
  }

  /** Results whose names fit. */
  results(names: RegExp): DeviceBuffer[] {
    return Object.entries(this.#outputs).flatMap(([name, buffer]) => (names.test(name) ? [buffer] : []));
  }

  /** A result's numbers. */
  async read(name: string): Promise<Float32Array> {
    const buffer = this.#outputs[name];
    return buffer === undefined ? new Float32Array() : asFloats(await buffer.read());
  }

  /** The method's next state and the next running statistics become the present ones; the buffers change places. */
  commit(): void {
    const { state, method } = this.#options;
    for (const [name, next] of Object.entries(this.#outputs)) {
      const [kind, key] = splitName(name);
      if (kind !== 'next') continue;
      const [holder, read] = state.method.has(key) ? [state.method, `state/${key}`] : [state.buffers, key];
      const now = holder.get(key);
      if (now === undefined) throw new Error(`There is no place for "${name}" of ${method.name}.`);
      holder.set(key, next);
      this.#outputs[name] = now;
      if (this.#inputs[read] !== undefined) this.#inputs[read] = next;
    }
  }

  /** Frees everything but what the updater works on. */
  dispose(): void {
    const { state, updater } = this.#options;
    const { student, average, moments } = state.update;
    const shared = [student, average, updater.gradients, ...moments.values()];
    const kept = new Set(shared.flatMap((buffers) => [...buffers.values()]));
    for (const buffer of new Set([...Object.values(this.#inputs), ...Object.values(this.#outputs)]))
      if (!kept.has(buffer)) buffer.dispose();
  }
}

/** "kind/rest" in two. */
function splitName(name: string): readonly [string, string] {
  const at = name.indexOf('/');
  return at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
}
