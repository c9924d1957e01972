/** Who started this process, as far as its environment tells: `mpirun`, `srun` and the like start one for each rank. */
import { CollectiveError } from './collective.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** One of several processes. */
export interface Launched {
  /** Undefined where only the MPI library knows it. */
  readonly rank: number | undefined;
  readonly size: number | undefined;
  /** Ranks on this machine, where that is said. */
  readonly here: number | undefined;
  /** Whether Open MPI's own launcher did it. */
  readonly byOpenMpi: boolean;
}

/** What launchers call rank, size, and ranks on one machine: Open MPI; MPICH, Intel MPI and Slurm's PMI-2; PMIx, which says only the rank. */
const launchers = [
  ['OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_SIZE'],
  ['PMI_RANK', 'PMI_SIZE', 'MPI_LOCALNRANKS'],
  ['PMIX_RANK', 'SLURM_STEP_NUM_TASKS', 'SLURM_NTASKS_PER_NODE'],
] as const;

function number(environment: Environment, name: string): number | undefined {
  const value = Number.parseInt(environment[name] ?? '', 10);
  return Number.isNaN(value) ? undefined : value;
}

/** @returns undefined for a process that is alone */
export function launchedAs(environment: Environment): Launched | undefined {
  for (const [rankName, sizeName, hereName] of launchers) {
    const rank = number(environment, rankName);
    if (rank === undefined) continue;
    const size = number(environment, sizeName);
    if (size === 1) return undefined;
    return { rank, size, here: number(environment, hereName), byOpenMpi: rankName.startsWith('OMPI') };
  }
  return undefined;
}

/** @throws CollectiveError where several processes were started that will not find each other */
export function checkIntroduced(environment: Environment): void {
  if (launchers.some(([rank]) => number(environment, rank) !== undefined)) return;
  const world = environment.TORCHELASTIC_RUN_ID === undefined ? 1 : (number(environment, 'WORLD_SIZE') ?? 1);
  if (world > 1)
    throw new CollectiveError(
      `${world} processes were started by torchrun, which only PyTorch knows: start them by mpirun -n ${world}.`,
    );
  const tasks = number(environment, 'SLURM_STEP_NUM_TASKS') ?? 1;
  if (tasks > 1)
    throw new CollectiveError(
      `${tasks} processes were started by srun that do not know of each other: give it --mpi=pmix or --mpi=pmi2, as srun --mpi=list says.`,
    );
}
