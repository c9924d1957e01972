/**
 * The thread that speaks with the other ranks, so that they are heard while the main thread is at work: in rank 0 it keeps the store, in
 * others the connection to it. It hands messages on between the store and whoever asked: the main thread, or those of a plugin.
 */
import { writeSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { CollectiveError } from './collective.ts';
import { connectToStore } from './connect-node.ts';
import type { MeetingPlace } from './meeting-place.ts';
import type { Message } from './peer-node.ts';
import { type Send, Store } from './store-node.ts';

export interface StoreTask {
  readonly place: MeetingPlace;
  readonly silence?: number | undefined;
  /** Becomes 1 when the others have been told of an end. */
  readonly isTold: Int32Array;
}

/** What the main thread hands over. */
export type Handed =
  | { readonly do: 'send'; readonly message: Message; readonly bytes?: Uint8Array }
  /** Answers to ids with this front go to a port, and `answered` is counted up. */
  | {
      readonly do: 'serve';
      readonly front: string;
      readonly port: MessagePort;
      readonly answered: Int32Array;
    }
  | { readonly do: 'close' };

/** What the main thread is told. */
export type Told =
  | { readonly kind: 'ready' }
  | { readonly kind: 'message'; readonly message: Message; readonly bytes: Uint8Array }
  | { readonly kind: 'stranger'; readonly text: string }
  | { readonly kind: 'failed' | 'lost'; readonly why: string };

/** Milliseconds that the main thread has to end by itself, when the run is lost. */
const PATIENCE = 8000;

const { place, silence, isTold }: StoreTask = workerData;
const { rank, host, port } = place;
const served = new Map<string, { readonly port: MessagePort; readonly answered: Int32Array }>();

const tell = (told: Told): void => parentPort?.postMessage(told);

function hand(message: Message, bytes: Uint8Array = new Uint8Array()): void {
  const line = 'id' in message ? served.get(message.id.split('.')[0] ?? '') : undefined;
  if (message.op === 'met' && message.id === leave) isLost = true;
  if (message.op === 'end') lost(message.why);
  else if (line === undefined) tell({ kind: 'message', message, bytes });
  else {
    line.port.postMessage({ message, bytes });
    Atomics.add(line.answered, 0, 1);
    Atomics.notify(line.answered, 0);
  }
}

let isLost = false;
/** By which this rank takes leave; once that is answered, the others may end before it. */
let leave: string | undefined;

function lost(why: string): void {
  if (isLost) return;
  isLost = true;
  tell({ kind: 'lost', why });
  // The main thread may be in the middle of something that does not end.
  setTimeout(() => {
    writeSync(2, `error on rank ${rank}: ${why}\n`);
    process.kill(process.pid, 'SIGKILL');
  }, PATIENCE).unref();
}

interface Link {
  readonly send: Send;
  close(): Promise<void>;
}

async function open(): Promise<Link> {
  if (rank > 0) {
    const peer = await connectToStore(
      place,
      {
        onMessage(message, bytes) {
          hand(message, bytes);
          if (message.op === 'end') void peer.close();
        },
        onLost: (why) => lost(`Rank 0 at ${host}:${port} is lost: ${why}.`),
      },
      silence,
    );
    return { send: (message, bytes) => peer.send(message, bytes), close: () => peer.close() };
  }
  const store = await Store.open({
    ...{ ...place, silence, onEnd: lost },
    tell: (text) => tell({ kind: 'stranger', text }),
  });
  const send = store.join(hand);
  const link = { send, close: () => store.close() };
  try {
    await store.everyone();
  } catch (error) {
    store.end(error instanceof Error ? error.message : String(error));
    await store.close();
    throw error;
  }
  return link;
}

function listen({ send, close }: Link): void {
  parentPort?.on('message', async (handed: Handed) => {
    if (handed.do === 'serve') {
      served.set(handed.front, handed);
      handed.port.on('message', ({ message, bytes }) => send(message, bytes));
      return;
    }
    const isEnd = handed.do === 'close' || handed.message.op === 'end';
    if (isEnd) isLost = true;
    if (handed.do === 'send') {
      const { message } = handed;
      if (message.op === 'meet' && message.how === 'leave') leave = message.id;
      send(message, handed.bytes);
    }
    if (!isEnd) return;
    await close();
    Atomics.store(isTold, 0, 1);
    Atomics.notify(isTold, 0);
    for (const line of served.values()) line.port.close();
    parentPort?.close();
  });
}

try {
  listen(await open());
  tell({ kind: 'ready' });
} catch (error) {
  if (!(error instanceof CollectiveError)) throw error;
  tell({ kind: 'failed', why: error.message });
  parentPort?.close();
}
