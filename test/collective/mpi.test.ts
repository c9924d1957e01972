/** Ranks that MPI brings together, started by mpirun. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { alone } from '../../src/collective/collective.ts';
import { colorPhoto } from '../cli/color-photos.ts';
import { temporaryFolder } from '../run/tiny-run.ts';
import { hasMpirun, jsonOf, missing, mpirun, ranksOf } from './mpirun.ts';
import { cases, STEPS, train } from './tiny-training.ts';

const names = ['DINO without batch norm', 'DINO with batch norm in the head', 'SimCLR'];

async function imageFolder(count: number): Promise<string> {
  const folder = temporaryFolder();
  for (let i = 0; i < count; i++) writeFileSync(join(folder, `${i}.png`), await colorPhoto(i % 4, i));
  return folder;
}

describe.skipIf(!hasMpirun)(`under mpirun${missing}`, () => {
  it.each([2, 4])(
    '%i ranks take the steps of one process, twice the same bits, and stop at NaN alike',
    async (size) => {
      const run = (some: readonly string[]) => mpirun(ranksOf(size, 'mpi-training.ts', some));
      const [first, second] = [await run(names), size === 2 ? await run(names.slice(1, 2)) : undefined];
      expect(first.code, first.text).toBe(0);
      const { found, nan } = jsonOf(first);
      for (const name of names) {
        const { options } = await cases[name]!();
        const { results } = await train(options, alone, {});
        const ranks: number[][] = found[name];
        expect(ranks).toHaveLength(size);
        for (const losses of ranks) {
          expect(losses).toEqual(ranks[0]);
          expect(losses).toHaveLength(STEPS);
          for (const [step, loss] of losses.entries())
            expect(Math.abs(loss / results[step]!.loss - 1), `${name}, step ${step}`).toBeLessThan(1e-5);
        }
      }
      expect(nan).toEqual(Array(size).fill({ applied: [true, true, true, false] }));
      if (second !== undefined) expect(jsonOf(second).found[names[1]!]).toEqual(found[names[1]!]);
    },
  );

  const options = ['--threads', '1', '--num_workers', '0', '--arch', 'vit', '--dim', '32', '--depth', '2'];
  const training = (images: string, run: string, ...more: string[]): string[] => [
    ...['train', images, '--output_dir', run, '--eval_every', '0', '--batch_size_per_gpu', '2', ...options],
    ...more,
  ];

  it('a run is written by rank 0 alone, and a resume may have another number of ranks', async () => {
    const [folder, images] = [temporaryFolder(), await imageFolder(8)];
    const run = join(folder, 'run');
    const ended = await mpirun(ranksOf(2, 'mpi-command.ts', training(images, run, '--steps', '3')));
    expect(ended.code, ended.text).toBe(0);
    expect(ended.text).toContain('2 ranks on 1 machine, this one with ');
    expect(ended.text).toContain('3 steps of 4 images (2 on each of 2 ranks)');
    for (const once of ['Recipe auto', 'report.html', 'Trained 3 steps'])
      expect(ended.text.split(once)).toHaveLength(2);
    const resumed = await mpirun(
      ranksOf(4, 'mpi-command.ts', ['train', '--resume', run, '--steps', '5', '--threads', '1']),
    );
    expect(resumed.code, resumed.text).toBe(0);
    const { config } = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    expect([config.ranks, config.batchSizePerGpu]).toEqual([4, 1]);
  });

  it('a rank that is killed, and one that fails, end the others with a sentence', async () => {
    const [folder, images] = [temporaryFolder(), await imageFolder(8)];
    const long = (run: string) =>
      ranksOf(2, 'mpi-command.ts', training(images, join(folder, run), '--steps', '100000'));
    let killedAt = 0;
    const killed = await mpirun(long('killed'), { RANK_FOLDER: folder }, async () => {
      while (!existsSync(join(folder, 'killed', 'log.txt'))) await sleep(200);
      await sleep(1000);
      killedAt = performance.now();
      process.kill(Number(readFileSync(join(folder, 'pid1'), 'utf8')), 'SIGKILL');
    });
    expect(performance.now() - killedAt).toBeLessThan(30_000);
    expect(killed.code).not.toBe(0);
    expect(killed.text).toMatch(/rank 1 .* exited on signal 9/);
    const failed = await mpirun(long('failed'), {
      ...{ FAILING_RANK: '1', FAILS_WITH: join(folder, 'failed', 'log.txt') },
    });
    expect(failed.code).not.toBe(0);
    expect(failed.text).toMatch(/error on rank 1 \(.*\): The disk went away\./);
  });

  it('other options, wrong ones and a library that is not there are said once', async () => {
    const images = await imageFolder(4);
    const dry = (lr: string) => ['train', images, '--dry_run', '--lr', lr];
    const [one, two] = ['0.1', '0.2'].map((lr) => ranksOf(1, 'mpi-command.ts', dry(lr)));
    const differing = await mpirun([...one!, ':', ...two!]);
    expect(differing.code).not.toBe(0);
    expect(differing.text).toMatch(
      /Rank 1 \(.*\) was started with .* --lr 0\.2, rank 0 with .* --lr 0\.1: start all/,
    );
    const wrong = await mpirun(ranksOf(2, 'mpi-command.ts', ['train', images, '--learning_rat', '1']));
    expect(wrong.text.split('There is no flag --learning_rat')).toHaveLength(2);
    const without = await mpirun(ranksOf(2, 'mpi-command.ts', dry('0.1')), {
      DINO_MPI_LIBRARY: 'libnone.so',
    });
    expect(without.code).not.toBe(0);
    expect(without.text.split('DINO_MPI_LIBRARY names libnone.so')).toHaveLength(2);
    const other = await mpirun(ranksOf(2, 'mpi-command.ts', ['report', 'run']));
    expect(other.text).toContain('The command dino report works in one process');
  });
});
