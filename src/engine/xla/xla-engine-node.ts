/**
 * The engine for accelerators: StableHLO, compiled and run by an XLA plugin. Values stay on the device; what is updated in place
 * takes the memory of what it replaces.
 */
import {
  type DType,
  type Precision,
  type Results,
  type Shape,
  type StableHloProgram,
  stableHlo,
  type TensorType,
} from '../../graph/index.ts';
import { checkNames } from '../arrays.ts';
import { type DeviceBuffer, type Engine, EngineError, type Program } from '../engine.ts';
import { arrayText, fits, typeText, type Values, zeroValues } from '../values.ts';
import { PjrtClient, type PjrtDevice, type PjrtExecutable } from './pjrt-client-node.ts';
import { PjrtError, type Word } from './pjrt-library-node.ts';
import type { ProgramCache } from './program-cache-node.ts';

export interface XlaOptions {
  /** What products are computed with; float32 unless given. */
  readonly precision?: Precision;
  /** Which of the plugin's devices, counted from 0. */
  readonly device?: number;
  /** Where compiled programs are kept. */
  readonly cache?: ProgramCache;
}

export class XlaEngine implements Engine {
  readonly name: string;
  readonly sharesMemory = false;
  readonly client: PjrtClient;
  readonly device: PjrtDevice;
  readonly #precision: Precision;
  readonly #cache: ProgramCache | undefined;
  /** Ends when everything asked for so far was handed to the device. */
  #last: Promise<unknown> = Promise.resolve();
  /** Runs that are asked for and not yet handed to the device: they may use buffers that are replaced meanwhile. */
  #underWay = 0;
  readonly #toFree: Word[] = [];

  /** @throws EngineError where the plugin has no such device */
  constructor(client: PjrtClient, { precision = 'f32', device = 0, cache }: XlaOptions = {}) {
    const chosen = client.devices[device];
    if (chosen === undefined)
      throw new EngineError(
        `${client.library.file} has ${client.devices.length} devices; there is no device ${device}.`,
      );
    this.client = client;
    this.device = chosen;
    this.name = `XLA, ${client.platform}${chosen.kind === client.platform ? '' : ` (${chosen.kind})`}`;
    this.#precision = precision;
    this.#cache = cache;
  }

  allocate(type: TensorType): DeviceBuffer {
    return new XlaBuffer(this, type);
  }

  upload(values: Values, type: TensorType): DeviceBuffer {
    const buffer = new XlaBuffer(this, type);
    buffer.write(values);
    return buffer;
  }

  async load(results: Results): Promise<Program> {
    const compiled = stableHlo({ precision: this.#precision }).compile(results);
    try {
      const executable =
        this.#cache === undefined
          ? await this.client.compile(compiled.text)
          : await this.#cache.program(this.client, compiled.text);
      return new XlaProgram(this, compiled, executable);
    } catch (error) {
      throw new EngineError(`${this.name} cannot compile the program: ${reason(error)}`);
    }
  }

  /** Does something after all runs that were asked for before. */
  afterRuns<T>(action: () => Promise<T>): Promise<T> {
    return this.#last.then(action);
  }

  /** Runs in turn; buffers that are replaced meanwhile live until none of them is under way. */
  inTurn(action: () => Promise<void>): Promise<void> {
    this.#underWay++;
    const turn = this.#last.then(action).finally(() => {
      this.#underWay--;
      if (this.#underWay === 0) for (const buffer of this.#toFree.splice(0)) this.client.free(buffer);
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  free(buffer: Word): void {
    if (this.#underWay > 0) this.#toFree.push(buffer);
    else this.client.free(buffer);
  }
}

/** A value on a device. */
class XlaBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly engine: XlaEngine;
  /** Undefined while nothing was written: it is zeros then. */
  #handle: Word | undefined;
  #isDisposed = false;

  constructor(engine: XlaEngine, { dtype, shape }: TensorType) {
    this.engine = engine;
    this.dtype = dtype;
    this.shape = shape;
  }

  write(values: Values): void {
    if (!fits(values, this)) throw new EngineError(`${arrayText(values)} does not hold ${typeText(this)}.`);
    this.replace(this.engine.client.upload(values, this, this.engine.device));
  }

  read(): Promise<Values> {
    return this.engine.afterRuns(async () => {
      const values = zeroValues(this);
      if (this.#handle !== undefined)
        await this.engine.client.download(this.#handle, values).catch((error) => {
          throw new EngineError(deviceFailure(this.engine, error));
        });
      return values;
    });
  }

  /** The device's buffer. */
  get handle(): Word {
    if (this.#isDisposed) throw new EngineError('The buffer was disposed of.');
    this.#handle ??= this.engine.client.upload(zeroValues(this), this, this.engine.device);
    return this.#handle;
  }

  /** Takes another device's buffer instead. */
  replace(handle: Word): void {
    if (this.#isDisposed) throw new EngineError('The buffer was disposed of.');
    const before = this.#handle;
    this.#handle = handle;
    if (before !== undefined) this.engine.free(before);
  }

  dispose(): void {
    if (this.#handle !== undefined) this.engine.free(this.#handle);
    this.#handle = undefined;
    this.#isDisposed = true;
  }
}

class XlaProgram implements Program {
  readonly engine: XlaEngine;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly #inPlace: ReadonlySet<string>;
  readonly #executable: PjrtExecutable;
  #isDisposed = false;

  constructor(engine: XlaEngine, { inputs, outputs, inPlace }: StableHloProgram, executable: PjrtExecutable) {
    this.engine = engine;
    this.inputs = inputs;
    this.outputs = outputs;
    this.#inPlace = inPlace;
    this.#executable = executable;
  }

  async run(
    inputs: Readonly<Record<string, DeviceBuffer>>,
    outputs: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void> {
    if (this.#isDisposed)
      throw new EngineError('The program was disposed of: load the results again to run them.');
    const reads = this.#bound('input', this.inputs, inputs);
    const writes = this.#bound('output', this.outputs, outputs);
    // Where the caller does not update in place, the program has to leave its input alone.
    const kept = [...this.inputs.keys()].flatMap((name, place) => {
      const isDonated =
        inputs[name] === outputs[name] && reads.filter((x) => x === reads[place]).length === 1;
      return this.#inPlace.has(name) && !isDonated ? [place] : [];
    });
    await this.engine.inTurn(async () => {
      try {
        const handles = reads.map((buffer) => buffer.handle);
        const [made = []] = await this.engine.client.execute(this.#executable, [handles], kept);
        for (const [i, buffer] of writes.entries()) {
          const handle = made[i];
          if (handle !== undefined) buffer.replace(handle);
        }
      } catch (error) {
        throw new EngineError(deviceFailure(this.engine, error));
      }
    });
  }

  #bound(
    kind: 'input' | 'output',
    wanted: ReadonlyMap<string, TensorType>,
    given: Readonly<Record<string, DeviceBuffer>>,
  ): XlaBuffer[] {
    checkNames(kind, wanted, given);
    return [...wanted].map(([name, type]) => {
      const buffer = given[name];
      if (buffer !== undefined && typeText(type) !== typeText(buffer))
        throw new EngineError(
          `The program's ${kind} "${name}" is ${typeText(type)}; a buffer of ${typeText(buffer)} was given.`,
        );
      if (!(buffer instanceof XlaBuffer) || buffer.engine !== this.engine)
        throw new EngineError(`The buffer of the program's ${kind} "${name}" belongs to another engine.`);
      return buffer;
    });
  }

  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await this.engine.afterRuns(async () => this.engine.client.freeProgram(this.#executable));
  }
}

/** What a user can do about a device that failed. */
function deviceFailure({ name, client, device }: XlaEngine, error: unknown): string {
  if (!(error instanceof PjrtError) || error.code !== 'resource exhausted')
    return `${name} failed: ${reason(error)}`;
  const memory = client.memory(device);
  const limit = memory?.bytesLimit;
  const has = limit === undefined ? '' : ` (it has ${(limit / 2 ** 30).toFixed(1)} GiB)`;
  return `${name} is out of memory${has}: choose a smaller --batch_size_per_gpu, fewer or smaller crops, or give --micro_batch. ${reason(error)}`;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An engine on a plugin's device. */
export function openXla(plugin: string, options: XlaOptions = {}): XlaEngine {
  return new XlaEngine(new PjrtClient(plugin), options);
}
