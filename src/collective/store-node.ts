/**
 * What the ranks of a run share, kept by rank 0: keys with values, for which others wait, and what they do together, round after
 * round. Ranks come in by a token; whoever does not know it is sent away.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { hasCode } from '../files/system-node.ts';
import { counted } from '../numbers/counted.ts';
import { CollectiveError } from './collective.ts';
import { type Guest, type Meeting, type Message, Peer, PROTOCOL } from './peer-node.ts';

export interface StoreOptions {
  readonly host: string;
  readonly port: number;
  readonly size: number;
  readonly token: string;
  /** How long ranks are waited for. */
  readonly seconds: number;
  /** Milliseconds after which a silent rank is taken for lost. */
  readonly silence?: number | undefined;
  /** Told of strangers. */
  readonly tell: (text: string) => void;
  /** Told once, when the run cannot go on. */
  readonly onEnd: (why: string) => void;
}

/** Takes a message of a rank. */
export type Send = (message: Message, bytes?: Uint8Array) => void;

/** Milliseconds in which one who connects says who it is, and in which connections are ended. */
const PATIENCE = 10_000;
const LEAVE = 3000;

const guest = z.object({
  op: z.literal('join'),
  proof: z.string(),
  nonce: z.string(),
  protocol: z.number(),
  rank: z.number().int(),
  size: z.number().int(),
  host: z.string(),
});

/** What one who knows the token answers to a number that is used once. */
export function proofOf(token: string, nonce: string, who: string): string {
  return createHmac('sha256', token).update(`${who}/${nonce}`).digest('hex');
}

export function isProof(proof: string, token: string, nonce: string, who: string): boolean {
  const [given, wanted] = [Buffer.from(proof), Buffer.from(proofOf(token, nonce, who))];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** What ranks do together for the nth time. */
interface Round {
  readonly how: Meeting;
  readonly length: number;
  /** By rank; emptied as they are added up. */
  readonly parts: (Uint8Array | undefined)[];
  readonly ids: string[];
  /** Of the ranks up to `added`, in their order. */
  sum: Float32Array | undefined;
  added: number;
  arrived: number;
}

export class Store {
  readonly #options: StoreOptions;
  readonly #server: Server;
  readonly #ranks = new Map<number, { readonly send: Send; readonly name: string; readonly peer?: Peer }>();
  readonly #values = new Map<string, Uint8Array>();
  readonly #waiting = new Map<string, Set<(value: Uint8Array) => void>>();
  readonly #rounds = new Map<number, Round>();
  /** Rounds that each rank has come to. */
  readonly #numbers: number[];
  readonly #told = new Set<string>();
  #isEnded = false;
  #isLeaving = false;
  #allHere: () => void = () => {};

  /** @throws CollectiveError where the port cannot be taken */
  static async open(options: StoreOptions): Promise<Store> {
    const { host, port } = options;
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new CollectiveError(whyNoPort(error, options))));
      server.listen({ host, port }, resolve);
    });
    return new Store(server, options);
  }

  private constructor(server: Server, options: StoreOptions) {
    this.#options = options;
    this.#server = server;
    this.#numbers = new Array<number>(options.size).fill(0);
    server.on('connection', (socket) => this.#receive(socket));
  }

  /** Brings rank 0 in, which is here. @returns what takes its messages */
  join(send: Send): Send {
    this.#ranks.set(0, { send, name: 'Rank 0' });
    return (message, bytes = new Uint8Array()) => this.#take(0, message, bytes);
  }

  /**
   * Waits until all ranks are here.
   *
   * @throws CollectiveError naming those that do not come
   */
  async everyone(): Promise<void> {
    const { size, seconds } = this.#options;
    if (this.#ranks.size === size) return;
    const come = new Promise<boolean>((resolve) => {
      this.#allHere = () => resolve(true);
    });
    const timer = new AbortController();
    const late = sleep(seconds * 1000, false, { signal: timer.signal }).catch(() => false);
    if (!(await Promise.race([come, late]))) throw new CollectiveError(this.#missing());
    timer.abort();
  }

  #missing(): string {
    const { host, port, size, seconds } = this.#options;
    const missing = Array.from({ length: size }, (_, rank) => rank).filter((rank) => !this.#ranks.has(rank));
    const bound = this.#server.address();
    const address = typeof bound === 'object' ? bound?.address : undefined;
    const reach = /^(127\.|::1$)/.test(address ?? '')
      ? `only processes of this machine reach ${address}, so MASTER_ADDR has to be another address if they run elsewhere`
      : `see that they were started and reach this machine, or wait longer (DINO_RANK_TIMEOUT, in seconds)`;
    return `${missing.length === 1 ? 'Rank' : 'Ranks'} ${missing.join(', ')} of ${size} did not come to ${host}:${port} within ${counted(seconds, 'second')}: ${reach}.`;
  }

  #receive(socket: Socket): void {
    const { token, silence } = this.#options;
    const peer = new Peer(socket, silence);
    const nonce = randomBytes(16).toString('hex');
    const turnAway = (why: string): void => {
      clearTimeout(timer);
      const text = `A connection from ${peer.address} was refused: ${why}.`;
      if (!this.#told.has(text)) this.#options.tell(text);
      this.#told.add(text);
      peer.send({ op: 'refused', why });
      void peer.close();
      setTimeout(() => peer.destroy(), LEAVE).unref();
    };
    const timer = setTimeout(() => turnAway('it does not say who it is'), PATIENCE);
    peer.onLost = (why) => turnAway(why);
    peer.onMessage = (message) => {
      const { success, data } = guest.safeParse(message);
      if (!success) return turnAway('it speaks another language');
      const stranger =
        'it does not know the token of this run: all ranks need the same DINO_RUN_TOKEN, or the port is that of another run';
      if (!isProof(data.proof, token, nonce, `rank ${data.rank}`)) return turnAway(stranger);
      const unfit = this.#unfit(data);
      if (unfit !== undefined) return turnAway(unfit);
      clearTimeout(timer);
      this.#welcome(peer, data);
      peer.send({ op: 'welcome', proof: proofOf(token, data.nonce, 'rank 0') });
      if (this.#ranks.size === this.#options.size) this.#allHere();
    };
    peer.send({ op: 'hello', protocol: PROTOCOL, nonce });
  }

  #unfit({ protocol, rank, size, host }: Guest): string | undefined {
    const name = `rank ${rank} (${host})`;
    if (protocol !== PROTOCOL)
      return `${name} speaks version ${protocol} of the protocol and rank 0 version ${PROTOCOL}: install the same version on all machines`;
    if (size !== this.#options.size)
      return `${name} was started as one of ${size}, rank 0 as one of ${this.#options.size}`;
    if (this.#ranks.has(rank) || rank < 0 || rank >= size)
      return `${name} is one too many, as there is a rank ${rank} already: each needs a RANK of its own`;
    return undefined;
  }

  #welcome(peer: Peer, { rank, host }: Guest): void {
    const name = `Rank ${rank} (${host})`;
    peer.trust();
    peer.onMessage = (message, bytes) => this.#take(rank, message, bytes);
    peer.onLost = (why) => {
      if (!this.#isLeaving) this.end(`${name} is lost: ${why}.`);
    };
    this.#ranks.set(rank, { send: (message, bytes) => peer.send(message, bytes), name, peer });
  }

  #take(rank: number, message: Message, bytes: Uint8Array): void {
    if (message.op === 'put') this.#put(message.key, bytes);
    else if (message.op === 'get') void this.#get(rank, message);
    else if (message.op === 'meet') this.#meet(rank, message, bytes);
    else if (message.op === 'end') this.end(`${this.#ranks.get(rank)?.name} has ended all: ${message.why}`);
  }

  #put(key: string, value: Uint8Array): void {
    this.#values.set(key, value);
    for (const go of this.#waiting.get(key) ?? []) go(value);
    this.#waiting.delete(key);
  }

  async #get(rank: number, { id, key, milliseconds }: Message & { readonly op: 'get' }): Promise<void> {
    const value = this.#values.get(key) ?? (await this.#later(key, milliseconds));
    this.#ranks.get(rank)?.send({ op: 'got', id, found: value !== undefined }, value);
  }

  async #later(key: string, milliseconds: number): Promise<Uint8Array | undefined> {
    if (milliseconds <= 0) return undefined;
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    const timer = new AbortController();
    let go: (value: Uint8Array) => void = () => {};
    const come = new Promise<Uint8Array>((resolve) => {
      go = resolve;
    });
    waiting.add(go);
    const late = sleep(milliseconds, undefined, { signal: timer.signal, ref: false }).catch(() => undefined);
    const value = await Promise.race([come, late]);
    timer.abort();
    waiting.delete(go);
    return value;
  }

  #meet(rank: number, { id, how }: Message & { readonly op: 'meet' }, bytes: Uint8Array): void {
    const number = this.#numbers[rank] ?? 0;
    this.#numbers[rank] = number + 1;
    const { size } = this.#options;
    const round: Round = this.#rounds.get(number) ?? {
      ...{ how, length: bytes.length, parts: new Array(size).fill(undefined), ids: [] },
      ...{ sum: undefined, added: 0, arrived: 0 },
    };
    this.#rounds.set(number, round);
    const isEqual = round.how === how && (how === 'broadcast' || round.length === bytes.length);
    if (!isEqual) {
      this.end(
        `${this.#ranks.get(rank)?.name} asks for ${how} of ${bytes.length} bytes where another rank asked for ${round.how} of ${round.length}.`,
      );
      return;
    }
    round.parts[rank] = bytes;
    round.ids[rank] = id;
    round.arrived++;
    // In the order of the ranks, so that a run repeats its bits.
    if (how === 'sum' || how === 'scatter') addArrived(round);
    if (round.arrived < size) return;
    this.#rounds.delete(number);
    if (how === 'leave') this.#isLeaving = true;
    const made = resultOf(round);
    for (const [other, { send }] of this.#ranks) {
      const each = round.length / size;
      const own = how === 'scatter' ? made.subarray(other * each, (other + 1) * each) : made;
      send({ op: 'met', id: round.ids[other] ?? '' }, own);
    }
  }

  /** Ends the run on all ranks. */
  end(why: string): void {
    if (this.#isEnded || this.#isLeaving) return;
    this.#isEnded = true;
    for (const { peer } of this.#ranks.values()) peer?.send({ op: 'end', why });
    this.#options.onEnd(why);
  }

  /** @returns when all connections have ended */
  async close(): Promise<void> {
    this.#isLeaving = true;
    this.#server.close();
    const peers = [...this.#ranks.values()].flatMap(({ peer }) => (peer === undefined ? [] : [peer]));
    const all = Promise.all(peers.map((peer) => peer.close()));
    await Promise.race([all, sleep(LEAVE, undefined, { ref: false })]);
    for (const peer of peers) peer.destroy();
  }
}

/** Adds up what has come, as far as no rank before it is missing. */
function addArrived(round: Round): void {
  for (;;) {
    const part = round.parts[round.added];
    if (part === undefined) return;
    round.parts[round.added++] = undefined;
    const values = new Float32Array(part.buffer, part.byteOffset, part.byteLength / 4);
    const { sum } = round;
    if (sum === undefined) round.sum = values;
    else for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (values[i] ?? 0);
  }
}

function resultOf({ how, length, parts, sum }: Round): Uint8Array {
  if (sum !== undefined) return new Uint8Array(sum.buffer, sum.byteOffset, sum.byteLength);
  if (how === 'broadcast') return parts[0] ?? new Uint8Array();
  const all = new Uint8Array(how === 'gather' ? length * parts.length : 0);
  if (how === 'gather') for (const [rank, part] of parts.entries()) all.set(part ?? [], rank * length);
  return all;
}

function whyNoPort(error: Error, { host, port }: StoreOptions): string {
  const place = `${host}:${port}`;
  if (hasCode(error, 'EADDRINUSE'))
    return `The port of ${place}, where the ranks are to meet, is taken: give all of them another MASTER_PORT.`;
  if (hasCode(error, 'EADDRNOTAVAIL') || hasCode(error, 'ENOTFOUND') || hasCode(error, 'EAI_AGAIN'))
    return `Rank 0 cannot wait for the others at ${place}, as ${host} is no address of its machine: MASTER_ADDR has to be that of the machine where rank 0 runs.`;
  if (hasCode(error, 'EACCES'))
    return `The port of ${place} may not be taken by this user: give all ranks a MASTER_PORT from 1024 on.`;
  return `Rank 0 cannot wait for the others at ${place}: ${error.message}.`;
}
