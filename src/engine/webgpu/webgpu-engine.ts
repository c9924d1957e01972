/**
 * The engine for GPUs by WebGPU: kernels of our own (`graph/targets/wgsl`), recorded into one command buffer a run. It needs a device and
 * nothing else, and so runs in browsers too; `dawn-node.ts` opens a device in Node.
 */
/// <reference types="@webgpu/types" />
import {
  type DType,
  gridOf,
  type Results,
  type Shape,
  type TensorType,
  type WgslLimits,
  type WgslProgram,
  wgsl,
} from '../../graph/index.ts';
import { checkNames } from '../arrays.ts';
import { type DeviceBuffer, type Engine, EngineError, type Program } from '../engine.ts';
import { arrayText, fits, typeText, type Values, zeroValues } from '../values.ts';
import { deviceBytes, fromDevice, toDevice } from './layout.ts';

/** What buffers are used for; the numbers are those of `GPUBufferUsage`, which Node has no global of. */
const USAGE = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const;
const MAP_READ = 1;
const COMPUTE = 4;
const VALUE = USAGE.storage | USAGE.copySource | USAGE.copyTarget;

/** Runs that may be under way before the next one waits. */
const AHEAD = 4;

export class WebGpuEngine implements Engine {
  readonly name: string;
  readonly sharesMemory = false;
  readonly device: GPUDevice;
  readonly limits: WgslLimits;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  /** What went wrong on the device since it was asked last, and what ended it. */
  #failure: GPUError | undefined;
  #lost: string | undefined;
  #underWay: Promise<unknown>[] = [];

  /** @param title of the adapter, for people */
  constructor(device: GPUDevice, title: string) {
    this.device = device;
    this.name = `WebGPU, ${title}`;
    this.limits = {
      bindingBytes: Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize),
      storageBuffers: device.limits.maxStorageBuffersPerShaderStage,
    };
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.#failure ??= event.error;
    });
    device.lost.then(({ message }) => {
      this.#lost = message === '' ? 'no reason was given' : message;
    });
  }

  allocate(type: TensorType): DeviceBuffer {
    return new WebGpuBuffer(this, type);
  }

  upload(values: Values, type: TensorType): DeviceBuffer {
    const buffer = new WebGpuBuffer(this, type);
    buffer.write(values);
    return buffer;
  }

  async load(results: Results): Promise<Program> {
    const compiled = wgsl(this.limits).compile(results);
    this.check();
    const program = new WebGpuProgram(this, compiled);
    await program.prepare();
    return program;
  }

  /** @throws EngineError where the device is lost or said that something went wrong */
  check(): void {
    if (this.#lost !== undefined)
      throw new EngineError(
        `${this.name} is lost (${this.#lost}): start again; a training goes on from its last checkpoint with --resume.`,
      );
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure === undefined) return;
    const { message } = failure;
    throw new EngineError(
      failure.constructor.name === 'GPUOutOfMemoryError'
        ? `${this.name} is out of memory: choose a smaller --batch_size_per_gpu, fewer or smaller crops, or give --micro_batch. ${message}`
        : `${this.name} failed: ${message}`,
    );
  }

  memory(bytes: number, usage: number): GPUBuffer {
    return this.device.createBuffer({ size: Math.max(4, Math.ceil(bytes / 4) * 4), usage });
  }

  /** Hands a run to the device, once it is not too far behind. */
  async submit(commands: GPUCommandBuffer): Promise<void> {
    this.device.queue.submit([commands]);
    this.#underWay.push(this.device.queue.onSubmittedWorkDone());
    if (this.#underWay.length > AHEAD) await this.#underWay.shift();
    this.check();
  }

  async read(from: GPUBuffer, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    this.check();
    const size = Math.max(4, Math.ceil(bytes / 4) * 4);
    const staging = this.memory(size, USAGE.mapRead | USAGE.copyTarget);
    try {
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(from, 0, staging, 0, size);
      this.device.queue.submit([encoder.finish()]);
      await staging.mapAsync(MAP_READ);
      this.check();
      return new Uint8Array(staging.getMappedRange().slice(0, bytes));
    } catch (error) {
      if (error instanceof EngineError) throw error;
      await Promise.resolve(); // what ended the device is told after what failed by it
      this.check();
      throw new EngineError(`${this.name} failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      staging.destroy();
    }
  }

  /** A pipeline for a text; kernels of one text share it. */
  pipeline(code: string, writes: readonly boolean[]): Promise<GPUComputePipeline> {
    const known = this.#pipelines.get(code);
    if (known !== undefined) return known;
    const { device } = this;
    const made = device.createComputePipelineAsync({
      layout: device.createPipelineLayout({ bindGroupLayouts: [this.layout(writes)] }),
      compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
    });
    this.#pipelines.set(code, made);
    return made;
  }

  /** The layout of a kernel's bindings: its words, then its places. */
  layout(writes: readonly boolean[]): GPUBindGroupLayout {
    const key = writes.join();
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    const made = this.device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: COMPUTE, buffer: { type: 'uniform' } },
        ...writes.map((isWritten, i) => ({
          binding: i + 1,
          visibility: COMPUTE,
          buffer: { type: isWritten ? ('storage' as const) : ('read-only-storage' as const) },
        })),
      ],
    });
    this.#layouts.set(key, made);
    return made;
  }
}

class WebGpuBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly engine: WebGpuEngine;
  readonly #memory: GPUBuffer;
  #isDisposed = false;

  constructor(engine: WebGpuEngine, { dtype, shape }: TensorType) {
    this.engine = engine;
    this.dtype = dtype;
    this.shape = shape;
    this.#memory = engine.memory(deviceBytes(this), VALUE);
  }

  get memory(): GPUBuffer {
    if (this.#isDisposed) throw new EngineError('The buffer was disposed of.');
    return this.#memory;
  }

  write(values: Values): void {
    if (!fits(values, this)) throw new EngineError(`${arrayText(values)} does not hold ${typeText(this)}.`);
    if (values.length > 0) this.engine.device.queue.writeBuffer(this.memory, 0, toDevice(values, this.dtype));
  }

  async read(): Promise<Values> {
    const values = zeroValues(this);
    if (values.length > 0)
      fromDevice(await this.engine.read(this.memory, deviceBytes(this)), values, this.dtype);
    return values;
  }

  dispose(): void {
    if (!this.#isDisposed) this.#memory.destroy();
    this.#isDisposed = true;
  }
}

/** Sets of buffers whose bindings a kernel keeps: results that change places with the state make two. */
const KEPT_GROUPS = 4;

/** Bytes at which parts of a uniform may begin. */
const UNIFORM_STEP = 256;

class WebGpuProgram implements Program {
  readonly engine: WebGpuEngine;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly compiled: WgslProgram;
  /** Memory and constants, by place; places of inputs and results are given with each run. */
  readonly #own: readonly (GPUBuffer | undefined)[];
  readonly #words: GPUBuffer;
  readonly #wordsAt: readonly number[];
  #pipelines: readonly GPUComputePipeline[] = [];
  /** The bindings of each kernel, by the buffers that they are. */
  readonly #groups: Map<string, GPUBindGroup>[];
  readonly #names = new WeakMap<GPUBuffer, number>();
  #named = 0;
  #isDisposed = false;

  constructor(engine: WebGpuEngine, compiled: WgslProgram) {
    this.engine = engine;
    this.compiled = compiled;
    this.inputs = compiled.inputs;
    this.outputs = compiled.outputs;
    const { queue } = engine.device;
    this.#own = compiled.places.map((place) => {
      if (place.kind === 'memory') return engine.memory(4 * place.words, VALUE);
      if (place.kind !== 'constants') return undefined;
      const buffer = engine.memory(place.words.byteLength, VALUE);
      if (place.words.length > 0) queue.writeBuffer(buffer, 0, place.words);
      return buffer;
    });
    let bytes = 0;
    this.#wordsAt = compiled.kernels.map(({ words }) => {
      const at = bytes;
      bytes += Math.max(1, Math.ceil((4 * words.length) / UNIFORM_STEP)) * UNIFORM_STEP;
      return at;
    });
    const all = new Uint32Array(bytes / 4);
    for (const [i, { words }] of compiled.kernels.entries()) all.set(words, (this.#wordsAt[i] ?? 0) / 4);
    this.#words = engine.memory(bytes, USAGE.uniform | USAGE.copyTarget);
    if (bytes > 0) queue.writeBuffer(this.#words, 0, all);
    this.#groups = compiled.kernels.map(() => new Map());
  }

  /** @throws EngineError where the device cannot compile a kernel */
  async prepare(): Promise<void> {
    try {
      this.#pipelines = await Promise.all(
        this.compiled.kernels.map(({ code, bindings }) =>
          this.engine.pipeline(
            code,
            bindings.map(({ writes }) => writes),
          ),
        ),
      );
    } catch (error) {
      throw new EngineError(
        `${this.engine.name} cannot compile the program: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    this.engine.check();
  }

  async run(
    inputs: Readonly<Record<string, DeviceBuffer>>,
    outputs: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void> {
    if (this.#isDisposed)
      throw new EngineError('The program was disposed of: load the results again to run them.');
    const { device } = this.engine;
    const reads = this.#bound('input', this.inputs, inputs);
    const writes = this.#bound('output', this.outputs, outputs);
    const temporary: GPUBuffer[] = [];
    const encoder = device.createCommandEncoder();
    const { places, before, kernels, after, inPlace } = this.compiled;
    const written = new Map([...writes].map(([name, buffer]) => [buffer, name] as const));
    const sources = new Map<string, GPUBuffer>();
    for (const [name, from] of reads) {
      const overwriting = written.get(from);
      if (overwriting === undefined || (overwriting === name && inPlace.has(name))) {
        sources.set(name, from);
        continue;
      }
      // A result of another name takes this memory, perhaps before the input was read.
      const copy = this.engine.memory(from.size, VALUE);
      temporary.push(copy);
      encoder.copyBufferToBuffer(from, 0, copy, 0, from.size);
      sources.set(name, copy);
    }
    for (const name of inPlace) {
      const [from, to] = [sources.get(name), writes.get(name)];
      if (from !== undefined && to !== undefined && from !== to)
        encoder.copyBufferToBuffer(from, 0, to, 0, from.size);
    }
    const buffers = places.map((place, i) => {
      const own = this.#own[i];
      const buffer = 'name' in place ? (place.kind === 'input' ? sources : writes).get(place.name) : own;
      if (buffer === undefined) throw new EngineError(`Place ${i} of the program has no memory.`);
      return buffer;
    });
    const copy = ({ from, fromWord, to, toWord, words }: (typeof before)[number]): void => {
      const [source, target] = [buffers[from], buffers[to]];
      if (source !== undefined && target !== undefined && words > 0)
        encoder.copyBufferToBuffer(source, 4 * fromWord, target, 4 * toWord, 4 * words);
    };
    for (const each of before) copy(each);
    const pass = encoder.beginComputePass();
    for (const [i, kernel] of kernels.entries()) {
      const pipeline = this.#pipelines[i];
      if (pipeline === undefined || kernel.workgroups === 0) continue;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, this.#group(i, buffers));
      pass.dispatchWorkgroups(...gridOf(kernel.workgroups));
    }
    pass.end();
    for (const each of after) copy(each);
    await this.engine.submit(encoder.finish());
    for (const buffer of temporary) buffer.destroy();
  }

  #group(kernel: number, buffers: readonly GPUBuffer[]): GPUBindGroup {
    const { bindings = [], words } = this.compiled.kernels[kernel] ?? {};
    const bound = bindings.flatMap(({ place }) => buffers[place] ?? []);
    const key = bound.map((buffer) => this.#nameOf(buffer)).join();
    const known = this.#groups[kernel]?.get(key);
    if (known !== undefined) return known;
    const made = this.engine.device.createBindGroup({
      layout: this.engine.layout(bindings.map(({ writes }) => writes)),
      entries: [
        {
          binding: 0,
          resource: {
            buffer: this.#words,
            offset: this.#wordsAt[kernel] ?? 0,
            size: Math.max(16, 16 * Math.ceil((words?.length ?? 0) / 4)),
          },
        },
        ...bound.map((buffer, i) => ({ binding: i + 1, resource: { buffer } })),
      ],
    });
    const groups = this.#groups[kernel];
    const [oldest] = groups?.keys() ?? [];
    if (groups !== undefined && groups.size >= KEPT_GROUPS && oldest !== undefined) groups.delete(oldest);
    groups?.set(key, made);
    return made;
  }

  #nameOf(buffer: GPUBuffer): number {
    const known = this.#names.get(buffer);
    if (known !== undefined) return known;
    this.#names.set(buffer, ++this.#named);
    return this.#named;
  }

  #bound(
    kind: 'input' | 'output',
    wanted: ReadonlyMap<string, TensorType>,
    given: Readonly<Record<string, DeviceBuffer>>,
  ): Map<string, GPUBuffer> {
    checkNames(kind, wanted, given);
    return new Map(
      [...wanted].map(([name, type]) => {
        const buffer = given[name];
        if (buffer !== undefined && typeText(type) !== typeText(buffer))
          throw new EngineError(
            `The program's ${kind} "${name}" is ${typeText(type)}; a buffer of ${typeText(buffer)} was given.`,
          );
        if (!(buffer instanceof WebGpuBuffer) || buffer.engine !== this.engine)
          throw new EngineError(`The buffer of the program's ${kind} "${name}" belongs to another engine.`);
        return [name, buffer.memory];
      }),
    );
  }

  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    for (const buffer of [...this.#own, this.#words]) buffer?.destroy();
  }
}
