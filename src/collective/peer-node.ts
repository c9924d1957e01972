/**
 * A connection between a rank and rank 0. Messages are a header in JSON and bytes: lengths of both (4 and 6 bytes), then the two.
 * Each side hears of the other every few seconds, so that one whose machine is gone is noticed.
 */
import type { Socket } from 'node:net';
import { counted } from '../numbers/counted.ts';

/** Changes with everything that is said below. */
export const PROTOCOL = 1;

export type Meeting = 'sum' | 'gather' | 'scatter' | 'broadcast' | 'barrier' | 'leave';

export type Message =
  /** How ranks come in: rank 0 asks, the rank proves that it knows the token, and so does rank 0. */
  | { readonly op: 'hello'; readonly protocol: number; readonly nonce: string }
  | ({ readonly op: 'join'; readonly proof: string; readonly nonce: string } & Guest)
  | { readonly op: 'welcome'; readonly proof: string }
  | { readonly op: 'refused'; readonly why: string }
  | { readonly op: 'ping' }
  /** Keys and values. */
  | { readonly op: 'put'; readonly key: string }
  | { readonly op: 'get'; readonly id: string; readonly key: string; readonly milliseconds: number }
  | { readonly op: 'got'; readonly id: string; readonly found: boolean }
  /** What all ranks do together, each in the same order. */
  | { readonly op: 'meet'; readonly id: string; readonly how: Meeting }
  | { readonly op: 'met'; readonly id: string }
  /** The end of all. */
  | { readonly op: 'end'; readonly why: string };

/** Who wants to come in. */
export interface Guest {
  readonly protocol: number;
  readonly rank: number;
  readonly size: number;
  readonly host: string;
}

const HEAD = 10;
/** What strangers may send. */
const SMALL = 4096;
const LARGEST_HEADER = 2 ** 20;
const LARGEST = 2 ** 40;
/** Milliseconds after which a silent side is taken for lost. */
const SILENCE = 16_000;

const none = new Uint8Array();

export class Peer {
  /** "10.0.0.7" */
  readonly address: string;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  readonly #closed: Promise<void>;
  #isTrusted = false;
  #isLost = false;
  #heard = performance.now();
  #head = Buffer.alloc(0);
  /** The message whose bytes are still coming. */
  #message: Message | undefined;
  #bytes: Uint8Array = none;
  #filled = 0;
  onMessage: (message: Message, bytes: Uint8Array) => void = () => {};
  /** Told once, with the reason, unless it was closed from here. */
  onLost: (why: string) => void = () => {};

  constructor(socket: Socket, silence = SILENCE) {
    this.#socket = socket.setNoDelay(true);
    this.address = (socket.remoteAddress ?? 'somewhere').replace(/^::ffff:/, '');
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (piece) => this.#read(piece));
    socket.on('error', ({ message }) => this.#lose(message));
    socket.on('end', () => this.#lose('it ended'));
    socket.on('close', () => this.#lose('it ended'));
    const pause = silence / 4;
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      // A machine that was asleep has heard nobody.
      if (now - last > 2 * pause) this.#heard = now;
      last = now;
      if (now - this.#heard > silence)
        this.#lose(`nothing was heard for ${counted(Math.round(silence / 1000), 'second')}`);
      else if (this.#isTrusted) this.send({ op: 'ping' });
    }, pause);
  }

  /** From now on it may send what is large. */
  trust(): void {
    this.#isTrusted = true;
  }

  send(message: Message, bytes: Uint8Array = none): void {
    if (this.#isLost) return;
    const header = Buffer.from(JSON.stringify(message));
    const head = Buffer.alloc(HEAD);
    head.writeUInt32LE(header.length);
    head.writeUIntLE(bytes.length, 4, 6);
    this.#socket.write(Buffer.concat([head, header]));
    if (bytes.length > 0) this.#socket.write(bytes);
  }

  /** Ends it after what was sent. @returns when the other side has ended it too */
  async close(): Promise<void> {
    this.#isLost = true;
    clearInterval(this.#timer);
    this.#socket.end();
    await this.#closed;
  }

  /** Ends it at once, whatever was sent. */
  destroy(): void {
    this.#isLost = true;
    clearInterval(this.#timer);
    this.#socket.destroy();
  }

  #lose(why: string): void {
    if (this.#isLost) return;
    this.destroy();
    this.onLost(why);
  }

  #read(piece: Buffer): void {
    if (this.#isLost) return;
    this.#heard = performance.now();
    for (let rest = piece; ; ) {
      if (this.#message === undefined) {
        this.#head = Buffer.concat([this.#head, rest]);
        rest = this.#takeHeader();
        if (this.#message === undefined) return;
      }
      const taken = rest.subarray(0, this.#bytes.length - this.#filled);
      this.#bytes.set(taken, this.#filled);
      this.#filled += taken.length;
      if (this.#filled < this.#bytes.length) return;
      const [message, bytes] = [this.#message, this.#bytes];
      this.#message = undefined;
      if (message.op !== 'ping') this.onMessage(message, bytes);
      if (this.#isLost) return;
      rest = rest.subarray(taken.length);
    }
  }

  /** @returns what follows the header, which may not be there yet */
  #takeHeader(): Buffer {
    const head = this.#head;
    if (head.length < HEAD) return head;
    const [length, bytes] = [head.readUInt32LE(0), head.readUIntLE(4, 6)];
    const [most, mostBytes] = this.#isTrusted ? [LARGEST_HEADER, LARGEST] : [SMALL, 0];
    const end = HEAD + length;
    try {
      if (length > most || bytes > mostBytes) throw new RangeError('No message is that long.');
      if (head.length < end) return head;
      const message: unknown = JSON.parse(head.toString('utf8', HEAD, end));
      if (!isMessage(message)) throw new TypeError('It has no name.');
      this.#message = message;
    } catch {
      this.#lose('it speaks another language');
      return head;
    }
    this.#bytes = new Uint8Array(bytes);
    this.#filled = 0;
    this.#head = Buffer.alloc(0);
    return head.subarray(end);
  }
}

/** What ranks say has the right fields; of a stranger more is asked before it is believed. */
function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'op' in value && typeof value.op === 'string';
}
