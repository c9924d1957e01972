/**
 * Ranks that meet at a port of rank 0, without MPI. All numbers go through rank 0, which adds up in the order of the ranks: made for
 * small messages, good enough to train with on a few machines.
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { KeyValueLine } from '../engine/xla/key-values-node.ts';
import { startThread, threadEntry } from '../files/thread-node.ts';
import { type Collective, CollectiveError } from './collective.ts';
import type { MeetingPlace } from './meeting-place.ts';
import type { Meeting, Message } from './peer-node.ts';
import type { Handed, StoreTask, Told } from './store-thread-node.ts';

/** Milliseconds in which the others are told that this rank fails. */
const LAST_WORDS = 2000;

export interface TcpOptions {
  /** Milliseconds after which a silent rank is taken for lost; 16 seconds unless given. */
  readonly silence?: number;
  /** Told of connections that were refused; the error output unless given. */
  readonly tell?: (text: string) => void;
}

interface Pending {
  resolve(bytes: Uint8Array): void;
  reject(error: Error): void;
}

/**
 * Meets the other ranks.
 *
 * @throws CollectiveError where the port is taken, where a rank does not come in time, or where rank 0 refuses this one
 */
export async function meetByTcp(
  place: MeetingPlace,
  { silence, tell = console.error }: TcpOptions = {},
): Promise<TcpRanks> {
  const isTold = new Int32Array(new SharedArrayBuffer(4));
  const task: StoreTask = { place, silence, isTold };
  const thread = startThread(threadEntry('./store-thread-node', import.meta.url), task, 'dino ranks');
  await new Promise<void>((resolve, reject) => {
    thread.once('error', reject);
    const hear = (told: Told): void => {
      if (told.kind === 'stranger') tell(told.text);
      else {
        thread.off('message', hear).off('error', reject);
        if (told.kind === 'failed' || told.kind === 'lost') reject(new CollectiveError(told.why));
        else resolve();
      }
    };
    thread.on('message', hear);
  });
  return new TcpRanks(place, thread, isTold, tell);
}

export class TcpRanks implements Collective {
  readonly rank: number;
  readonly size: number;
  /** "10.0.0.7:29500", on the machine of rank 0. */
  readonly meetsAt: string;
  /** Its number among the ranks of its machine and how many those are, where that was said. */
  readonly local: number | undefined;
  readonly here: number | undefined;
  readonly #thread: Worker;
  readonly #isTold: Int32Array;
  readonly #pending = new Map<string, Pending>();
  #asked = 0;
  #lines = 0;
  #lost: CollectiveError | undefined;
  #hasLeft = false;

  /** Use `meetByTcp`. */
  constructor(
    { rank, size, local, here, host, port }: MeetingPlace,
    thread: Worker,
    isTold: Int32Array,
    tell: (text: string) => void,
  ) {
    this.rank = rank;
    this.size = size;
    this.meetsAt = `${host}:${port}`;
    this.local = local;
    this.here = here;
    this.#thread = thread;
    this.#isTold = isTold;
    thread.on('message', (told: Told) => {
      if (told.kind === 'stranger') tell(told.text);
      else if (told.kind === 'message') this.#answer(told.message, told.bytes);
      else if (told.kind !== 'ready') this.#lose(told.why);
    });
  }

  async sum(values: Float32Array): Promise<void> {
    values.set(floatsOf(await this.#meet('sum', values)));
  }

  async gather(own: Float32Array, all: Float32Array): Promise<void> {
    all.set(floatsOf(await this.#meet('gather', own)));
  }

  async scatterSum(all: Float32Array, own: Float32Array): Promise<void> {
    own.set(floatsOf(await this.#meet('scatter', all)));
  }

  async broadcast(bytes: Uint8Array): Promise<void> {
    const made = await this.#meet('broadcast', this.rank === 0 ? bytes : new Uint8Array());
    if (this.rank > 0) bytes.set(made);
  }

  async barrier(): Promise<void> {
    await this.#meet('barrier', new Uint8Array());
  }

  /** Leaves a value for the other ranks. */
  put(key: string, value: Uint8Array): void {
    this.#send({ op: 'put', key }, value);
  }

  /** A value that a rank left; undefined where none does within that time. */
  async get(key: string, milliseconds: number): Promise<Uint8Array | undefined> {
    const id = this.#nextId();
    const bytes = await this.#ask({ op: 'get', id, key, milliseconds });
    return bytes === notFound ? undefined : bytes;
  }

  /** A line to the store for a thread that waits for its answers by `answered`. */
  line(): KeyValueLine {
    const front = `line${this.#lines++}`;
    const { port1, port2 } = new MessageChannel();
    const answered = new Int32Array(new SharedArrayBuffer(4));
    this.#hand({ do: 'serve', front, port: port1, answered }, [port1]);
    return { front, port: port2, answered };
  }

  abort(code: number): void {
    if (this.#lost === undefined) {
      this.#send({ op: 'end', why: 'what happened stands in its own output.' });
      Atomics.wait(this.#isTold, 0, 0, LAST_WORDS);
    }
    process.exit(code);
  }

  async dispose(): Promise<void> {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    if (this.#lost !== undefined) {
      await this.#thread.terminate();
      return;
    }
    await this.#meet('leave', new Uint8Array());
    const exit = new Promise((resolve) => this.#thread.once('exit', resolve));
    this.#hand({ do: 'close' });
    await exit;
  }

  #meet(how: Meeting, own: Float32Array | Uint8Array): Promise<Uint8Array> {
    return this.#ask({ op: 'meet', id: this.#nextId(), how }, own);
  }

  #nextId(): string {
    return `main.${this.#asked++}`;
  }

  #ask(message: Message & { readonly id: string }, own?: Float32Array | Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) {
        reject(this.#lost);
        return;
      }
      this.#pending.set(message.id, { resolve, reject });
      this.#send(message, own);
    });
  }

  #send(message: Message, own: Float32Array | Uint8Array = new Uint8Array()): void {
    // A copy that can be given away: the values may change as soon as this returns.
    const bytes = Uint8Array.from(new Uint8Array(own.buffer, own.byteOffset, own.byteLength));
    this.#hand({ do: 'send', message, bytes }, [bytes.buffer]);
  }

  #hand(handed: Handed, given: (ArrayBuffer | MessagePort)[] = []): void {
    this.#thread.postMessage(handed, given);
  }

  #answer(message: Message, bytes: Uint8Array): void {
    if (!('id' in message)) return;
    const asked = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    asked?.resolve(message.op === 'got' && !message.found ? notFound : bytes);
  }

  /** What is waited for fails; where nothing is, the process does. */
  #lose(why: string): void {
    this.#lost = new CollectiveError(why);
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of waiting) reject(this.#lost);
    if (waiting.length === 0) throw this.#lost;
  }
}

const notFound = new Uint8Array();

function floatsOf({ buffer, byteOffset, byteLength }: Uint8Array): Float32Array {
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}
