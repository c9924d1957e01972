/**
 * Several processes that train one network together. Each is a _rank_, numbered from 0; what one asks for here all ask for, in the
 * same order. Training knows only this; who carries the numbers (MPI, another process' memory in tests) is in the files beside.
 */
export interface Collective {
  readonly rank: number;
  /** How many ranks there are. */
  readonly size: number;
  /** Adds up in place: afterwards every rank holds the sum of all, the same bits on each and in every run. */
  sum(values: Float32Array): Promise<void>;
  /** The values of all ranks, one rank after the other: `all` is `size` times as long as `own`. */
  gather(own: Float32Array, all: Float32Array): Promise<void>;
  /** Adds up what is `size` times as long as `own`, and leaves each rank its part of the sum. */
  scatterSum(all: Float32Array, own: Float32Array): Promise<void>;
  /** Rank 0's bytes, on all. */
  broadcast(bytes: Uint8Array): Promise<void>;
  /** Waits until all ranks are here. */
  barrier(): Promise<void>;
  /** Ends all ranks at once, this one too: one of them cannot go on. */
  abort(code: number): void;
  /** Takes leave of the others; waits until all do. */
  dispose(): Promise<void>;
}

export class CollectiveError extends Error {
  override name = 'CollectiveError';
}

/** One process that trains alone: it waits for nobody. */
export const alone: Collective = {
  rank: 0,
  size: 1,
  async sum() {},
  async gather(own, all) {
    all.set(own);
  },
  async scatterSum(all, own) {
    own.set(all);
  },
  async broadcast() {},
  async barrier() {},
  abort() {},
  async dispose() {},
};
