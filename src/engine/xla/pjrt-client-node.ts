/** A plugin's devices: buffers on them, programs for them. */
import type { TensorType } from '../../graph/index.ts';
import type { Values } from '../values.ts';
import type { KeyValueCallbacks } from './key-values-node.ts';
import {
  type Answer,
  callDeleter,
  type Field,
  PjrtLibrary,
  readBytes,
  readText,
  readWords,
  struct,
  type Word,
  wordOf,
} from './pjrt-library-node.ts';

/** A value of an option of a plugin, or what a plugin says of itself. */
export type Named = string | number | bigint | boolean | readonly number[];

export interface PjrtDevice {
  readonly handle: Word;
  readonly id: number;
  /** "NVIDIA H100 80GB HBM3" */
  readonly kind: string;
}

export interface DeviceMemory {
  readonly bytesInUse: number;
  /** What may be used; undefined where the plugin does not say. */
  readonly bytesLimit: number | undefined;
}

/** A program that is ready to run. */
export interface PjrtExecutable {
  readonly handle: Word;
  readonly outputs: number;
}

/** Where a program runs, and with which flags of XLA. */
export interface Places {
  readonly replicas?: number;
  /** The number of the device of each replica; the client chooses unless given. */
  readonly ids?: readonly number[];
  readonly flags?: Readonly<Record<string, boolean>>;
}

/** What a program takes on a device, in bytes. */
export interface ProgramMemory {
  readonly arguments: number;
  readonly outputs: number;
  /** Of the outputs, what lies in the arguments' memory. */
  readonly alias: number;
  readonly temporary: number;
}

/** PJRT_Buffer_Type */
const BUFFER_TYPE = { bool: 1, i64: 5, u8: 6, f16: 10, f32: 11 } as const;
/** PJRT_NamedValue_Type */
const [STRING, INT64, INT64_LIST, FLOAT, BOOL] = [0, 1, 2, 3, 4];
/** Words of a PJRT_NamedValue in an array of them. */
const NAMED_WORDS = 7;

export class PjrtClient {
  readonly library: PjrtLibrary;
  /** "cpu", "cuda", "tpu" */
  readonly platform: string;
  readonly platformVersion: string;
  /** Devices of this process. */
  readonly devices: readonly PjrtDevice[];
  /** Numbers of the devices of all processes that opened the plugin together. */
  readonly allIds: readonly number[];
  readonly #client: Word;

  /**
   * @param callbacks for a plugin that several processes open together
   * @throws EngineError as `PjrtLibrary` does; PjrtError where the plugin finds no device
   */
  constructor(
    file: string,
    options: Readonly<Record<string, Named>> = {},
    callbacks: KeyValueCallbacks | undefined = undefined,
  ) {
    this.library = new PjrtLibrary(file);
    this.library.call('Plugin_Initialize', {});
    const { array, held } = namedValues(options);
    this.#client = this.library
      .call('Client_Create', {
        create_options: array,
        num_options: array.length / NAMED_WORDS,
        ...callbacks,
      })
      .word('client');
    held.length = 0; // the plugin has read them
    const client = this.#client;
    this.platform = this.library
      .call('Client_PlatformName', { client })
      .text('platform_name', 'platform_name_size');
    this.platformVersion = this.library.has('Client_PlatformVersion')
      ? this.library
          .call('Client_PlatformVersion', { client })
          .text('platform_version', 'platform_version_size')
      : '';
    this.devices = this.library
      .call('Client_AddressableDevices', { client })
      .words('addressable_devices', 'num_addressable_devices')
      .map((handle, i) => this.#describe(handle, i));
    this.allIds =
      callbacks === undefined
        ? this.devices.map(({ id }) => id)
        : this.library
            .call('Client_Devices', { client })
            .words('devices', 'num_devices')
            .map((handle, i) => this.#describe(handle, i).id);
  }

  #describe(handle: Word, place: number): PjrtDevice {
    const { library } = this;
    if (!library.has('Device_GetDescription')) return { handle, id: place, kind: this.platform };
    const description = library.call('Device_GetDescription', { device: handle }).word('device_description');
    return {
      handle,
      id: library.call('DeviceDescription_Id', { device_description: description }).number('id'),
      kind: library
        .call('DeviceDescription_Kind', { device_description: description })
        .text('device_kind', 'device_kind_size'),
    };
  }

  /** What the plugin says of itself: versions, for the most part. */
  attributes(): Record<string, Named> {
    const answer = this.library.call('Plugin_Attributes', {});
    return readNamed(answer.word('attributes'), answer.number('num_attributes'));
  }

  /** Undefined where the plugin does not tell. */
  memory({ handle }: PjrtDevice): DeviceMemory | undefined {
    if (!this.library.has('Device_MemoryStats')) return undefined;
    let stats: Answer<'Device_MemoryStats'>;
    try {
      stats = this.library.call('Device_MemoryStats', { device: handle });
    } catch {
      return undefined; // plugins answer "unimplemented"
    }
    const hasLimit = (stats.word('bytes_limit_is_set') & 1n) === 1n;
    return {
      bytesInUse: stats.number('bytes_in_use'),
      bytesLimit: hasLimit ? stats.number('bytes_limit') : undefined,
    };
  }

  /**
   * Compiles a module of StableHLO, on a thread of its own.
   *
   * @throws PjrtError with what the compiler says
   */
  async compile(text: string, places: Places = {}): Promise<PjrtExecutable> {
    const [code, format] = [new TextEncoder().encode(text), new TextEncoder().encode('mlir')];
    const program = struct('Program', {
      code,
      code_size: code.length,
      format,
      format_size: format.length,
    });
    const options = compileOptions(places);
    const answer = await this.library.callAsync('Client_Compile', {
      client: this.#client,
      program,
      compile_options: options,
      compile_options_size: options.length,
    });
    hold(code, format, program, options);
    return this.#executable(answer.word('executable'));
  }

  /** A compiled program as bytes that only this version of the plugin can load; undefined where it cannot. */
  serialize({ handle }: PjrtExecutable): Uint8Array | undefined {
    if (!this.library.has('Executable_Serialize')) return undefined;
    const executable = this.#unloaded(handle);
    try {
      const answer = this.library.call('Executable_Serialize', { executable });
      const bytes = readBytes(answer.word('serialized_bytes'), answer.number('serialized_bytes_size'));
      callDeleter(answer.word('serialized_executable_deleter'), answer.word('serialized_executable'));
      return bytes;
    } finally {
      this.library.call('Executable_Destroy', { executable });
    }
  }

  /** @throws PjrtError for bytes of another plugin or version */
  load(bytes: Uint8Array): PjrtExecutable {
    const answer = this.library.call('Executable_DeserializeAndLoad', {
      client: this.#client,
      serialized_executable: bytes,
      serialized_executable_size: bytes.length,
    });
    return this.#executable(answer.word('loaded_executable'));
  }

  /** What a program takes; undefined where the plugin does not tell. */
  programMemory({ handle }: PjrtExecutable): ProgramMemory | undefined {
    if (!this.library.has('Executable_GetCompiledMemoryStats')) return undefined;
    const executable = this.#unloaded(handle);
    try {
      const stats = this.library.call('Executable_GetCompiledMemoryStats', { executable });
      return {
        arguments: stats.number('argument_size_in_bytes'),
        outputs: stats.number('output_size_in_bytes'),
        alias: stats.number('alias_size_in_bytes'),
        temporary: stats.number('temp_size_in_bytes'),
      };
    } catch {
      return undefined;
    } finally {
      this.library.call('Executable_Destroy', { executable });
    }
  }

  #executable(handle: Word): PjrtExecutable {
    const executable = this.#unloaded(handle);
    const outputs = this.library.call('Executable_NumOutputs', { executable }).number('num_outputs');
    this.library.call('Executable_Destroy', { executable });
    return { handle, outputs };
  }

  #unloaded(loaded: Word): Word {
    return this.library
      .call('LoadedExecutable_GetExecutable', { loaded_executable: loaded })
      .word('executable');
  }

  /** Copies values to a device. They may change as soon as this returns. */
  upload(values: Values, { dtype, shape }: TensorType, device: PjrtDevice): Word {
    const dims = BigInt64Array.from(shape, BigInt);
    const answer = this.library.call('Client_BufferFromHostBuffer', {
      client: this.#client,
      data: values,
      type: BUFFER_TYPE[dtype],
      dims,
      num_dims: dims.length,
      host_buffer_semantics: 0, // immutable only during the call
      device: device.handle,
    });
    const event = answer.word('done_with_host_buffer');
    if (event !== 0n) this.library.call('Event_Destroy', { event });
    return answer.word('buffer');
  }

  /** Copies a buffer's values into an array, once they are there. */
  async download(buffer: Word, into: Values): Promise<void> {
    const event = this.library
      .call('Buffer_ToHostBuffer', { src: buffer, dst: into, dst_size: into.byteLength })
      .word('event');
    if (event === 0n) return;
    try {
      await this.library.callAsync('Event_Await', { event });
    } finally {
      this.library.call('Event_Destroy', { event });
    }
    hold(into);
  }

  /**
   * Runs a program on one device or, replicated, on several. It may still be running when this resolves: buffers wait for what they
   * depend on.
   *
   * @param inputs buffers in the order of the arguments, for each device
   * @param kept places of the arguments whose memory no result may take
   * @returns buffers in the order of the results, for each device
   */
  async execute(
    { handle, outputs }: PjrtExecutable,
    inputs: readonly (readonly Word[])[],
    kept: readonly number[] = [],
  ): Promise<Word[][]> {
    const notDonated = BigInt64Array.from(kept, BigInt);
    const options = struct('ExecuteOptions', {
      non_donatable_input_indices: notDonated,
      num_non_donatable_input_indices: notDonated.length,
    });
    const lists = inputs.map((list) => BigUint64Array.from(list));
    const results = inputs.map(() => new BigUint64Array(outputs));
    const [argumentLists, outputLists] = [lists, results].map((each) => BigUint64Array.from(each, wordOf));
    await this.library.callAsync('LoadedExecutable_Execute', {
      executable: handle,
      options,
      argument_lists: argumentLists,
      num_devices: inputs.length,
      num_args: lists[0]?.length ?? 0,
      output_lists: outputLists,
    });
    hold(notDonated, options, lists, argumentLists, outputLists);
    return results.map((list) => [...list]);
  }

  free(buffer: Word): void {
    this.library.call('Buffer_Destroy', { buffer });
  }

  freeProgram({ handle }: PjrtExecutable): void {
    this.library.call('LoadedExecutable_Destroy', { executable: handle });
  }

  dispose(): void {
    this.library.call('Client_Destroy', { client: this.#client });
  }
}

/**
 * CompileOptionsProto in protobuf's wire format: executable_build_options (field 3) with device_ordinal (1) -1, num_replicas (4),
 * num_partitions (5) 1, and device_assignment (9), whose replica_count (1), computation_count (2) and computation_devices (3) say
 * which device each replica is; then env_option_overrides (7), flags by name.
 */
export function compileOptions({ replicas = 1, ids = [], flags = {} }: Places = {}): Uint8Array {
  const count = varint(BigInt(replicas));
  const devices = message(
    3,
    message(
      1,
      ids.flatMap((id) => varint(BigInt(id))),
    ),
  );
  const assignment = ids.length === 0 ? [] : message(9, [1 << 3, ...count, 2 << 3, 1, ...devices]);
  const build = [1 << 3, ...varint(-1n), 4 << 3, ...count, 5 << 3, 1, ...assignment];
  const overrides = Object.entries(flags).flatMap(([name, value]) =>
    message(7, [...message(1, [...new TextEncoder().encode(name)]), ...message(2, [2 << 3, Number(value)])]),
  );
  return Uint8Array.from([...message(3, build), ...overrides]);
}

/** Bytes of a field that has a length. */
function message(field: number, bytes: readonly number[]): number[] {
  return [(field << 3) | 2, ...varint(BigInt(bytes.length)), ...bytes];
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

/** Options as an array of PJRT_NamedValue, and the memory that it points to. */
function namedValues(values: Readonly<Record<string, Named>>): {
  readonly array: BigUint64Array;
  readonly held: ArrayBufferView[];
} {
  const held: ArrayBufferView[] = [];
  const kept = <Array extends ArrayBufferView>(array: Array): Array => {
    held.push(array);
    return array;
  };
  const encoded = (value: Named): readonly [type: number, value: Field, size: number] => {
    if (typeof value === 'string') {
      const text = kept(new TextEncoder().encode(`${value}\0`));
      return [STRING, text, text.length - 1];
    }
    if (typeof value === 'boolean') return [BOOL, value ? 1 : 0, 1];
    if (typeof value === 'bigint') return [INT64, value, 1];
    if (typeof value === 'number') return [FLOAT, new Uint32Array(Float32Array.of(value).buffer)[0], 1];
    return [INT64_LIST, kept(BigInt64Array.from(value, BigInt)), value.length];
  };
  const words = Object.entries(values).flatMap(([name, value]) => {
    const key = kept(new TextEncoder().encode(name));
    const [type, word, size] = encoded(value);
    return [8 * NAMED_WORDS, 0, key, key.length, type, word, size].map(wordOf);
  });
  return { array: kept(BigUint64Array.from(words)), held };
}

function readNamed(at: Word, count: number): Record<string, Named> {
  const values: Record<string, Named> = {};
  for (let i = 0; i < count; i++) {
    const words = readWords(at + BigInt(8 * NAMED_WORDS * i), NAMED_WORDS);
    const [, , name = 0n, nameSize = 0n, type = 0n, value = 0n, size = 0n] = words;
    values[readText(name, nameSize)] = namedValue(Number(type & 0xffffffffn), value, size);
  }
  return values;
}

function namedValue(type: number, value: Word, size: Word): Named {
  if (type === STRING) return readText(value, size);
  if (type === INT64_LIST)
    return readWords(value, Number(size)).map((word) => Number(BigInt.asIntN(64, word)));
  if (type === FLOAT) return new Float32Array(new BigUint64Array([value]).buffer)[0] ?? Number.NaN;
  return type === BOOL ? (value & 1n) === 1n : Number(BigInt.asIntN(64, value));
}

/** Keeps memory that native code reads alive up to here. */
function hold(..._memory: readonly unknown[]): void {}
