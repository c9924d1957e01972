/** The worker threads of a loader: starts them, waits for their signs of life, ends them. */
import type { Worker } from 'node:worker_threads';
import { startThread, threadEntry } from '../files/thread-node.ts';
import type { CropRecipe } from '../image/augment.ts';
import type { CacheBuffers } from './decoded-cache.ts';
import { type Ring, stopRing } from './ring.ts';
import type { SourceSpec } from './source-spec.ts';

/** All a worker is given. */
export interface WorkerTask {
  readonly spec: SourceSpec;
  readonly loadSize: number;
  /** Images in the source. */
  readonly length: number;
  /** Images in a whole batch, and which of them the first of the ring is. */
  readonly batchSize: number;
  readonly first: number;
  readonly seed: number;
  readonly recipe: CropRecipe;
  readonly imageBytes: number;
  readonly ring: Ring;
  readonly cache: CacheBuffers;
}

/** What a worker says. One message a batch, and one for each bad file: the work itself is shared out through the ring. */
export type WorkerMessage =
  | { readonly kind: 'filled' }
  | { readonly kind: 'bad'; readonly index: number; readonly reason: string }
  | { readonly kind: 'finished' };

const workerEntry = threadEntry('./worker-node', import.meta.url);

/** How long an orderly end may take (one image per worker) before threads are ended by force. */
const PATIENCE_MS = 10_000;

export class WorkerPool {
  readonly #ring: Ring;
  readonly #workers: Worker[] = [];
  readonly #exits: Promise<void>[] = [];
  #failure: Error | undefined;
  #closing = false;
  #running: number;
  #wake: () => void = () => {};

  /**
   * @param onBad is told of files that could not be decoded, possibly several times of one
   * @param entry the module that the threads run
   */
  constructor(
    count: number,
    task: WorkerTask,
    onBad: (index: number, reason: string) => void,
    entry = workerEntry,
  ) {
    this.#ring = task.ring;
    this.#running = count;
    for (let i = 0; i < count; i++) {
      const worker = startThread(entry, task, `dino data ${i}`);
      let finished = false;
      worker.on('message', (message: WorkerMessage) => {
        if (message.kind === 'bad') onBad(message.index, message.reason);
        else if (message.kind === 'finished') finished = true;
        this.#wake();
      });
      worker.on('error', (error) => this.#fail(`A data worker failed: ${error.message}`, error));
      this.#exits.push(
        new Promise((resolve) => {
          worker.on('exit', (code) => {
            if (!finished && !this.#closing) {
              this.#fail(
                `A data worker ended with code ${code}: run again, with "workers: 0" if it persists.`,
              );
            }
            this.#running--;
            this.#wake();
            resolve();
          });
        }),
      );
      // An abandoned generator must not keep the process alive; `until` holds the threads while it waits.
      worker.unref();
      this.#workers.push(worker);
    }
  }

  #fail(message: string, cause?: Error): void {
    this.#failure ??= new Error(message, { cause });
    this.#wake();
  }

  /** Waits for a condition that workers bring about. @throws when a worker has failed */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#running === 0)
        throw new Error('The data workers ended before their work was done: run again.');
      const sign = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      for (const worker of this.#workers) worker.ref();
      await sign;
      for (const worker of this.#workers) worker.unref();
    }
  }

  /** Lets every worker finish the image it is at, and waits until the threads are gone. */
  async close(): Promise<void> {
    this.#closing = true;
    stopRing(this.#ring);
    for (const worker of this.#workers) worker.ref();
    const timer = setTimeout(() => {
      for (const worker of this.#workers) void worker.terminate();
    }, PATIENCE_MS);
    await Promise.all(this.#exits);
    clearTimeout(timer);
  }
}
