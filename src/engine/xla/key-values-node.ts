import type { MessagePort } from 'node:worker_threads';
/** A line to what the processes of a run share, for a thread of its own. */
export interface KeyValueLine {
  readonly front: string;
  readonly port: MessagePort;
  readonly answered: Int32Array;
}
