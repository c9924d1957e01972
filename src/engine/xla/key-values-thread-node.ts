/** A thread that answers a plugin's questions for keys and values (`key-values-node.ts`). */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import type { KeyValueAnswer, KeyValueCallbacks, KeyValueQuestion, KeyValueTask } from './key-values-node.ts';
import { type PjrtStruct, readBytes, readText, readWords, type Word } from './pjrt-library-node.ts';
import { pjrtStructs } from './pjrt-table.ts';

const { line, role }: KeyValueTask = workerData;
const { front, port, answered } = line;

/** Error codes of PJRT. */
const [DEADLINE_EXCEEDED, NOT_FOUND] = [4, 5];
/** Milliseconds that an answer may be late. */
const PATIENCE = 5000;
const WORD = 8n;

// What a plugin gets it gives back to the C library, which needs nobody of this thread.
const c = koffi.load(null);
const malloc = c.func('uintptr_t malloc(size_t)');
const free = BigInt(c.symbol('free'));
const callback = koffi.proto('uintptr_t', ['uintptr_t']);
const callbackError = koffi.proto('uintptr_t', ['int', 'void *', 'size_t']);

/** A plugin's struct of arguments. */
class Arguments {
  readonly #at: Word;
  readonly #fields: Readonly<Record<string, number>>;

  constructor(struct: PjrtStruct, at: number | bigint) {
    this.#at = BigInt(at);
    this.#fields = pjrtStructs[struct];
  }

  #placeOf(field: string): Word {
    return this.#at + WORD * BigInt(this.#fields[field] ?? 0);
  }

  word(field: string): Word {
    return readWords(this.#placeOf(field), 1)[0] ?? 0n;
  }

  get key(): string {
    return readText(this.word('key'), this.word('key_size'));
  }

  answer(value: Uint8Array): void {
    const memory = BigInt(malloc(Math.max(1, value.length)));
    koffi.encode(memory, koffi.array('uint8_t', value.length), value);
    const fields = { value: memory, value_size: BigInt(value.length), value_deleter_callback: free };
    for (const [field, word] of Object.entries(fields)) koffi.encode(this.#placeOf(field), 'uint64_t', word);
  }

  /** @returns an error of the plugin's own making */
  error(code: number, text: string): Word {
    const [make = 0n] = readWords(this.word('callback_error'), 1);
    const message = new TextEncoder().encode(text);
    return BigInt(koffi.decode(make, callbackError)(code, message, message.length));
  }
}

let asked = 0;

/** A value that another process leaves within that time. */
function wait(key: string, milliseconds: number): Uint8Array | undefined {
  const id = `${front}.${asked++}`;
  const until = performance.now() + milliseconds + PATIENCE;
  let count = Atomics.load(answered, 0);
  ask({ op: 'get', id, key, milliseconds });
  for (;;) {
    const left = until - performance.now();
    if (left < 0 || Atomics.wait(answered, 0, count, left) === 'timed-out') return undefined;
    count = Atomics.load(answered, 0);
    for (let said = receive(); said !== undefined; said = receive())
      // Others come too late for what was asked before.
      if (said.message.id === id) return said.message.found ? said.bytes : undefined;
  }
}

function ask(message: KeyValueQuestion, bytes: Uint8Array = new Uint8Array()): void {
  port.postMessage({ message, bytes });
}

function receive(): KeyValueAnswer | undefined {
  return receiveMessageOnPort(port)?.message;
}

function put(at: number | bigint): Word {
  const args = new Arguments('KeyValuePutCallback_Args', at);
  ask({ op: 'put', key: args.key }, readBytes(args.word('value'), Number(args.word('value_size'))));
  return 0n;
}

function get(at: number | bigint): Word {
  const args = new Arguments('KeyValueGetCallback_Args', at);
  const milliseconds = Number(BigInt.asIntN(32, args.word('timeout_in_ms')));
  const value = wait(args.key, milliseconds);
  if (value === undefined)
    return args.error(DEADLINE_EXCEEDED, `No process left "${args.key}" within ${milliseconds} ms.`);
  args.answer(value);
  return 0n;
}

function tryGet(at: number | bigint): Word {
  const args = new Arguments('KeyValueTryGetCallback_Args', at);
  const value = wait(args.key, 0);
  if (value === undefined) return args.error(NOT_FOUND, `No process has left "${args.key}" yet.`);
  args.answer(value);
  return 0n;
}

const addressOf = (work: (at: number | bigint) => Word): Word =>
  BigInt(koffi.address(koffi.register(work, koffi.pointer(callback))));
const callbacks: Partial<KeyValueCallbacks> =
  role === 'takes'
    ? { kv_put_callback: addressOf(put) }
    : { kv_get_callback: addressOf(get), kv_try_get_callback: addressOf(tryGet) };
parentPort?.postMessage(callbacks);
// Keeps the thread waiting for calls.
parentPort?.on('message', () => {});
