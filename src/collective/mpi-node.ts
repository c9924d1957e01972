/** Ranks that find each other through MPI, as `mpirun` and `srun` start them. */
import { fstatSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { type Collective, CollectiveError } from './collective.ts';
import { type Launched, launchedAs } from './launcher.ts';
import { type MpiFunction, type MpiLibrary, openMpiLibrary } from './mpi-library-node.ts';

/** Calls come from several threads, one at a time. */
const THREAD_SERIALIZED = 2;

/** @throws CollectiveError where the others cannot be found */
export function joinMpi(launched: Launched): Collective {
  checkConnection();
  return new Mpi(openMpiLibrary(launched.by === 'Open MPI' ? 'Open MPI' : undefined), launched);
}

/** MPICH's launcher hands an open file down, which a process in between does not pass on. */
function checkConnection(): void {
  const file = Number.parseInt(process.env.PMI_FD ?? '', 10);
  if (Number.isNaN(file)) return;
  try {
    if (fstatSync(file).isSocket()) return;
  } catch {
    // It is closed.
  }
  throw new CollectiveError(
    'The connection to the launcher of MPICH got lost on the way to this process, as npx does not pass it on: start node_modules/.bin/dino in its place.',
  );
}

/** Cores of this rank: those that its launcher has bound it to, or its share of the machine's. */
export function coresOfRank(): number {
  const available = availableParallelism();
  return available < cpus().length ? available : shareOfCores();
}

/** Cores of the machine for each of its ranks. */
export function shareOfCores(): number {
  return Math.max(1, Math.floor(cpus().length / (launchedAs(process.env)?.here ?? 1)));
}

class Mpi implements Collective {
  readonly rank: number;
  readonly size: number;
  readonly #library: MpiLibrary;
  readonly #functions: Readonly<Record<Name, MpiFunction>>;
  /** Ends when everything asked for so far is done. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(library: MpiLibrary, launched: Launched) {
    this.#library = library;
    const bind = (name: Name): MpiFunction => library.func(name, ...functions[name]);
    this.#functions = {
      MPI_Init_thread: bind('MPI_Init_thread'),
      MPI_Comm_rank: bind('MPI_Comm_rank'),
      MPI_Comm_size: bind('MPI_Comm_size'),
      MPI_Allreduce: bind('MPI_Allreduce'),
      MPI_Allgather: bind('MPI_Allgather'),
      MPI_Reduce_scatter_block: bind('MPI_Reduce_scatter_block'),
      MPI_Bcast: bind('MPI_Bcast'),
      MPI_Barrier: bind('MPI_Barrier'),
      MPI_Abort: bind('MPI_Abort'),
      MPI_Finalize: bind('MPI_Finalize'),
    };
    const { world } = library.handles;
    const level = new Int32Array(1);
    check('MPI_Init_thread', this.#functions.MPI_Init_thread(null, null, THREAD_SERIALIZED, level));
    if ((level[0] ?? 0) < THREAD_SERIALIZED)
      throw new CollectiveError(
        `${library.version} cannot be called from several threads: use an MPI library that was built with MPI_THREAD_SERIALIZED.`,
      );
    const number = new Int32Array(1);
    check('MPI_Comm_rank', this.#functions.MPI_Comm_rank(world, number));
    this.rank = number[0] ?? 0;
    check('MPI_Comm_size', this.#functions.MPI_Comm_size(world, number));
    this.size = number[0] ?? 1;
    if (launched.size !== undefined && launched.size !== this.size)
      throw new CollectiveError(
        `${launched.size} processes were started, and ${library.version} sees ${this.size}: name the library that belongs to the launcher in DINO_MPI_LIBRARY.`,
      );
  }

  async sum(values: Float32Array): Promise<void> {
    const { float, sum, world, inPlace } = this.#library.handles;
    await this.#call('MPI_Allreduce', inPlace, values, values.length, float, sum, world);
  }

  async gather(own: Float32Array, all: Float32Array): Promise<void> {
    const { float, world } = this.#library.handles;
    await this.#call('MPI_Allgather', own, own.length, float, all, own.length, float, world);
  }

  async scatterSum(all: Float32Array, own: Float32Array): Promise<void> {
    const { float, sum, world } = this.#library.handles;
    await this.#call('MPI_Reduce_scatter_block', all, own, own.length, float, sum, world);
  }

  async broadcast(bytes: Uint8Array): Promise<void> {
    const { byte, world } = this.#library.handles;
    await this.#call('MPI_Bcast', bytes, bytes.length, byte, 0, world);
  }

  async barrier(): Promise<void> {
    await this.#call('MPI_Barrier', this.#library.handles.world);
  }

  abort(code: number): void {
    this.#functions.MPI_Abort(this.#library.handles.world, code);
  }

  async dispose(): Promise<void> {
    await this.barrier();
    check('MPI_Finalize', this.#functions.MPI_Finalize());
  }

  /** One after the other, each on a thread of its own, so that this one stays free. */
  async #call(name: Name, ...args: readonly unknown[]): Promise<void> {
    const turn = this.#last.then(
      () =>
        new Promise<void>((resolve, reject) => {
          this.#functions[name].async(...args, (error: Error | null, code: number) => {
            if (error !== null) return reject(error);
            try {
              check(name, code);
              resolve();
            } catch (failure) {
              reject(failure);
            }
          });
        }),
    );
    this.#last = turn.catch(() => {});
    await turn;
  }
}

const functions = {
  MPI_Init_thread: ['void *', 'void *', 'int', 'void *'],
  MPI_Comm_rank: ['handle', 'void *'],
  MPI_Comm_size: ['handle', 'void *'],
  MPI_Allreduce: ['uintptr_t', 'void *', 'int', 'handle', 'handle', 'handle'],
  MPI_Allgather: ['void *', 'int', 'handle', 'void *', 'int', 'handle', 'handle'],
  MPI_Reduce_scatter_block: ['void *', 'void *', 'int', 'handle', 'handle', 'handle'],
  MPI_Bcast: ['void *', 'int', 'handle', 'int', 'handle'],
  MPI_Barrier: ['handle'],
  MPI_Abort: ['handle', 'int'],
  MPI_Finalize: [],
} as const satisfies Record<string, readonly string[]>;
type Name = keyof typeof functions;

function check(name: string, code: number): void {
  if (code !== 0)
    throw new CollectiveError(`${name} failed with MPI's error ${code}: another rank may have ended.`);
}
