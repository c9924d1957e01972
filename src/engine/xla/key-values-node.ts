/**
 * Processes of several machines that open a plugin together leave values for each other, such as where NCCL finds them. The plugin
 * asks for that by callbacks, on threads of its own and whenever it likes: while it is opened, while a program is compiled or run.
 * They are answered by threads that do nothing else, so that the main thread may be anywhere meanwhile: one takes values and never
 * waits, the other waits for those of other processes.
 */
import type { MessagePort } from 'node:worker_threads';
import { startThread, threadEntry } from '../../files/thread-node.ts';
import type { Word } from './pjrt-library-node.ts';

/** A line to what the processes share, for a thread of its own. */
export interface KeyValueLine {
  /** What ids of questions begin with, before a dot. */
  readonly front: string;
  readonly port: MessagePort;
  /** Counted up with every answer that lies in the port. */
  readonly answered: Int32Array;
}

/** What is asked on a line, and what is answered. */
export type KeyValueQuestion =
  | { readonly op: 'put'; readonly key: string }
  | { readonly op: 'get'; readonly id: string; readonly key: string; readonly milliseconds: number };
export interface KeyValueAnswer {
  readonly message: { readonly id: string; readonly found: boolean };
  readonly bytes: Uint8Array;
}

/** One of several processes that share keys and values. */
export interface KeyValueStore {
  readonly rank: number;
  readonly size: number;
  line(): KeyValueLine;
}

/** Addresses of functions, by their fields of PJRT_Client_Create_Args. */
export interface KeyValueCallbacks {
  readonly kv_get_callback: Word;
  readonly kv_try_get_callback: Word;
  readonly kv_put_callback: Word;
}

export interface KeyValueTask {
  readonly line: KeyValueLine;
  /** Which callbacks the thread answers. */
  readonly role: 'takes' | 'waits';
}

/** Starts what answers a plugin. It stays as long as the process, as the plugin may ask at any time. */
export async function answerPlugin(store: KeyValueStore): Promise<KeyValueCallbacks> {
  const [takes, waits] = await Promise.all([start(store, 'takes'), start(store, 'waits')]);
  const { kv_put_callback = 0n } = takes;
  const { kv_get_callback = 0n, kv_try_get_callback = 0n } = waits;
  return { kv_put_callback, kv_get_callback, kv_try_get_callback };
}

async function start(store: KeyValueStore, role: KeyValueTask['role']): Promise<Partial<KeyValueCallbacks>> {
  const line = store.line();
  const task: KeyValueTask = { line, role };
  const entry = threadEntry('./key-values-thread-node', import.meta.url);
  const thread = startThread(entry, task, `dino plugin ${role}`, [line.port]);
  const callbacks = await new Promise<Partial<KeyValueCallbacks>>((resolve, reject) => {
    thread.once('message', resolve).once('error', reject);
  });
  thread.unref();
  return callbacks;
}
