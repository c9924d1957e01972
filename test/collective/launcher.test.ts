import { describe, expect, it } from 'vitest';
import { alone } from '../../src/collective/collective.ts';
import { launchedAs } from '../../src/collective/launcher.ts';
import { meetingPlace } from '../../src/collective/meeting-place.ts';
import { gathered, shared, summed } from '../../src/collective/messages.ts';
import { onRanks } from './local-collective.ts';

describe('what a launcher says in the environment', () => {
  it.each([
    [{}, undefined],
    [{ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' }, undefined],
    [
      { OMPI_COMM_WORLD_RANK: '3', OMPI_COMM_WORLD_SIZE: '8', OMPI_COMM_WORLD_LOCAL_SIZE: '4' },
      { rank: 3, size: 8, here: 4, by: 'Open MPI' },
    ],
    [
      { PMI_RANK: '1', PMI_SIZE: '2', MPI_LOCALNRANKS: '2' },
      { rank: 1, size: 2, here: 2, by: 'MPI' },
    ],
    [{ PMIX_RANK: '1' }, { rank: 1, size: undefined, here: undefined, by: 'MPI' }],
    // A job script of Slurm is not a step.
    [{ SLURM_NTASKS: '4', SLURM_PROCID: '0' }, undefined],
    [{ RANK: '0', WORLD_SIZE: '1', MASTER_ADDR: 'a' }, undefined],
    [
      { RANK: '2', WORLD_SIZE: '4', LOCAL_WORLD_SIZE: '2', SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '2' },
      { rank: 2, size: 4, here: 2, by: 'torchrun' },
    ],
    [
      { PMIX_RANK: '1', RANK: '2', WORLD_SIZE: '4', TORCHELASTIC_RUN_ID: 'none' },
      { rank: 2, size: 4, here: undefined, by: 'torchrun' },
    ],
    [
      { SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '4', SLURM_STEP_TASKS_PER_NODE: '2(x2)' },
      { rank: 1, size: 4, here: 2, by: 'Slurm' },
    ],
    [
      { PMI_RANK: '1', PMI_SIZE: '4', SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '4' },
      { rank: 1, size: 4, here: undefined, by: 'MPI' },
    ],
  ] as const)('%j', (environment, launched) => {
    expect(launchedAs(environment)).toEqual(launched);
  });
});

describe('where ranks meet', () => {
  const two = { RANK: '1', WORLD_SIZE: '2' };
  const master = { MASTER_ADDR: 'a.example', MASTER_PORT: '4000' };
  const slurm = { SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '4', SLURM_JOB_ID: '70123', SLURM_STEP_ID: '2' };
  const nodes = (list: string) => ({ ...slurm, SLURM_STEP_NODELIST: list });

  it.each([
    [{ ...two, ...master }, undefined, 'a.example', 4000],
    [{ ...two, MASTER_ADDR: 'a.example' }, undefined, 'a.example', 29500],
    [{ ...two, ...master }, 'env://', 'a.example', 4000],
    [{ ...two, ...master }, 'tcp://10.0.0.7:5000', '10.0.0.7', 5000],
    [two, 'tcp://[fe80::1]:5000', 'fe80::1', 5000],
    // torchrun keeps the port for itself.
    [{ ...two, ...master, TORCHELASTIC_USE_AGENT_STORE: 'True' }, undefined, 'a.example', 4001],
    [
      { ...two, ...master, MASTER_PORT: '65535', TORCHELASTIC_USE_AGENT_STORE: 'True' },
      undefined,
      'a.example',
      65534,
    ],
    [nodes('node[03-05,7],gpu1'), undefined, 'node03', 20325],
    [nodes('rack[2]n[4,6]'), undefined, 'rack2n4', 20325],
    [nodes('gpu1'), undefined, 'gpu1', 20325],
    [{ ...nodes('gpu1'), ...master }, undefined, 'a.example', 4000],
  ] as const)('%j, %s', (environment, distUrl, host, port) => {
    expect(meetingPlace(environment, distUrl)).toMatchObject({ host, port });
  });

  it('is none for one process, and where MPI brings them together', () => {
    expect(meetingPlace({}, 'tcp://10.0.0.7:5000')).toBeUndefined();
    expect(meetingPlace({ RANK: '0', WORLD_SIZE: '1', ...master })).toBeUndefined();
    expect(meetingPlace({ ...two, ...master, PMI_RANK: '1', PMI_SIZE: '2' })).toBeUndefined();
  });

  it('is kept apart from that of other runs', () => {
    const token = (environment: Record<string, string>) => meetingPlace(environment)?.token;
    expect(token({ ...two, ...master, DINO_RUN_TOKEN: 'secret' })).toBe('secret');
    const torch = { ...two, ...master, TORCHELASTIC_RUN_ID: 'a', TORCHELASTIC_RESTART_COUNT: '0' };
    expect(token({ ...torch, TORCHELASTIC_RESTART_COUNT: '1' })).not.toBe(token(torch));
    expect(token({ ...nodes('a'), SLURM_STEP_ID: '3' })).not.toBe(token(nodes('a')));
  });

  it.each([
    [
      { WORLD_SIZE: '2', ...master },
      undefined,
      /Several ranks are to meet at a\.example, and nothing says which/,
    ],
    [two, undefined, /This is rank 1 of 2, and nothing says where rank 0 is: set MASTER_ADDR/],
    [
      { RANK: '2', WORLD_SIZE: '2', ...master },
      undefined,
      /RANK is 2 and WORLD_SIZE 2: ranks count from 0 to 1/,
    ],
    [{ ...two, ...master, MASTER_PORT: 'http' }, undefined, /MASTER_PORT http is no port/],
    [two, 'tcp://10.0.0.7', /--dist_url tcp:\/\/10\.0\.0\.7 names no place to meet: give tcp/],
    [two, 'tcp://10.0.0.7:99999', /The port of --dist_url .* is no port/],
  ] as const)('%j, %s', (environment, distUrl, message) => {
    expect(() => meetingPlace(environment, distUrl)).toThrow(message);
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
