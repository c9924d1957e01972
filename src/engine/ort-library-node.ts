/**
 * ONNX Runtime's C interface: the shared library that `onnxruntime-node` brings, called through `koffi`.
 *
 * Why not the package's own binding: its `run` copies every result into fresh memory even where the caller gave an array,
 * for ViT-S 180 MB of gradients in each run. Here results are written where they belong and nothing is copied.
 *
 * The interface is a table of function pointers that only ever grows at its end (onnxruntime_c_api.h, `struct OrtApi`), so
 * a function's place in it never changes.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { widenStacks } from './native-stack-node.ts';

/** A C pointer. */
export type Pointer = bigint;
type Memory = Pointer | ArrayBufferView | null;
/** A function of the table; all but a few return a status, 0n when all went well. */
type Call = (...args: readonly (Memory | string | number)[]) => Pointer;

/** The version of the table asked for; every later library has it too. */
const API_VERSION = 16;

const word = 'uintptr_t';
const memory = 'void *';
const size = 'size_t';
const text = 'const char *';
const path = process.platform === 'win32' ? 'str16' : text;
/** Place in the table and types of the arguments. */
const functions = {
  createEnv: [3, ['int', text, memory]],
  createSessionFromArray: [8, [word, memory, size, word, memory]],
  run: [9, [word, word, memory, memory, size, memory, size, memory]],
  createSessionOptions: [10, [memory]],
  enableProfiling: [14, [word, path]],
  disableMemPattern: [17, [word]],
  setSessionLogSeverityLevel: [22, [word, 'int']],
  setSessionGraphOptimizationLevel: [23, [word, 'int']],
  setIntraOpNumThreads: [24, [word, 'int']],
  setInterOpNumThreads: [25, [word, 'int']],
  createTensorWithDataAsOrtValue: [49, [word, memory, size, memory, size, 'int', memory]],
  createCpuMemoryInfo: [69, ['int', 'int', memory]],
  addSessionConfigEntry: [130, [word, text, text]],
} as const satisfies Record<string, readonly [number, readonly string[]]>;
const releases = { status: 93, session: 95, value: 96, sessionOptions: 100 } as const;
const GET_ERROR_MESSAGE = 2;
const TABLE_LENGTH = 131;

export type FunctionName = keyof typeof functions;
export type Released = keyof typeof releases;

export class OrtLibrary {
  readonly env: Pointer;
  readonly cpuMemory: Pointer;
  /** Held, because koffi unloads the library when nothing refers to it any more. */
  readonly #file: LibraryHandle;
  readonly #functions: ReadonlyMap<string, Call>;
  readonly #runAsync: (...args: readonly unknown[]) => void;
  readonly #release: Readonly<Record<Released, (pointer: Pointer) => void>>;
  readonly #errorMessage: (status: Pointer) => string;

  /** @throws when the library is not there or is older than the table asked for */
  constructor(file: string) {
    widenStacks();
    this.#file = koffi.load(file);
    const base: Pointer = this.#file.func('OrtGetApiBase', memory, [])();
    const [getApi]: Pointer[] = koffi.decode(base, word, 2).map(BigInt);
    const api: Pointer | null = koffi.decode(getApi, koffi.proto(memory, ['uint32_t']))(API_VERSION);
    if (api === null) throw new Error(`${file} is older than ONNX Runtime 1.${API_VERSION}`);
    const table: readonly Pointer[] = koffi.decode(api, word, TABLE_LENGTH).map(BigInt);
    const bind = (place: number, result: string, args: readonly string[]) =>
      koffi.decode(table[place], koffi.proto(result, [...args]));
    this.#functions = new Map(
      Object.entries(functions).map(([name, [place, args]]) => [name, bind(place, word, args)]),
    );
    this.#runAsync = bind(functions.run[0], word, functions.run[1]).async;
    this.#release = {
      status: bind(releases.status, 'void', [word]),
      session: bind(releases.session, 'void', [word]),
      value: bind(releases.value, 'void', [word]),
      sessionOptions: bind(releases.sessionOptions, 'void', [word]),
    };
    this.#errorMessage = bind(GET_ERROR_MESSAGE, text, [word]);
    this.env = this.create('createEnv', 3, 'dino-ts');
    this.cpuMemory = this.create('createCpuMemoryInfo', 1, 0);
  }

  /** @throws Error with ONNX Runtime's own message */
  call(name: FunctionName, ...args: readonly (Memory | string | number)[]): void {
    this.#check(BigInt(this.#functions.get(name)?.(...args) ?? 0n));
  }

  /** Calls a function whose last argument says where to put the pointer it makes. */
  create(name: FunctionName, ...args: readonly (Memory | string | number)[]): Pointer {
    const made = new BigUint64Array(1);
    this.call(name, ...args, made);
    return made[0] ?? 0n;
  }

  /** `OrtApi::Run` on a thread of its own; the arrays must stay as they are until it has ended. */
  async run(
    session: Pointer,
    inputs: { readonly names: BigUint64Array; readonly values: BigUint64Array },
    outputs: { readonly names: BigUint64Array; readonly values: BigUint64Array },
  ): Promise<void> {
    const count = inputs.names.length;
    const made = outputs.names.length;
    const status = await new Promise<Pointer>((resolve, reject) => {
      const done = (error: Error | null, result: number | bigint): void =>
        error === null ? resolve(BigInt(result)) : reject(error);
      this.#runAsync(
        session,
        0,
        inputs.names,
        inputs.values,
        count,
        outputs.names,
        made,
        outputs.values,
        done,
      );
    });
    this.#check(status);
  }

  release(kind: Released, pointer: Pointer): void {
    if (pointer !== 0n) this.#release[kind](pointer);
  }

  #check(status: Pointer): void {
    if (status === 0n) return;
    const message = this.#errorMessage(status);
    this.release('status', status);
    throw new Error(message);
  }
}

/** Addresses of texts as C wants them, and the memory they are in. */
export function cStrings(texts: readonly string[]): {
  readonly addresses: BigUint64Array;
  readonly bytes: Buffer;
} {
  const bytes = Buffer.from(texts.map((x) => `${x}\0`).join(''));
  const start = koffi.address(bytes);
  let offset = 0n;
  const addresses = BigUint64Array.from(texts, (x) => {
    const address = start + offset;
    offset += BigInt(Buffer.byteLength(x) + 1);
    return address;
  });
  return { addresses, bytes };
}

let opened: OrtLibrary | undefined | null = null;

/** The library of this platform, or undefined where it cannot be called this way. */
export function openOrtLibrary(): OrtLibrary | undefined {
  if (opened !== null) return opened;
  try {
    opened = new OrtLibrary(libraryFile());
  } catch {
    opened = undefined;
  }
  return opened;
}

function libraryFile(): string {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const folder = join(root, 'bin', 'napi-v6', process.platform, process.arch);
  const name = readdirSync(folder).find((file) =>
    /^(lib)?onnxruntime(\.[\d.]+)?\.(so|dylib|dll)(\.\d+)?$/.test(file),
  );
  if (name === undefined) throw new Error(`${folder} has no ONNX Runtime library`);
  return join(folder, name);
}
