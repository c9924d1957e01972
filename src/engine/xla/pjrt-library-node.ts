/**
 * PJRT, the C interface that every vendor puts before its XLA compiler (xla/pjrt/c/pjrt_c_api.h), called through `koffi`.
 *
 * A plugin is a shared library with one function that gives a table of functions. Each takes one struct and returns an error or 0;
 * every field used here fills an 8-byte word of its struct, so a struct is an array of words. A plugin refuses a struct smaller than
 * the one it knows and ignores what is longer, and zeros are the defaults of fields that came later: so all structs are as long as
 * the longest.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import koffi, { type LibraryHandle } from 'koffi';
import { EngineError } from '../engine.ts';
import { prepareNativeCalls } from '../native-stack-node.ts';
import { pjrtFunctions, pjrtStructs } from './pjrt-table.ts';

/** A C pointer, or a number of 64 bits. */
export type Word = bigint;
/** What a field is given: a number, or memory whose address it is. */
export type Field = Word | number | ArrayBufferView | undefined;

export type PjrtFunction = keyof typeof pjrtFunctions;
type FieldsOf<Name extends PjrtFunction> = keyof (typeof pjrtFunctions)[Name]['words'];
export type PjrtStruct = keyof typeof pjrtStructs;

/** The oldest table whose functions stand where they stand today. */
const OLDEST_MINOR = 57;
const STRUCT_WORDS = 32;
const STRUCT_BYTES = BigInt(8 * STRUCT_WORDS);

const ERROR_CODES = [
  ...['ok', 'cancelled', 'unknown', 'invalid argument', 'deadline exceeded', 'not found', 'already exists'],
  ...['permission denied', 'resource exhausted', 'failed precondition', 'aborted', 'out of range'],
  ...['unimplemented', 'internal', 'unavailable', 'data loss', 'unauthenticated'],
] as const;

/** What a plugin says of a call that failed. */
export class PjrtError extends EngineError {
  override name = 'PjrtError';
  readonly code: (typeof ERROR_CODES)[number];

  constructor(code: number, message: string) {
    super(message);
    this.code = ERROR_CODES[code] ?? 'unknown';
  }
}

type Call = ((args: BigUint64Array) => number | bigint) & {
  async(args: BigUint64Array, done: (error: Error | null, result: number | bigint) => void): void;
};

export class PjrtLibrary {
  readonly file: string;
  /** Of the plugin's table, major and minor. */
  readonly version: readonly [number, number];
  /** Held, because koffi unloads the library when nothing refers to it any more. */
  readonly #handle: LibraryHandle;
  readonly #functions = new Map<PjrtFunction, Call>();

  /** @throws EngineError for a file that is no plugin, that is too old or that this machine cannot load */
  constructor(file: string) {
    this.file = file;
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
      throw new EngineError(`There is no PJRT plugin at ${file}: give the path of a shared library.`);
    checkFormat(file);
    prepareNativeCalls();
    try {
      this.#handle = koffi.load(file);
    } catch (error) {
      throw new EngineError(`${file} cannot be loaded as a PJRT plugin: ${reason(error)}`);
    }
    let api: Word;
    try {
      api = BigInt(this.#handle.func('GetPjrtApi', 'uintptr_t', [])());
    } catch {
      throw new EngineError(
        `${file} is a shared library, but no PJRT plugin: it has no function GetPjrtApi.`,
      );
    }
    if (api === 0n) throw new EngineError(`${file} gives no PJRT functions.`);
    const [bytes = 0n, , , , version = 0n] = readWords(api, 5);
    this.version = [Number(version & 0xffffffffn), Number(version >> 32n)];
    const [major, minor] = this.version;
    if (major !== 0 || minor < OLDEST_MINOR)
      throw new EngineError(
        `${file} speaks PJRT ${major}.${minor}; version 0.${OLDEST_MINOR} or a later one of 0 is needed: install a newer plugin.`,
      );
    const table = readWords(api, Number(bytes) / 8);
    const type = koffi.proto('uintptr_t', ['void *']);
    for (const name of Object.keys(pjrtFunctions).filter(isFunction)) {
      const address = table[pjrtFunctions[name].place];
      if (address !== undefined && address !== 0n) this.#functions.set(name, koffi.decode(address, type));
    }
  }

  has(name: PjrtFunction): boolean {
    return this.#functions.has(name);
  }

  /**
   * Calls a function.
   *
   * @returns a reader of the struct's fields
   * @throws PjrtError with the plugin's own message
   */
  call<Name extends PjrtFunction>(
    name: Name,
    fields: Readonly<Partial<Record<FieldsOf<Name>, Field>>>,
  ): Answer<Name> {
    const args = argumentsOf(name, fields);
    this.#check(BigInt(this.#function(name)(args)));
    return new Answer(name, args);
  }

  /** As `call`, on a thread of its own. What the fields point to has to stay until it has ended. */
  async callAsync<Name extends PjrtFunction>(
    name: Name,
    fields: Readonly<Partial<Record<FieldsOf<Name>, Field>>>,
  ): Promise<Answer<Name>> {
    const args = argumentsOf(name, fields);
    const error = await new Promise<Word>((resolve, reject) => {
      this.#function(name).async(args, (failure, result) =>
        failure === null ? resolve(BigInt(result)) : reject(failure),
      );
    });
    this.#check(error);
    return new Answer(name, args);
  }

  #function(name: PjrtFunction): Call {
    const found = this.#functions.get(name);
    if (found !== undefined) return found;
    throw new EngineError(`The PJRT plugin ${this.file} has no function ${name}: install a newer one.`);
  }

  #check(error: Word): void {
    if (error === 0n) return;
    const message = this.#function('Error_Message');
    const said = argumentsOf('Error_Message', { error });
    message(said);
    const code = argumentsOf('Error_GetCode', { error });
    this.#function('Error_GetCode')(code);
    const answer = new Answer('Error_Message', said);
    const text = readText(answer.word('message'), answer.word('message_size'));
    const failed = new PjrtError(Number(new Answer('Error_GetCode', code).word('code') & 0xffffffffn), text);
    this.#function('Error_Destroy')(argumentsOf('Error_Destroy', { error }));
    throw failed;
  }
}

/** The fields of a struct after a call. */
export class Answer<Name extends PjrtFunction> {
  readonly #words: Readonly<Record<string, number>>;
  readonly #args: BigUint64Array;

  constructor(name: Name, args: BigUint64Array) {
    this.#words = pjrtFunctions[name].words;
    this.#args = args;
  }

  word(field: FieldsOf<Name>): Word {
    return this.#args[this.#words[String(field)] ?? 0] ?? 0n;
  }

  number(field: FieldsOf<Name>): number {
    return Number(BigInt.asIntN(64, this.word(field)));
  }

  text(field: FieldsOf<Name>, size: FieldsOf<Name>): string {
    return readText(this.word(field), this.word(size));
  }

  words(field: FieldsOf<Name>, count: FieldsOf<Name>): Word[] {
    return readWords(this.word(field), this.number(count));
  }
}

/** A struct that arguments point to. It has to be held as long as it is used. */
export function struct(name: PjrtStruct, fields: Readonly<Record<string, Field>>): BigUint64Array {
  return fill(pjrtStructs[name], fields);
}

function argumentsOf(name: PjrtFunction, fields: Readonly<Record<string, Field>>): BigUint64Array {
  return fill(pjrtFunctions[name].words, fields);
}

function fill(
  words: Readonly<Record<string, number>>,
  fields: Readonly<Record<string, Field>>,
): BigUint64Array {
  const args = new BigUint64Array(STRUCT_WORDS);
  args[0] = STRUCT_BYTES;
  for (const [name, value] of Object.entries(fields)) {
    const place = words[name];
    if (place === undefined) throw new Error(`PJRT knows no field "${name}".`);
    args[place] = wordOf(value);
  }
  return args;
}

/** A number as it is, the address of memory. */
export function wordOf(value: Field): Word {
  if (value === undefined) return 0n;
  if (typeof value === 'bigint') return BigInt.asUintN(64, value);
  if (typeof value === 'number') return BigInt.asUintN(64, BigInt(value));
  return value.byteLength === 0 ? 0n : BigInt(koffi.address(value));
}

export function readWords(at: Word, count: number): Word[] {
  if (count === 0 || at === 0n) return [];
  const decoded: readonly (number | bigint)[] = koffi.decode(at, 'uint64_t', count);
  return [...decoded].map(BigInt);
}

export function readBytes(at: Word, size: number): Uint8Array {
  if (size === 0 || at === 0n) return new Uint8Array();
  const decoded: Uint8Array = koffi.decode(at, 'uint8_t', size);
  return Uint8Array.from(decoded);
}

export function readText(at: Word, size: Word): string {
  return new TextDecoder().decode(readBytes(at, Number(size)));
}

/** Calls a plugin's function that frees what it gave: `void f(void*)`. */
export function callDeleter(deleter: Word, pointer: Word): void {
  if (deleter !== 0n) koffi.decode(deleter, koffi.proto('void', ['uintptr_t']))(pointer);
}

/** Machine numbers of an ELF file, and what Node calls those processors. */
const ELF_MACHINES: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64', 40: 'arm', 3: 'ia32' };

/** @throws EngineError for a file that is no shared library for this machine, as far as its first bytes tell */
function checkFormat(file: string): void {
  const head = Buffer.alloc(20);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, head, 0, head.length, 0);
  } finally {
    closeSync(descriptor);
  }
  if (process.platform !== 'linux') return;
  if (head.toString('latin1', 0, 4) !== '\x7fELF')
    throw new EngineError(`${file} is no shared library: give a PJRT plugin, such as libtpu.so.`);
  const machine = ELF_MACHINES[head.readUInt16LE(18)];
  if (machine !== undefined && machine !== process.arch)
    throw new EngineError(`${file} is built for ${machine}; this machine is ${process.arch}.`);
}

function isFunction(name: string): name is PjrtFunction {
  return name in pjrtFunctions;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
