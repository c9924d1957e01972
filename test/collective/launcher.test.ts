import { describe, expect, it } from 'vitest';
import { alone } from '../../src/collective/collective.ts';
import { checkIntroduced, launchedAs } from '../../src/collective/launcher.ts';
import { gathered, shared, summed } from '../../src/collective/messages.ts';
import { onRanks } from './local-collective.ts';

describe('what a launcher says in the environment', () => {
  it.each([
    [{}, undefined],
    [{ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' }, undefined],
    [
      { OMPI_COMM_WORLD_RANK: '3', OMPI_COMM_WORLD_SIZE: '8', OMPI_COMM_WORLD_LOCAL_SIZE: '4' },
      { rank: 3, size: 8, here: 4, byOpenMpi: true },
    ],
    [
      { PMI_RANK: '1', PMI_SIZE: '2', MPI_LOCALNRANKS: '2' },
      { rank: 1, size: 2, here: 2, byOpenMpi: false },
    ],
    [{ PMIX_RANK: '1' }, { rank: 1, size: undefined, here: undefined, byOpenMpi: false }],
    // A job script of Slurm is not a step.
    [{ SLURM_NTASKS: '4', SLURM_PROCID: '0' }, undefined],
  ] as const)('%j', (environment, launched) => {
    expect(launchedAs(environment)).toEqual(launched);
    expect(() => checkIntroduced(environment)).not.toThrow();
  });

  it('names processes that do not know of each other', () => {
    expect(() => checkIntroduced({ SLURM_STEP_NUM_TASKS: '4', SLURM_PROCID: '1' })).toThrow(
      '4 processes were started by srun that do not know of each other: give it --mpi=pmix or --mpi=pmi2',
    );
    expect(() => checkIntroduced({ TORCHELASTIC_RUN_ID: 'none', WORLD_SIZE: '4', RANK: '0' })).toThrow(
      '4 processes were started by torchrun, which only PyTorch knows: start them by mpirun -n 4.',
    );
    expect(() => checkIntroduced({ SLURM_STEP_NUM_TASKS: '4', PMI_RANK: '1', PMI_SIZE: '4' })).not.toThrow();
  });
});

describe('messages', () => {
  it('bring the text of rank 0 to all, and those of all to each', async () => {
    const texts = ['one', 'zwölf', ''];
    const found = await onRanks(3, async (ranks) => [
      await shared(ranks, ranks.rank === 0 ? { texts, none: null } : undefined),
      await gathered(ranks, texts[ranks.rank]),
      [...(await summed(ranks, 1, ranks.rank))],
    ]);
    for (const each of found) expect(each).toEqual([{ texts, none: null }, texts, [3, 3]]);
  });

  it('cost one process nothing', async () => {
    const value = { a: 1 };
    expect(await shared(alone, value)).toBe(value);
    expect(await gathered(alone, value)).toEqual([value]);
    const numbers = Float32Array.of(1, 2);
    await alone.sum(numbers);
    expect([...numbers]).toEqual([1, 2]);
  });
});
