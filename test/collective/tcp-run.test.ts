/** Processes that meet at a port of rank 0, as torchrun starts them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { alone } from '../../src/collective/collective.ts';
import { colorPhoto } from '../cli/color-photos.ts';
import { temporaryFolder } from '../run/tiny-run.ts';
import { freePort, startRank, startRanks } from './tcp-ranks.ts';
import { cases, STEPS, train } from './tiny-training.ts';

async function writeImages(folder: string, count: number): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(folder, `${i}.png`), await colorPhoto(i % 4, i));
  return folder;
}

const options = ['--threads', '1', '--num_workers', '0', '--arch', 'vit', '--dim', '32', '--depth', '2'];
const training = (images: string, run: string, ...more: string[]): string[] => [
  ...['train', images, '--output_dir', run, '--eval_every', '0', '--batch_size_per_gpu', '2', ...options],
  ...more,
];

const names = ['DINO without batch norm', 'SimCLR'];

it.each([2, 4])('%i processes take the steps of one with the whole batch', async (size) => {
  const ranks = await startRanks(size, 'mpi-training.ts', names);
  const [first, ...others] = await Promise.all(ranks.map(({ ended }) => ended));
  expect(first?.code, first?.err).toBe(0);
  for (const other of others) expect(other).toEqual({ code: 0, signal: null, out: '', err: '' });
  const { found, nan } = JSON.parse(first?.out ?? '');
  for (const name of names) {
    const { results } = await train((await cases[name]!()).options, alone, {});
    const losses: number[][] = found[name];
    expect(losses).toHaveLength(size);
    for (const each of losses) {
      expect(each).toEqual(losses[0]);
      expect(each).toHaveLength(STEPS);
      for (const [step, loss] of each.entries())
        expect(Math.abs(loss / results[step]!.loss - 1), `${name}, step ${step}`).toBeLessThan(1e-5);
    }
  }
  expect(nan).toEqual(Array(size).fill({ applied: [true, true, true, false] }));
});

describe('dino train', () => {
  it('is led by rank 0, and the others say and write nothing', async () => {
    const folder = temporaryFolder();
    const images = await writeImages(join(folder, 'images'), 8);
    const run = join(folder, 'run');
    const port = await freePort();
    const words = training(images, run, '--steps', '3', '--dist_url', `tcp://127.0.0.1:${port}`);
    // torch.distributed.launch gives each its number on the command line too.
    const ranks = [0, 1].map((rank) =>
      startRank({ rank, size: 2, port: 1 }, 'mpi-command.ts', [...words, `--local_rank=${rank}`]),
    );
    const [zero, one] = await Promise.all(ranks.map(({ ended }) => ended));
    expect(zero?.code, zero?.err).toBe(0);
    expect(zero?.err).toContain('2 ranks on 1 machine, this one with ');
    expect(zero?.err).toContain('3 steps of 4 images (2 on each of 2 ranks)');
    expect(one).toEqual({ code: 0, signal: null, out: '', err: '' });
    expect(readdirSync(run)).toContain('report.html');
    const resumed = await startRanks(1, 'mpi-command.ts', ['train', '--resume', run, '--steps', '4']);
    const alone = await resumed[0]!.ended;
    expect(alone.code, alone.err).toBe(0);
    expect(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')).config.batchSizePerGpu).toBe(4);
  });

  it('other settings and other images are refused by the number of the rank', async () => {
    const folder = temporaryFolder();
    const port = await freePort();
    const dry = (lr: string) => ['train', 'images', '--dry_run', '--lr', lr];
    await writeImages(join(folder, 'a', 'images'), 4);
    await writeImages(join(folder, 'b', 'images'), 5);
    const start = (rank: number, lr: string, place: string) =>
      startRank({ rank, size: 2, port }, 'mpi-command.ts', dry(lr), { RANK_DIRECTORY: join(folder, place) });
    const [settings] = await Promise.all([start(0, '0.1', 'a').ended, start(1, '0.2', 'a').ended]);
    expect(settings?.code).not.toBe(0);
    expect(settings?.err).toMatch(
      /Rank 1 \(.*\) was started with .* --lr 0\.2, rank 0 with .* --lr 0\.1: start all/,
    );
    const [data, other] = await Promise.all([start(0, '0.1', 'a').ended, start(1, '0.1', 'b').ended]);
    expect(data?.code).not.toBe(0);
    expect(data?.err).toContain(
      'Rank 1 sees 5 images, rank 0 4: give all machines the same images at images.',
    );
    expect([other?.code, other?.err]).toEqual([data?.code, '']);
  });

  it('ranks that do not find each other say so by their number', async () => {
    const port = await freePort();
    const start = (rank: number) =>
      startRank({ rank, size: 3, port }, 'mpi-command.ts', ['train', 'images'], { DINO_RANK_TIMEOUT: '3' })
        .ended;
    const [zero, one] = await Promise.all([start(0), start(1)]);
    for (const [rank, { code, err }] of [zero, one].entries()) {
      expect(code).toBe(1);
      expect(err).toMatch(
        new RegExp(`^error on rank ${rank} \\(.*\\): Rank 2 of 3 did not come to 127\\.0\\.0\\.1:`),
      );
    }
  });

  it('a command that works in one process says so once', async () => {
    const ranks = await startRanks(2, 'mpi-command.ts', ['report', 'run']);
    const [zero, one] = await Promise.all(ranks.map(({ ended }) => ended));
    expect(zero?.err).toContain('The command dino report works in one process: start it alone');
    expect(one?.err).toBe('');
  });
});

describe('a rank that goes ends the others with a sentence', () => {
  const start = async (more: Readonly<Record<string, string>> = {}) => {
    const folder = temporaryFolder();
    const images = await writeImages(join(folder, 'images'), 8);
    const run = join(folder, 'run');
    const env = { ...more, FAILS_WITH: join(folder, 'fails') };
    const ranks = await startRanks(2, 'mpi-command.ts', training(images, run, '--steps', '100000'), env);
    const begun = async (): Promise<void> => {
      while (!existsSync(join(run, 'log.txt'))) await sleep(200);
    };
    await Promise.race([begun(), ...ranks.map(({ ended }) => ended)]);
    return { ranks, folder };
  };

  it.each([0, 1])('killed, rank %i', async (rank) => {
    const { ranks } = await start();
    const killed = performance.now();
    ranks[rank]?.child.kill('SIGKILL');
    const ended = await ranks[1 - rank]?.ended;
    expect(performance.now() - killed).toBeLessThan(30_000);
    expect(ended?.code).toBe(1);
    const lost =
      rank === 0 ? /error on rank 1 \(.*\): Rank 0 at 127\.0\.0\.1:\d+ is lost/ : /Rank 1 \(.*\) is lost/;
    expect(ended?.err).toMatch(lost);
  });

  it('failing', async () => {
    const { ranks, folder } = await start({ FAILING_RANK: '1' });
    writeFileSync(join(folder, 'fails'), '');
    const [zero, one] = await Promise.all(ranks.map(({ ended }) => ended));
    expect([zero?.code, one?.code]).toEqual([1, 1]);
    expect(one?.err).toMatch(/error on rank 1 \(.*\): The disk went away\./);
    expect(zero?.err).toMatch(/Rank 1 \(.*\) has ended all: what happened stands in its own output\./);
  });
});
