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
import { counted } from '../../numbers/counted.ts';
import { checkNames } from '../arrays.ts';
import { type DeviceBuffer, type Engine, EngineError, type Program } from '../engine.ts';
import { arrayText, fits, typeText, type Values, zeroValues } from '../values.ts';
import { PjrtClient, type PjrtDevice, type PjrtExecutable, type Places } from './pjrt-client-node.ts';
import { PjrtError, type Word } from './pjrt-library-node.ts';
import type { ProgramCache } from './program-cache-node.ts';

export interface XlaOptions {
  /** What products are computed with; float32 unless given. */
  readonly precision?: Precision;
  /** How many of the plugin's devices run every program in step; 1 unless given. */
  readonly replicas?: number;
  /** Which of several processes this is that opened the plugin together: all devices of all run every program in step. */
  readonly process?: { readonly rank: number; readonly size: number };
  /** Where compiled programs are kept. */
  readonly cache?: ProgramCache;
}

export class XlaEngine implements Engine {
  readonly name: string;
  readonly sharesMemory = false;
  readonly client: PjrtClient;
  readonly replicas: number;
  readonly span?: { readonly first: number; readonly all: number };
  readonly devices: readonly PjrtDevice[];
  readonly #precision: Precision;
  readonly #cache: ProgramCache | undefined;
  /** Ends when everything asked for so far was handed to the device. */
  #last: Promise<unknown> = Promise.resolve();
  /** Runs that are asked for and not yet handed to the device: they may use buffers that are replaced meanwhile. */
  #underWay = 0;
  readonly #toFree: Word[] = [];

  /** @throws EngineError where the plugin has fewer devices, or processes have others than this one */
  constructor(client: PjrtClient, { precision = 'f32', process, replicas, cache }: XlaOptions = {}) {
    const own = [...client.devices].sort((a, b) => a.id - b.id);
    const [first] = own;
    replicas ??= process === undefined ? 1 : own.length;
    if (first === undefined || replicas > client.devices.length)
      throw new EngineError(
        `${client.library.file} has ${counted(client.devices.length, 'device')} here, and ${replicas} ${replicas === 1 ? 'is' : 'are'} needed.`,
      );
    this.client = client;
    this.replicas = replicas;
    this.devices = own.slice(0, replicas);
    if (process !== undefined) this.span = spanOf(this.devices, client, process);
    const kind = first.kind === client.platform ? '' : ` (${first.kind})`;
    const all = this.span?.all ?? replicas;
    const machines = process === undefined ? '' : ` of ${process.size} processes`;
    this.name = `XLA, ${client.platform}${kind}${all === 1 ? '' : `, ${all} devices${machines}`}`;
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
    const { compiled, places } = this.#compiled(results);
    try {
      const executable =
        this.#cache === undefined
          ? await this.client.compile(compiled.text, places)
          : await this.#cache.program(this.client, compiled.text, places);
      return new XlaProgram(this, compiled, executable);
    } catch (error) {
      throw new EngineError(deviceFailure(this, error, 'cannot compile the program'));
    }
  }

  #compiled(results: Results): { readonly compiled: StableHloProgram; readonly places: Places } {
    const { replicas, span, client } = this;
    // XLA's CPU has no products of bf16.
    const options = { precision: this.#precision, emulates: client.platform === 'cpu' };
    const write = (count: number): StableHloProgram =>
      stableHlo({ ...options, replicas: count }).compile(results);
    if (span === undefined) return { compiled: write(replicas), places: { replicas } };
    // Processes compile when they like; XLA would have them share the work of measuring kernels, each waiting for all.
    const isGpu = ['cuda', 'rocm', 'sycl'].includes(client.platform);
    const flags = isGpu ? { xla_gpu_shard_autotuning: false } : {};
    const compiled = write(span.all);
    if (compiled.text.includes('replica_groups'))
      return {
        compiled,
        places: { replicas: span.all, ids: [...client.allIds].sort((a, b) => a - b), flags },
      };
    // A program in which devices do not meet may be run by one process alone, as evaluations are.
    return {
      compiled: write(replicas),
      places: { replicas, ids: this.devices.map(({ id }) => id), flags },
    };
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

  /** The same values on every device. */
  uploadToAll(values: Values, type: TensorType): Word[] {
    return this.devices.map((device) => this.client.upload(values, type, device));
  }

  free(buffer: Word): void {
    if (this.#underWay > 0) this.#toFree.push(buffer);
    else this.client.free(buffer);
  }
}

/** @throws EngineError where not every process has as many devices, numbered one process after the other */
function spanOf(
  devices: readonly PjrtDevice[],
  { allIds, library }: PjrtClient,
  { rank, size }: { readonly rank: number; readonly size: number },
): { readonly first: number; readonly all: number } {
  const first = rank * devices.length;
  const ids = [...allIds].sort((a, b) => a - b);
  const isWhole = ids.length === size * devices.length;
  if (!isWhole || devices.some(({ id }, i) => ids[first + i] !== id))
    throw new EngineError(
      `Process ${rank} of ${size} has ${counted(devices.length, 'device')} (${devices.map(({ id }) => id).join(', ')}) of ${ids.length} that ${library.file} sees (${ids.join(', ')}): every process needs as many, in the order of the processes.`,
    );
  return { first, all: ids.length };
}

/** A value on each device. */
class XlaBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly engine: XlaEngine;
  /** The devices' buffers; undefined while nothing was written: it is zeros then. */
  #handles: readonly Word[] | undefined;
  #isDisposed = false;

  constructor(engine: XlaEngine, { dtype, shape }: TensorType) {
    this.engine = engine;
    this.dtype = dtype;
    this.shape = shape;
  }

  write(values: Values, replica?: number): void {
    if (!fits(values, this)) throw new EngineError(`${arrayText(values)} does not hold ${typeText(this)}.`);
    if (replica === undefined) this.replace(this.engine.uploadToAll(values, this));
    else this.#writeTo(replica, values);
  }

  #writeTo(replica: number, values: Values): void {
    const { client, devices } = this.engine;
    const device = devices[replica];
    if (device === undefined) throw new EngineError(`${this.engine.name} has no device ${replica}.`);
    const before = this.handles[replica];
    this.#handles = this.handles.with(replica, client.upload(values, this, device));
    if (before !== undefined) this.engine.free(before);
  }

  read(): Promise<Values> {
    return this.engine.afterRuns(async () => {
      const values = zeroValues(this);
      const [first] = this.#handles ?? [];
      if (first !== undefined)
        await this.engine.client.download(first, values).catch((error) => {
          throw new EngineError(deviceFailure(this.engine, error));
        });
      return values;
    });
  }

  /** The devices' buffers. */
  get handles(): readonly Word[] {
    if (this.#isDisposed) throw new EngineError('The buffer was disposed of.');
    this.#handles ??= this.engine.uploadToAll(zeroValues(this), this);
    return this.#handles;
  }

  /** Takes other buffers of the devices instead. */
  replace(handles: readonly Word[]): void {
    if (this.#isDisposed) throw new EngineError('The buffer was disposed of.');
    const before = this.#handles ?? [];
    this.#handles = handles;
    for (const handle of before) this.engine.free(handle);
  }

  dispose(): void {
    for (const handle of this.#handles ?? []) this.engine.free(handle);
    this.#handles = undefined;
    this.#isDisposed = true;
  }
}

class XlaProgram implements Program {
  readonly engine: XlaEngine;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly memory: Program['memory'];
  readonly #inPlace: ReadonlySet<string>;
  readonly #executable: PjrtExecutable;
  #isDisposed = false;

  constructor(engine: XlaEngine, { inputs, outputs, inPlace }: StableHloProgram, executable: PjrtExecutable) {
    this.engine = engine;
    this.inputs = inputs;
    this.outputs = outputs;
    this.#inPlace = inPlace;
    this.#executable = executable;
    this.memory = memoryOf(engine, executable);
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
        const handles = reads.map((buffer) => buffer.handles);
        const made = await this.engine.client.execute(
          this.#executable,
          this.engine.devices.map((_, replica) => handles.map((each) => each[replica] ?? 0n)),
          kept,
        );
        for (const [i, buffer] of writes.entries()) buffer.replace(made.map((list) => list[i] ?? 0n));
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

/** What a program takes on each device, as far as the plugin tells. */
function memoryOf({ client, devices: [device] }: XlaEngine, executable: PjrtExecutable): Program['memory'] {
  const taken = client.programMemory(executable);
  if (taken === undefined) return undefined;
  const bytes = taken.arguments + taken.outputs - taken.alias + taken.temporary;
  const limit = device === undefined ? undefined : client.memory(device)?.bytesLimit;
  return bytes > 0 ? { bytes, limit } : undefined;
}

/** What a user can do about a device that failed. */
function deviceFailure(
  { name, client, devices: [device] }: XlaEngine,
  error: unknown,
  what = 'failed',
): string {
  if (!(error instanceof PjrtError) || error.code !== 'resource exhausted')
    return `${name} ${what}: ${reason(error)}`;
  const memory = device === undefined ? undefined : client.memory(device);
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
