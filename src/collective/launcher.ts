/** Who started this process, as far as its environment tells: `mpirun`, `srun`, `torchrun` and the like start one for each rank. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** Open MPI's launcher; another one of MPI; one that only numbers its processes, as torchrun and Slurm do. */
export type Launcher = 'Open MPI' | 'MPI' | 'torchrun' | 'Slurm';

/** One of several processes. */
export interface Launched {
  /** Undefined where only the MPI library knows it. */
  readonly rank: number | undefined;
  readonly size: number | undefined;
  /** Ranks on this machine, where that is said. */
  readonly here: number | undefined;
  readonly by: Launcher;
}

/**
 * What launchers call rank, size, and ranks on one machine. MPI comes first: MPICH, Intel MPI and Slurm's PMI-2; PMIx, which says only
 * the rank.
 */
const launchers = [
  ['Open MPI', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_SIZE'],
  ['MPI', 'PMI_RANK', 'PMI_SIZE', 'MPI_LOCALNRANKS'],
  ['MPI', 'PMIX_RANK', 'SLURM_STEP_NUM_TASKS', 'SLURM_NTASKS_PER_NODE'],
  ['torchrun', 'RANK', 'WORLD_SIZE', 'LOCAL_WORLD_SIZE'],
  ['Slurm', 'SLURM_PROCID', 'SLURM_STEP_NUM_TASKS', 'SLURM_STEP_TASKS_PER_NODE'],
] as const;

export function numberIn(environment: Environment, name: string): number | undefined {
  const value = Number.parseInt(environment[name] ?? '', 10);
  return Number.isNaN(value) ? undefined : value;
}

/** @returns undefined for a process that is alone */
export function launchedAs(environment: Environment): Launched | undefined {
  // Whatever torchrun was started by, its processes are its own.
  const isTorchrun = environment.TORCHELASTIC_RUN_ID !== undefined;
  for (const [by, rankName, sizeName, hereName] of launchers) {
    if (isTorchrun && isMpi(by)) continue;
    const rank = numberIn(environment, rankName);
    const size = numberIn(environment, sizeName);
    // A job script of Slurm has a number too, but is no step.
    if (rank === undefined || (size === undefined && !isMpi(by))) continue;
    if (size === 1) return undefined;
    return { rank, size, here: numberIn(environment, hereName), by };
  }
  return undefined;
}

export function isMpi(by: Launcher): boolean {
  return by === 'Open MPI' || by === 'MPI';
}
