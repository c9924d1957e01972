/** `dino train --seeds`: one run for each seed, and how far they lie apart. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { finalScores, scoreNames, spreadOf } from '../../src/run/final-scores.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { readRecord } from '../../src/run/run-record.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos } from './tiny-network.ts';

const tiny = [
  ...['--arch', 'convnet', '--widths', '8', '16', '--out_dim', '32', '--head_hidden_dim', '32'],
  ...['--head_bottleneck_dim', '16', '--global_crops_size', '16', '--local_crops_size', '8'],
  ...[
    '--batch_size_per_gpu',
    '8',
    '--steps',
    '3',
    '--threads',
    '1',
    '--num_workers',
    '1',
    '--eval_every',
    '3',
  ],
];

describe('several seeds', () => {
  it('are runs in folders of their own, with mean and deviation of their final scores', async () => {
    const images = await photos(['a', 'b'], 10);
    const output = join(temporaryFolder(), 'all');
    const said = await dino('train', images, ...tiny, '--seeds', '0', '7', '--output', output);
    expect(said.code).toBe(0);
    const folders = [0, 7].map((seed) => RunFolder.open(join(output, `seed-${seed}`)));
    expect(folders.map((folder) => readRecord(folder).config.seed)).toEqual([0, 7]);
    const names = scoreNames([]);
    const [a, b] = folders.map((folder) => finalScores(folder.readLog(), names));
    expect(a?.train_loss).not.toBe(b?.train_loss);
    const summary = JSON.parse(readFileSync(join(output, 'seeds.json'), 'utf8'));
    expect(summary.runs).toMatchObject([a, b].map((scores) => ({ scores })));
    // What the method measures is there, too.
    expect(summary.spread.teacher_entropy.mean).toBeGreaterThan(0);
    const [x = 0, y = 0] = [a?.knn_top1, b?.knn_top1];
    expect(summary.spread.knn_top1).toMatchObject({ mean: (x + y) / 2, runs: 2 });
    expect(summary.spread.knn_top1.deviation).toBeCloseTo(Math.abs(x - y) / Math.SQRT2, 9);
    expect(said.out).toMatch(/^at the end +mean +deviation +seed 0 +seed 7$/m);
    const row = new RegExp(
      `^20-NN top-1 % +${((x + y) / 2).toFixed(1)} .* ${x.toFixed(1)} +${y.toFixed(1)}$`,
      'm',
    );
    expect(said.out).toMatch(row);

    // Another seed later: the table covers all that are there.
    const more = await dino('train', images, ...tiny, '--seeds', '1', '--output', output, '--json');
    const last = JSON.parse(more.out.trimEnd().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({ type: 'seeds', spread: { train_loss: { runs: 3 } } });
    expect(last.runs.map(({ seed }: { seed: number }) => seed)).toEqual([0, 1, 7]);
    const again = await dino('train', images, ...tiny, '--seeds', '2', '7', '--output', output);
    expect(again).toMatchObject({ code: 1 });
    expect(again.err).toContain('seed-7 exists already');
    expect(existsSync(join(output, 'seed-2'))).toBe(false);
  });

  it('are refused where they cannot be meant', async () => {
    expect((await dino('train', '.', '--seeds', '1', '1')).err).toContain(
      '--seeds 1 1: must be different numbers.',
    );
    expect((await dino('train', '.', '--seeds', '1', '2', '--seed', '3')).err).toContain(
      '--seed 3 and --seeds',
    );
    expect((await dino('train', '.', '--seeds', '1.5')).err).toContain('must be a whole number');
  });
});

describe('the spread of scores', () => {
  it('is mean and sample standard deviation, of scores that all runs have', () => {
    const spread = spreadOf([
      { knn_top1: 60, train_loss: 2 },
      { knn_top1: 64, train_loss: 3 },
      { knn_top1: 65 },
    ]);
    expect(spread.knn_top1?.mean).toBeCloseTo(63, 12);
    expect(spread.knn_top1?.deviation).toBeCloseTo(Math.sqrt(7), 12); // (9 + 1 + 4) / 2
    expect(spread).not.toHaveProperty('train_loss');
    expect(spreadOf([{ knn_top1: 60 }]).knn_top1).toEqual({ mean: 60, deviation: undefined, runs: 1 });
  });
});
